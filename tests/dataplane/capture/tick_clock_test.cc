// SPDX-License-Identifier: Apache-2.0
// Counter readings as wall-clock times, with a calibration that is wrong.
#include "dataplane/capture/tick_clock.hh"

#include <gtest/gtest.h>

#include <cstdlib>

namespace holdfast::dataplane {
namespace {

constexpr uint64_t kUnix = 1'700'000'000'000'000'000;
constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kTicksPerS = 2'500'000'000;

TickReading after(uint64_t ns) {
  return {1000 + ns * 5 / 2, 77 * kSecond + ns};
}
int64_t off_ns(const TickClock& clock, uint64_t ns) {
  return static_cast<int64_t>(clock.unix_ns_of(after(ns).ticks) - (kUnix + ns));
}

TEST(TickClock, ReadsBothSidesOfItsAnchor) {
  const TickClock clock(after(0), kUnix, kTicksPerS);
  EXPECT_EQ(off_ns(clock, 0), 0);
  EXPECT_EQ(off_ns(clock, kSecond), 0);
  EXPECT_EQ(clock.unix_ns_of(after(0).ticks - kTicksPerS / 1000), kUnix - 1'000'000);
}

// A calibration that is off by 200 parts in a million would be off by 12 ms after a minute.
TEST(TickClock, MeasuresItsOwnRate) {
  TickClock clock(after(0), kUnix, kTicksPerS * 1.0002);
  clock.anchor(after(kSecond / 10));
  EXPECT_LT(std::abs(off_ns(clock, kSecond / 10 + 5'000'000)), 1500)
      << "near the anchor all the same";
  for (uint64_t s = 1; s <= 60; ++s) {
    clock.anchor(after(s * kSecond));
    EXPECT_LE(std::abs(off_ns(clock, s * kSecond - kSecond / 2)), 2) << s;
    EXPECT_LE(std::abs(off_ns(clock, s * kSecond + kSecond / 2)), 2) << s;
  }
}

TEST(TickClock, TheMachinesOwnPairIsNear) {
  const TickReading first = read_ticks();
  const TickReading second = read_ticks();
  EXPECT_GT(second.ticks, first.ticks);
  EXPECT_GE(second.steady_ns, first.steady_ns);
}

}  // namespace
}  // namespace holdfast::dataplane
