// SPDX-License-Identifier: Apache-2.0
// Frames that came to a port and were lost before a poll could take them.
#pragma once

#include <cstdint>
#include <vector>

namespace holdfast::dataplane {

// What the driver of a DPDK port counts as missed (rte_eth_stats::imissed). 0 where it counts none.
uint64_t driver_missed(uint16_t dpdk_port);

// Adds what the driver knows to what only its sockets know. The kernel forgets an AF_PACKET
// socket's count when it is read, so there must be one reader of a port: slow thread only.
class MissedFrames {
 public:
  // AF_XDP and AF_PACKET sockets of the port (EthernetPort::wake_fds()); they outlive this object.
  explicit MissedFrames(const std::vector<int>& sockets);

  // Frames missed since the port was opened. Never goes down.
  uint64_t read(uint64_t driver_missed);

 private:
  std::vector<int> xdp_;
  std::vector<int> packet_;
  uint64_t packet_missed_ = 0;
  uint64_t newest_ = 0;
};

}  // namespace holdfast::dataplane
