// SPDX-License-Identifier: Apache-2.0
// Finds the targets that an unsafe request changed.
#include "provision-proxy/cache/invalidation.hh"

#include <algorithm>
#include <array>

#include "provision-proxy/http/text.hh"

namespace holdfast::provision {
namespace {

// "http://host" without the default port, so that two spellings of one origin compare the same.
std::string_view without_default_port(std::string_view origin) {
  const bool tls = same_word(origin.substr(0, 8), "https://");
  const std::string_view port = tls ? ":443" : ":80";
  if (origin.size() > port.size() && origin.substr(origin.size() - port.size()) == port)
    origin.remove_suffix(port.size());
  return origin;
}

bool same_origin(std::string_view a, std::string_view b) {
  return same_word(without_default_port(a), without_default_port(b));
}

bool is_ours(const CacheRequest& request, std::string_view origin, Origins origins) {
  if (std::any_of(origins.begin(), origins.end(),
                  [&](std::string_view one) { return same_origin(one, origin); }))
    return true;
  const auto host = request.fields.find("Host");
  if (!host || host->empty()) return false;
  return same_origin(std::string("http://").append(*host), origin);
}

// RFC 3986, 5.2.4, for a path that begins with a slash.
std::string without_dots(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const size_t next = path.find('/', 1);
    const std::string_view segment = path.substr(0, next);  // with its slash before it
    path = next == std::string_view::npos ? std::string_view() : path.substr(next);
    const bool last = path.empty();
    if (segment == "/..") {
      out.erase(out.empty() ? 0 : out.rfind('/'));
      if (last) out += '/';
    } else if (segment == "/.") {
      if (last) out += '/';
    } else {
      out += segment;
    }
  }
  return out;
}

struct Reference {
  std::string_view origin;  // "scheme://authority"; empty: none
  std::string_view path;
  std::string_view query;  // with its "?"
};

// None if it has another scheme than http and https, or characters that no reference has.
std::optional<Reference> split_reference(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || c == '\\') return std::nullopt;
  text = text.substr(0, text.find('#'));
  Reference reference;
  const size_t query = text.find('?');
  if (query != std::string_view::npos) {
    reference.query = text.substr(query);
    text = text.substr(0, query);
  }
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos && colon < text.find('/')) {
    const std::string_view scheme = text.substr(0, colon);
    if (!same_word(scheme, "http") && !same_word(scheme, "https")) return std::nullopt;
    if (text.substr(colon + 1, 2) != "//") return std::nullopt;
    const size_t path = text.find('/', colon + 3);
    reference.origin = text.substr(0, path);
    if (reference.origin.find('@') != std::string_view::npos) return std::nullopt;
    reference.path = path == std::string_view::npos ? "/" : text.substr(path);
    return reference;
  }
  if (text.substr(0, 2) == "//") return std::nullopt;  // of a scheme that we do not know here
  reference.path = text;
  return reference;
}

}  // namespace

std::optional<std::string> resolve_reference(const CacheRequest& request,
                                             std::string_view reference, Origins origins) {
  const auto parts = split_reference(reference);
  if (!parts) return std::nullopt;
  if (!parts->origin.empty() && !is_ours(request, parts->origin, origins)) return std::nullopt;
  const size_t query = request.target.find('?');
  const std::string_view base = request.target.substr(0, query);
  if (base.empty() || base.front() != '/') return std::nullopt;
  if (parts->path.empty()) {
    const bool own_query = parts->query.empty() && query != std::string_view::npos;
    return std::string(base).append(own_query ? request.target.substr(query) : parts->query);
  }
  if (parts->path.front() == '/') return without_dots(parts->path).append(parts->query);
  const std::string merged = std::string(base.substr(0, base.rfind('/') + 1)).append(parts->path);
  return without_dots(merged).append(parts->query);
}

bool is_safe(std::string_view method) {
  constexpr std::array<std::string_view, 4> kSafe = {"GET", "HEAD", "OPTIONS", "TRACE"};
  return std::find(kSafe.begin(), kSafe.end(), method) != kSafe.end();
}

std::vector<std::string> invalidated_targets(const CacheRequest& request,
                                             const ResponseHead& response, Origins origins) {
  std::vector<std::string> targets;
  if (is_safe(request.method) || response.status < 200 || response.status > 399) return targets;
  targets.emplace_back(request.target);
  for (const Field field : response.fields) {
    if (!same_word(field.name, "Location") && !same_word(field.name, "Content-Location")) continue;
    auto target = resolve_reference(request, field.value, origins);
    if (target && std::find(targets.begin(), targets.end(), *target) == targets.end())
      targets.push_back(std::move(*target));
  }
  return targets;
}

}  // namespace holdfast::provision
