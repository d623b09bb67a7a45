// SPDX-License-Identifier: Apache-2.0
// Turns readings of the time-stamp counter into wall-clock times: the packet loop reads the
// counter, which is one instruction; all else happens here, on the slow thread.
#pragma once

#include <cstdint>

namespace holdfast::dataplane {

// The counter and the steady clock at one moment, as close as they can be read.
struct TickReading {
  uint64_t ticks = 0;
  uint64_t steady_ns = 0;
};

// The rate is taken from `ticks_per_s` at first, and measured once the clock has run for a while:
// what a start-up calibration is wrong by would add up over a long capture. The wall clock is read
// once, so that a step of it does not tear a capture apart.
class TickClock {
 public:
  TickClock(const TickReading& start, uint64_t unix_ns, double ticks_per_s);

  // A newer reading; times near it come out best. Call it every second or so.
  void anchor(const TickReading& now);
  // Nanoseconds since 1970 at which the counter stood at `ticks`, before or after the anchor.
  uint64_t unix_ns_of(uint64_t ticks) const;

 private:
  TickReading start_, anchor_;
  uint64_t unix_ns_;  // at start_
  double ns_per_tick_;
};

// Reads both a few times and takes the closest pair.
TickReading read_ticks();

}  // namespace holdfast::dataplane
