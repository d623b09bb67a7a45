// SPDX-License-Identifier: Apache-2.0
// Asks a card to bring media to the queue of the lcore that owns its port (rte_flow). Start-up
// only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataplane/frame/frame_view.hh"

namespace holdfast::dataplane {

// UDP ports p with (p & mask) == port: what a card can compare.
struct PortMask {
  uint16_t port;
  uint16_t mask;
  friend bool operator==(const PortMask&, const PortMask&) = default;
};
// The fewest that together are exactly first to last: at most 30.
std::vector<PortMask> cover_ports(uint16_t first, uint16_t last);

// The media ports of one lcore, both ends included, and its queue.
struct QueueSlice {
  uint16_t first;
  uint16_t last;
  uint16_t queue;
};

// The device runs. Empty, or in one line why the card does not: then it has no rule of ours,
// spreads as it did, and frames change lcores by ring.
std::string steer_flows(uint16_t dpdk_port, const PortFilter& filter,
                        std::span<const QueueSlice> slices);

}  // namespace holdfast::dataplane
