// SPDX-License-Identifier: Apache-2.0
// Which threads of DPDK run on which CPUs, and whether they may.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace holdfast::dataplane {

// The value of DPDK's --lcores. Lcore i + 1 is pinned to cpus[i]. Lcore 0, the calling thread,
// keeps away from those CPUs, and with it whatever threads it and DPDK start later; it may use them
// where `allowed` has no others. `allowed`: the CPUs that the process may use.
std::string lcore_map(std::span<const uint16_t> cpus, std::span<const uint16_t> allowed);

// Those that are online and that the calling thread may use, in order; their numbers may have
// holes.
std::vector<uint16_t> allowed_cpus();

// Why the packet loops cannot run on `cpus`: one line that names the first CPU that is not allowed,
// and those that are. Empty when they can.
std::string cpu_trouble(std::span<const uint16_t> cpus, std::span<const uint16_t> allowed);

}  // namespace holdfast::dataplane
