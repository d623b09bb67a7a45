// SPDX-License-Identifier: Apache-2.0
// Writes DPDK's --lcores.
#include "dataplane/ports/lcore_map.hh"

#include <sched.h>

#include <algorithm>

namespace holdfast::dataplane {
namespace {

constexpr size_t kMostCpus = 1 << 16;  // as many as a number in `cpus` can name

// As the kernel writes its lists: "0-3,6".
std::string ranges_of(std::span<const uint16_t> cpus) {
  std::string text;
  for (size_t first = 0, last = 0; first < cpus.size(); first = ++last) {
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(cpus[first]);
    if (last > first) text += "-" + std::to_string(cpus[last]);
  }
  return text;
}

}  // namespace

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
  // EINVAL: the kernel is made for more CPUs than the set has room for.
  for (size_t room = CPU_SETSIZE; allowed.empty() && room <= kMostCpus; room *= 2) {
    cpu_set_t* const set = CPU_ALLOC(room);
    if (set == nullptr) break;
    if (sched_getaffinity(0, CPU_ALLOC_SIZE(room), set) == 0) {
      for (size_t cpu = 0; cpu < room; ++cpu) {
        if (CPU_ISSET_S(cpu, CPU_ALLOC_SIZE(room), set))
          allowed.push_back(static_cast<uint16_t>(cpu));
      }
    }
    CPU_FREE(set);
  }
  if (allowed.empty()) allowed.push_back(0);
  return allowed;
}

std::string cpu_trouble(std::span<const uint16_t> cpus, std::span<const uint16_t> allowed) {
  for (const uint16_t cpu : cpus) {
    if (std::find(allowed.begin(), allowed.end(), cpu) != allowed.end()) continue;
    return "cpus: the packet loop cannot run on CPU " + std::to_string(cpu) +
           ": it is not there, offline, or not for this process (affinity, cpuset); CPUs to choose "
           "from: " +
           ranges_of(allowed);
  }
  return {};
}

}  // namespace holdfast::dataplane
