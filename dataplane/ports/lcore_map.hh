// SPDX-License-Identifier: Apache-2.0
// Which threads of DPDK run on which CPUs.
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

// Those that the calling thread may use.
std::vector<uint16_t> allowed_cpus();

}  // namespace holdfast::dataplane
