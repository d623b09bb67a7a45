// SPDX-License-Identifier: Apache-2.0
// Forms of a target, escapes, dot segments and the Host field's grammar.
#include "provision-proxy/http/request_target.hh"

#include <algorithm>

#include "media/address.hh"
#include "provision-proxy/http/byte_class.hh"
#include "provision-proxy/http/request_limits.hh"

namespace holdfast::provision {
namespace {

// Reads a path as a reader who unescapes it would, and tells whether a segment is "..".
class SegmentWatch {
 public:
  // False: the segment that `c` ends is "..".
  bool take(char c) {
    if (c == '/') {
      if (dots_ == 2) return false;
      dots_ = 0;
      plain_ = true;
    } else if (plain_) {
      // Some servers cut parameters off before they resolve: "..;x" is ".." to them.
      if (c == ';')
        plain_ = false;
      else if (c == '.' && dots_ < 2)
        ++dots_;
      else
        dots_ = 0, plain_ = false;
    }
    return true;
  }
  bool end() const { return dots_ != 2; }

 private:
  int dots_ = 0;       // the segment so far is that many dots
  bool plain_ = true;  // and may still become others
};

// The byte that the escape at `text` stands for; nothing if it is none.
std::optional<uint8_t> unescape(std::string_view text) {
  if (text.size() < 3 || !is_byte(text[1], kHexByte) || !is_byte(text[2], kHexByte))
    return std::nullopt;
  return static_cast<uint8_t>(hex_value(text[1]) * 16 + hex_value(text[2]));
}

std::optional<GateRefusal> check_path_escape(uint8_t byte) {
  if (byte == 0) return GateRefusal::head_target_nul;
  if (byte < 0x20 || byte == 0x7f) return GateRefusal::head_target_escaped_control;
  if (byte == '\\') return GateRefusal::head_target_backslash;
  if (byte == 0xc0 || byte == 0xc1) return GateRefusal::head_target_overlong;
  return std::nullopt;
}

std::optional<GateRefusal> check_escaped_path(std::string_view path) {
  SegmentWatch segments;
  size_t read = 0;    // bytes, unescaped
  size_t escape = 0;  // of which the last so many begin an escape of their own
  for (size_t i = 0; i < path.size(); ++i, ++read) {
    char c = path[i];
    if (c == '%') {
      const auto byte = unescape(path.substr(i));
      if (!byte) return GateRefusal::head_target_bad_escape;
      if (const auto refusal = check_path_escape(*byte)) return refusal;
      c = static_cast<char>(*byte);
      i += 2;
    }
    escape = c == '%' ? 1 : escape > 0 && is_byte(c, kHexByte) ? escape + 1 : 0;
    if (escape == 3) return GateRefusal::head_target_double_escape;
    if (c == '/' && read == 1 && path[1] != '/') return GateRefusal::head_target_two_slashes;
    if (!segments.take(c)) return GateRefusal::head_target_dot_segments;
  }
  if (!segments.end()) return GateRefusal::head_target_dot_segments;
  return std::nullopt;
}

std::optional<GateRefusal> check_query(std::string_view query) {
  for (size_t i = query.find('%'); i != std::string_view::npos; i = query.find('%', i + 3)) {
    const auto byte = unescape(query.substr(i));
    if (!byte) return GateRefusal::head_target_bad_escape;
    if (*byte == 0) return GateRefusal::head_target_nul;
  }
  return std::nullopt;
}

bool starts_with_scheme(std::string_view text, std::string_view scheme) {
  return text.size() >= scheme.size() && same_text(text.substr(0, scheme.size()), scheme);
}

// Turns an absolute form into its authority and what remains. False: it is none.
bool take_absolute(std::string_view text, RequestTarget& out) {
  size_t scheme = 0;
  if (starts_with_scheme(text, "http://")) {
    scheme = 7;
    out.form = TargetForm::absolute_http;
  } else if (starts_with_scheme(text, "https://")) {
    scheme = 8;
    out.form = TargetForm::absolute_https;
  } else {
    return false;
  }
  const size_t end = text.find_first_of("/?", scheme);
  out.authority = text.substr(scheme, end == std::string_view::npos ? end : end - scheme);
  if (out.authority.empty()) return false;
  if (end == std::string_view::npos) {
    // An absolute form may lack the path, which then is "/" (RFC 9110 section 4.2.3): here is one.
    out.path_and_query = text.substr(scheme - 1, 1);
    return true;
  }
  out.path_and_query = text.substr(end);
  return text[end] == '/';
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.front() == '0') return false;
  unsigned port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  return port <= 65535;
}

}  // namespace

std::optional<GateRefusal> parse_request_target(std::string_view text, RequestTarget& out) {
  out = RequestTarget{};
  if (text.empty()) return GateRefusal::head_request_line_malformed;
  if (text.front() == '/')
    out.path_and_query = text;
  else if (!take_absolute(text, out))
    return GateRefusal::head_target_form;
  const size_t question = out.path_and_query.find('?');
  out.path = out.path_and_query.substr(0, question);
  out.escaped = out.path.find('%') != std::string_view::npos;
  if (out.escaped || out.path.find("..") != std::string_view::npos) {
    if (const auto refusal = check_escaped_path(out.path)) return refusal;
  }
  if (question == std::string_view::npos) return std::nullopt;
  return check_query(out.path_and_query.substr(question + 1));
}

bool is_valid_host(std::string_view host) {
  if (host.empty() || host.size() > kMaxHostBytes) return false;
  if (host.front() == '[') {
    const size_t close = host.find(']');
    if (close == std::string_view::npos) return false;
    const auto ip = IpAddress::parse(host.substr(1, close - 1));
    if (!ip || !ip->is_v6()) return false;
    const std::string_view rest = host.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
  }
  const size_t colon = host.find(':');
  const std::string_view name = host.substr(0, colon);
  if (name.empty() || name.front() == '.' || name.find("..") != std::string_view::npos)
    return false;
  if (!std::all_of(name.begin(), name.end(), [](char c) { return is_byte(c, kHostByte); }))
    return false;
  return colon == std::string_view::npos || is_port(host.substr(colon + 1));
}

}  // namespace holdfast::provision
