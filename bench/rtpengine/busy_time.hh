// SPDX-License-Identifier: Apache-2.0
// How long the CPUs of the whole machine have been at work.
#pragma once

#include <cstdint>

namespace holdfast::bench {

// Of all CPUs since the machine started, in clock ticks (sysconf(_SC_CLK_TCK), 100 a second), from
// /proc/stat. The kernel keeps `idle` to the microsecond where it stops its tick, and cuts it to
// ticks for each CPU here, so a difference of two readings is right to about one tick a CPU.
struct MachineTime {
  int64_t idle_ticks = 0;    // nothing to do, or waiting for a disk
  int64_t stolen_ticks = 0;  // a hypervisor ran others
};
// Zeroes when it cannot be read.
MachineTime machine_time();

// Seconds of CPU time between two readings that lie `elapsed_s` apart.
double busy_seconds(const MachineTime& before, const MachineTime& after, double elapsed_s);

}  // namespace holdfast::bench
