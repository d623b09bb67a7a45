// SPDX-License-Identifier: Apache-2.0
// What somebody without the key can send into a stream of SRTP that he hears.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace holdfast::bench {

// A way not to be authentic, by the name of the drop that it must end in (media/srtp/verdict.hh).
struct SrtpDefect {
  std::string_view drop;
  std::string_view what;
  void (*apply)(uint8_t* frame);  // to a copy of the stream's newest frame; its length stays
};
std::span<const SrtpDefect> srtp_defects();

// Whether what came out was forged. No remote sets the marker bit, and a relay leaves it as it is.
// A replay cannot be told from what it repeats: only numbers tell.
bool is_forged(const uint8_t* frame);

}  // namespace holdfast::bench
