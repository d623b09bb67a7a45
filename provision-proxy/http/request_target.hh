// SPDX-License-Identifier: Apache-2.0
// The target of a request: its form, and a path that no two readers resolve differently.
//
// Pure; views into what was given. RFC 9112 section 3.2, RFC 3986 section 3.3.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "provision-proxy/http/gate_refusal.hh"

namespace holdfast::provision {

enum class TargetForm : uint8_t { origin, absolute_http, absolute_https };

struct RequestTarget {
  std::string_view path_and_query;  // begins with '/'
  std::string_view path;            // the part of it before '?'
  std::string_view authority;       // of an absolute form, as it stands; else empty
  TargetForm form = TargetForm::origin;
  bool escaped = false;  // the path holds a %: decode it before a name in it is compared
};

// `text`: kTargetByte bytes only. What is read differently is refused: segments "..", also when
// they are escaped, end in an escaped slash, or carry a ';' parameter; NUL, control bytes,
// backslashes and percent signs that decoding would bring; a path that begins with "/%2f". A
// segment "." and slashes in a row lead nowhere else and pass, as phones send them: in a request
// "//x" is a path like any other (RFC 9112 section 3.2.1), and names a host only to those who
// resolve it as a reference, which nobody here does.
std::optional<GateRefusal> parse_request_target(std::string_view text, RequestTarget& out);

// A name, IPv4 address or bracketed IPv6 address, with or without a port of 1 to 65535: no
// userinfo, no list, no escapes, no zone.
bool is_valid_host(std::string_view host);

}  // namespace holdfast::provision
