// SPDX-License-Identifier: Apache-2.0
// Stands between one TFTP client and the server, and loses, doubles and delays as its seed has it.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <thread>

#include "media/address.hh"

namespace holdfast::provision {

struct RelayRules {
  double loss = 0;
  double doubled = 0;
  unsigned spared = 0;         // datagrams at the beginning that come through
  bool lose_last_ack = false;  // every ACK after a block that is not full
  size_t block_bytes = 512;    // what is full
  unsigned seed = 1;
};

class LossyRelay {
 public:
  // Takes one client at a time: who sent the last request.
  LossyRelay(const SocketAddress& server, const RelayRules& rules);
  ~LossyRelay();
  uint16_t port() const { return port_; }
  uint64_t lost() const { return lost_; }

 private:
  void run();
  void from_client();
  void from_server();
  int copies();

  const RelayRules rules_;
  const SocketAddress server_;
  std::mt19937 random_;
  unsigned passed_ = 0;
  uint16_t port_ = 0;  // ahead of the socket that sets it
  int client_side_, server_side_;
  uint16_t client_port_ = 0;    // loopback, host order
  uint16_t transfer_port_ = 0;  // the server's, of the transfer that was asked for
  bool asked_ = false;
  bool last_block_seen_ = false;
  std::atomic<uint64_t> lost_{0};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace holdfast::provision
