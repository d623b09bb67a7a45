// SPDX-License-Identifier: Apache-2.0
// Messages for tests of the cache policy: "Name: value" lines, in which "@-3000" is the date 3000
// seconds before the origin's now.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "provision-proxy/http/date.hh"
#include "provision-proxy/http/fields.hh"
#include "provision-proxy/http/response_head.hh"

namespace holdfast::provision {

constexpr int64_t kNow = 1764000000;  // of the origin and of us, when the first answer comes

// Lines end with "\n" or " | ".
inline Fields fields_of(std::string_view text, int64_t now = kNow) {
  Fields fields;
  while (!text.empty()) {
    const size_t line_end = text.find('\n'), bar = text.find(" | ");
    const size_t end = line_end < bar ? line_end : bar;
    const std::string_view line = text.substr(0, end);
    if (end == std::string_view::npos) {
      text = {};
    } else {
      text.remove_prefix(end + (line_end < bar ? 1 : 3));
    }
    const size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    std::string value(colon == std::string_view::npos ? "" : line.substr(colon + 1));
    const size_t at = value.find('@');
    if (at != std::string::npos) value = format_http_date(now + std::stoll(value.substr(at + 1)));
    fields.add(name, value);
  }
  return fields;
}

inline ResponseHead response_of(int status, std::string_view text, int64_t now = kNow) {
  return {status, "", fields_of(text, now)};
}

}  // namespace holdfast::provision
