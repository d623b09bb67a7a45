// SPDX-License-Identifier: Apache-2.0
// The machine's busy time: what is left of the CPUs' time.
#include "bench/rtpengine/busy_time.hh"

#include <gtest/gtest.h>
#include <unistd.h>

namespace holdfast::bench {
namespace {

TEST(BusyTime, IsWhatIdleAndTheHypervisorLeft) {
  const auto cpus = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
  const int64_t second = sysconf(_SC_CLK_TCK);
  const MachineTime before{.idle_ticks = 1'000'000, .stolen_ticks = 500};
  EXPECT_DOUBLE_EQ(busy_seconds(before, before, 4), 4 * cpus);
  const MachineTime idle{.idle_ticks = before.idle_ticks + second, .stolen_ticks = 500};
  EXPECT_DOUBLE_EQ(busy_seconds(before, idle, 4), 4 * cpus - 1);
  const MachineTime both{.idle_ticks = idle.idle_ticks, .stolen_ticks = 500 + second / 2};
  EXPECT_DOUBLE_EQ(busy_seconds(before, both, 4), 4 * cpus - 1.5);
}

TEST(BusyTime, TheMachineSaysHowLongItWasIdle) {
  const MachineTime first = machine_time();
  const MachineTime second = machine_time();
  EXPECT_GT(first.idle_ticks, 0);
  EXPECT_GE(second.idle_ticks, first.idle_ticks);
}

}  // namespace
}  // namespace holdfast::bench
