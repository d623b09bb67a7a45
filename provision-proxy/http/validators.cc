// SPDX-License-Identifier: Apache-2.0
// Compares entity tags and evaluates conditions.
#include "provision-proxy/http/validators.hh"

#include <algorithm>

#include "provision-proxy/http/date.hh"
#include "provision-proxy/http/text.hh"

namespace holdfast::provision {
namespace {

constexpr bool is_etag_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == 0x21 || (byte >= 0x23 && byte != 0x7F);
}

// Takes the next tag off a list. A comma within quotes is part of the tag, and a backslash is a
// character like others: this is why the lists of list.hh will not do.
std::string_view take_tag(std::string_view& rest) {
  while (!rest.empty() && (is_ows(rest.front()) || rest.front() == ',')) rest.remove_prefix(1);
  size_t end = rest.substr(0, 2) == "W/" ? 2 : 0;
  if (end < rest.size() && rest[end] == '"') {
    const size_t close = rest.find('"', end + 1);
    end = close == std::string_view::npos ? rest.size() : close + 1;
  }
  end = std::min(rest.find(',', end), rest.size());
  const std::string_view tag = strip_ows(rest.substr(0, end));
  rest.remove_prefix(end);
  return tag;
}

}  // namespace

std::optional<EntityTag> parse_entity_tag(std::string_view text) {
  EntityTag tag;
  if (text.substr(0, 2) == "W/") {
    tag.weak = true;
    text.remove_prefix(2);
  }
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  for (const char c : text.substr(1, text.size() - 2))
    if (!is_etag_char(c)) return std::nullopt;
  tag.opaque = text;
  return tag;
}

bool strongly_equal(std::string_view a, std::string_view b) {
  const auto left = parse_entity_tag(a), right = parse_entity_tag(b);
  return left && right && !left->weak && !right->weak && left->opaque == right->opaque;
}

bool weakly_equal(std::string_view a, std::string_view b) {
  const auto left = parse_entity_tag(a), right = parse_entity_tag(b);
  if (left && right) return left->opaque == right->opaque;
  return !a.empty() && a == b;
}

bool names_entity_tag(const Fields& request, std::string_view field, std::string_view etag,
                      bool strong) {
  for (const Field line : request) {
    if (!same_word(line.name, field)) continue;
    std::string_view rest = line.value;
    while (!rest.empty()) {
      const std::string_view tag = take_tag(rest);
      if (tag == "*" || (strong ? strongly_equal(tag, etag) : weakly_equal(tag, etag))) return true;
    }
  }
  return false;
}

Condition evaluate_condition(const Fields& request, const Fields& response, int64_t received,
                             int64_t now) {
  if (request.has("If-None-Match")) {
    const std::string_view etag = response.find("ETag").value_or("");
    return names_entity_tag(request, "If-None-Match", etag, false) ? Condition::not_modified
                                                                   : Condition::modified;
  }
  if (request.count("If-Modified-Since") != 1) return Condition::none;
  const auto since = parse_http_date(*request.find("If-Modified-Since"), now);
  if (!since) return Condition::none;
  auto changed = received;
  if (const auto modified = response.find("Last-Modified")) {
    const auto date = parse_http_date(*modified, now);
    if (!date) return Condition::modified;
    changed = *date;
  } else if (const auto sent = response.find("Date")) {
    changed = parse_http_date(*sent, now).value_or(received);
  }
  return changed <= *since ? Condition::not_modified : Condition::modified;
}

}  // namespace holdfast::provision
