// SPDX-License-Identifier: Apache-2.0
// The bounds that the configuration sets, and what a listener that cannot be opened tells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::sip {

// Bounds of what the network can make grow. A transaction costs some 10 KiB while it lives.
struct ProxyLimits {
  size_t max_transactions = 20000;  // of either side, those that only absorb retransmissions too
  size_t max_calls = 4096;          // tracked; more are refused with 503
  size_t max_tcp_connections = 2048;
  size_t max_message_bytes = 65536;
  uint32_t tcp_idle_ms = 900000;  // longer than the longest keep-alive of phones
};

struct StartError {
  std::string listener;  // "lan udp 198.18.1.2:5060"
  std::string text;      // "address already in use"
};

}  // namespace holdfast::sip
