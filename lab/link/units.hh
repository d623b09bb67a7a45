// SPDX-License-Identifier: Apache-2.0
// Numbers with units as people type them on the lab's command line: 20ms, 2%, 512kbit, 60.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::lab {

// Longest delay that makes sense in a lab; it also keeps every sum of times far from overflow.
inline constexpr int64_t kMaxDuration_ns = 60'000'000'000;

// Each parser takes the whole text or nothing: empty, negative, trailing letters and values out
// of range give nullopt. A bare number has no unit and is refused where a unit is needed, but 0.
std::optional<int64_t> parse_duration_ns(std::string_view text);  // ns, us, ms, s; at most 60 s
std::optional<double> parse_probability(std::string_view text);   // 0%..100% gives 0..1
std::optional<uint64_t> parse_rate_bps(std::string_view text);    // bit, kbit, mbit, gbit
std::optional<uint64_t> parse_count(std::string_view text, uint64_t max);

// The same units back, so that what `show` prints can be typed into `set`.
std::string duration_text(int64_t ns);
std::string probability_text(double probability);
std::string rate_text(uint64_t bps);

}  // namespace holdfast::lab
