// SPDX-License-Identifier: Apache-2.0
// When a file that the centre had and now denies is believed to be gone.
//
// Pure; the store remembers the count. One 404 after a good file is more often a fault at the
// centre than a decision, and a phone without its file is a dead phone. Only a 404 that is said
// again and again over a day counts.
#pragma once

#include <cstdint>

#include "provision-proxy/store/remark.hh"

namespace holdfast::provision {

inline constexpr int64_t kGoneTimes = 3;
inline constexpr int64_t kGoneOver_ms = 24 * 3600 * int64_t{1000};

// Another 404 of this file, of which `seen` is known and then counts this one too. True: believe
// it now, and forget what was seen. It counts no further than needed, so that a phone that asks on
// and on writes nothing down.
inline bool denied_long_enough(Remark& seen, int64_t now_ms) {
  if (seen.times == 0) seen.since_ms = now_ms;
  if (seen.times < kGoneTimes) ++seen.times;
  if (seen.times < kGoneTimes || now_ms - seen.since_ms < kGoneOver_ms) return false;
  seen = {};
  return true;
}

}  // namespace holdfast::provision
