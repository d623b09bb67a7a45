// SPDX-License-Identifier: Apache-2.0
// Dates of HTTP (RFC 9110, 5.6.7), as seconds since 1970 in UTC. No time zone of the machine
// counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::provision {

// IMF-fixdate, RFC 850 and asctime, words in any case (RFC 9111, 4.2). The day of the week is read
// but not held against the date. Another zone than GMT is no date. `now` places the two-digit year
// of RFC 850: what would be more than 50 years ahead lies in the past.
std::optional<int64_t> parse_http_date(std::string_view text, int64_t now);

// "Sun, 06 Nov 1994 08:49:37 GMT". Years 0 to 9999; what lies outside is brought to the nearest.
std::string format_http_date(int64_t unix_s);

}  // namespace holdfast::provision
