// SPDX-License-Identifier: Apache-2.0
// Writes DPDK's --lcores.
#include "dataplane/ports/lcore_map.hh"

#include <sched.h>

#include <algorithm>

namespace holdfast::dataplane {

std::string lcore_map(std::span<const uint16_t> cpus, std::span<const uint16_t> allowed) {
  std::string others;
  std::string all;
  for (const uint16_t cpu : allowed) {
    const std::string number = "," + std::to_string(cpu);
    all += number;
    if (std::find(cpus.begin(), cpus.end(), cpu) == cpus.end()) others += number;
  }
  std::string map = "0@(" + (others.empty() ? all : others).substr(1) + ")";
  for (size_t i = 0; i < cpus.size(); ++i)
    map += "," + std::to_string(i + 1) + "@" + std::to_string(cpus[i]);
  return map;
}

std::vector<uint16_t> allowed_cpus() {
  std::vector<uint16_t> allowed;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (uint16_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) allowed.push_back(cpu);
    }
  }
  if (allowed.empty()) allowed.push_back(0);  // more CPUs than a cpu_set_t has
  return allowed;
}

}  // namespace holdfast::dataplane
