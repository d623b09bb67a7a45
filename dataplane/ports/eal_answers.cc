// SPDX-License-Identifier: Apache-2.0
// Answers two of DPDK's questions about the machine faster than DPDK (22.11) does; the linker puts
// these in the place of its own functions (--wrap). A successor has 200 ms to take up the calls.
//
// How fast is the time stamp counter? Where neither CPUID nor an MSR says it, as in most virtual
// machines, DPDK sleeps 100 ms at every start to count the ticks. Two are enough.
//
// On which NUMA node is a CPU? DPDK asks for each of 128 CPUs and 32 nodes, whether the CPU exists
// or not: 5,000 system calls, 10 ms.
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "dataplane/capture/tick_clock.hh"

namespace holdfast::dataplane {

extern "C" uint64_t tsc_frequency() asm("__wrap_get_tsc_freq");
extern "C" unsigned node_of_cpu(unsigned cpu) asm("__wrap_eal_cpu_socket_id");
extern "C" unsigned dpdk_node_of_cpu(unsigned cpu) asm("__real_eal_cpu_socket_id");

// Hz. Each reading is good to some 50 ns, so the result is to some 50 parts in a million; who needs
// more (captures) measures on.
extern "C" uint64_t tsc_frequency() {
  constexpr double kNsPerS = 1e9;
  constexpr timespec kLongEnough{0, 2'000'000};
  const TickReading first = read_ticks();
  nanosleep(&kLongEnough, nullptr);
  const TickReading last = read_ticks();
  const auto ticks = static_cast<double>(last.ticks - first.ticks);
  return static_cast<uint64_t>(ticks * kNsPerS /
                               static_cast<double>(last.steady_ns - first.steady_ns));
}

extern "C" unsigned node_of_cpu(unsigned cpu) {
  const std::string about = "/sys/devices/system/cpu/cpu" + std::to_string(cpu);
  return access(about.c_str(), F_OK) == 0 ? dpdk_node_of_cpu(cpu) : 0;
}

}  // namespace holdfast::dataplane
