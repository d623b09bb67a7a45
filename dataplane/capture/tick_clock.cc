// SPDX-License-Identifier: Apache-2.0
// Between the counter and the clock by a straight line.
#include "dataplane/capture/tick_clock.hh"

#include <rte_cycles.h>

#include "dataplane/runtime/lcore_loop.hh"

namespace holdfast::dataplane {
namespace {

// A pair is off by a microsecond at most, so a rate over so long by a few parts in a million.
constexpr uint64_t kMeasureAfterNs = 500'000'000;
constexpr int kReadings = 5;

}  // namespace

TickClock::TickClock(const TickReading& start, uint64_t unix_ns, double ticks_per_s)
    : start_(start), anchor_(start), unix_ns_(unix_ns), ns_per_tick_(1e9 / ticks_per_s) {}

void TickClock::anchor(const TickReading& now) {
  anchor_ = now;
  if (now.steady_ns < start_.steady_ns + kMeasureAfterNs || now.ticks <= start_.ticks) return;
  ns_per_tick_ = static_cast<double>(now.steady_ns - start_.steady_ns) /
                 static_cast<double>(now.ticks - start_.ticks);
}

uint64_t TickClock::unix_ns_of(uint64_t ticks) const {
  const auto ticks_after = static_cast<int64_t>(ticks - anchor_.ticks);
  const auto ns_after = static_cast<int64_t>(static_cast<double>(ticks_after) * ns_per_tick_);
  return unix_ns_ + (anchor_.steady_ns - start_.steady_ns) + static_cast<uint64_t>(ns_after);
}

TickReading read_ticks() {
  TickReading best;
  uint64_t shortest = UINT64_MAX;
  for (int i = 0; i < kReadings; ++i) {
    const uint64_t before = rte_rdtsc();
    const uint64_t steady = steady_ns();
    const uint64_t after = rte_rdtsc();
    if (after - before >= shortest) continue;
    shortest = after - before;
    best = {before + shortest / 2, steady};
  }
  return best;
}

}  // namespace holdfast::dataplane
