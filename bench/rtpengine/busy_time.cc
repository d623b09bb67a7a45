// SPDX-License-Identifier: Apache-2.0
// Reads /proc/stat (proc_stat(5)).
#include "bench/rtpengine/busy_time.hh"

#include <unistd.h>

#include <fstream>
#include <string>

namespace holdfast::bench {

MachineTime machine_time() {
  std::ifstream stat("/proc/stat");
  std::string name;
  int64_t user = 0;
  int64_t nice = 0;
  int64_t system = 0;
  int64_t idle = 0;
  int64_t disk = 0;
  int64_t irq = 0;
  int64_t softirq = 0;
  int64_t stolen = 0;
  if (!(stat >> name >> user >> nice >> system >> idle >> disk >> irq >> softirq >> stolen))
    return {};
  return {.idle_ticks = idle + disk, .stolen_ticks = stolen};
}

double busy_seconds(const MachineTime& before, const MachineTime& after, double elapsed_s) {
  const auto ticks_per_s = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto cpus = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
  const int64_t elsewhere =
      after.idle_ticks - before.idle_ticks + after.stolen_ticks - before.stolen_ticks;
  return cpus * elapsed_s - static_cast<double>(elsewhere) / ticks_per_s;
}

}  // namespace holdfast::bench
