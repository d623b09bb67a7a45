// SPDX-License-Identifier: Apache-2.0
// One DPDK port: opened from its configuration, started with its pairs of queues, closed by its
// owner.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/address.hh"
#include "media/result.hh"

namespace holdfast::dataplane {

struct PortRequest {
  std::string name;               // of the interface; becomes part of the DPDK device name
  std::string driver;             // af_xdp, af_packet, virtio_user, vhost, memif, ring, null, pci
  std::string device;             // kernel device, socket path or PCI address
  std::string xdp_program;        // af_xdp only
  std::optional<MacAddress> mac;  // virtio_user, vhost, memif: the address the port shall have
  uint32_t memif_id = 0;          // memif only
  uint16_t longest_frame = 1518;  // bytes
  uint16_t queues = 1;            // pairs; af_xdp, virtio_user, vhost, pci only
};

// Start-up only. After start() each pair of queues belongs to its lcore.
class EthernetPort {
 public:
  // Creates the DPDK device and sets up its queues; nothing is received yet. Errors are one line.
  static Result<std::unique_ptr<EthernetPort>, std::string> open(const PortRequest& request,
                                                                 rte_mempool* pool);
  ~EthernetPort();
  EthernetPort(const EthernetPort&) = delete;
  EthernetPort& operator=(const EthernetPort&) = delete;

  // The error text, or empty when the port runs.
  std::string start();
  // No frame is received or sent after it; the lcore must have stopped polling. Repeating it does
  // nothing.
  void stop();

  uint16_t id() const { return id_; }
  MacAddress mac() const;
  bool link_up() const;
  // Descriptors that become readable when a frame arrives at a queue, where the driver has such
  // (AF_XDP and AF_PACKET sockets); an idle lcore waits on them instead of polling. Empty: it must
  // look by itself.
  const std::vector<int>& wake_fds(uint16_t queue) const { return wake_fds_[queue]; }
  std::vector<int> sockets() const;  // those of all queues

 private:
  explicit EthernetPort(uint16_t id) : id_(id) {}
  uint16_t id_;
  std::optional<MacAddress> given_mac_;  // of a driver that has none to set
  bool started_ = false;
  std::vector<std::vector<int>> wake_fds_;  // by queue
};

// The packet buffers of all ports. Null with `error` set when memory is short.
rte_mempool* make_packet_pool(uint32_t frames, uint16_t longest_frame, std::string& error);

}  // namespace holdfast::dataplane
