// SPDX-License-Identifier: Apache-2.0
// Reads the drop counts of drivers and of their sockets.
#include "dataplane/ports/missed_frames.hh"

#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <rte_ethdev.h>
#include <sys/socket.h>

#include <algorithm>

namespace holdfast::dataplane {
namespace {

// Not added: rx_fill_ring_empty_descs, since each frame that finds the fill ring empty is in
// rx_dropped too; a driver with zero copy leaves such frames in the NIC and counts attempts.
uint64_t xdp_missed(int fd) {
  xdp_statistics counted{};
  socklen_t size = sizeof counted;
  if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, &counted, &size) != 0) return 0;
  return counted.rx_dropped + counted.rx_ring_full;
}

uint64_t packet_missed_since_last(int fd) {
  tpacket_stats counted{};
  socklen_t size = sizeof counted;
  if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &counted, &size) != 0) return 0;
  return counted.tp_drops;
}

int domain_of(int fd) {
  int domain = -1;
  socklen_t size = sizeof domain;
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  return domain;
}

}  // namespace

// rx_nombuf stays out: a driver that finds no buffer leaves the frame where it is, and what then
// finds no room is in imissed.
uint64_t driver_missed(uint16_t dpdk_port) {
  rte_eth_stats stats{};
  return rte_eth_stats_get(dpdk_port, &stats) == 0 ? stats.imissed : 0;
}

MissedFrames::MissedFrames(const std::vector<int>& sockets) {
  for (const int fd : sockets) {
    const int domain = domain_of(fd);
    if (domain == AF_XDP) xdp_.push_back(fd);
    if (domain == AF_PACKET) packet_.push_back(fd);
  }
}

uint64_t MissedFrames::read(uint64_t driver_missed) {
  // DPDK's af_xdp takes its imissed from rx_dropped of the same sockets: not counted twice.
  uint64_t missed = xdp_.empty() ? driver_missed : 0;
  for (const int fd : xdp_) missed += xdp_missed(fd);
  for (const int fd : packet_) packet_missed_ += packet_missed_since_last(fd);
  newest_ = std::max(newest_, missed + packet_missed_);
  return newest_;
}

}  // namespace holdfast::dataplane
