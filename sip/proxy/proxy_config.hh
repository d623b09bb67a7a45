// SPDX-License-Identifier: Apache-2.0
// What the proxy is to be told before it starts, and why it may not start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "sip/binding_table.hh"
#include "sip/dial_plan.hh"
#include "sip/route_state.hh"
#include "sip/upstream_health.hh"

namespace holdfast::sip {

// Bounds of what the network can make grow. A transaction costs some 10 KiB while it lives.
struct ProxyLimits {
  size_t max_transactions = 20000;  // of either side, those that only absorb retransmissions too
  size_t max_calls = 4096;          // tracked; more are refused with 503
  size_t max_tcp_connections = 2048;
  size_t max_message_bytes = 65536;
  uint32_t tcp_idle_ms = 900000;  // longer than the longest keep-alive of phones
};

// RFC 3261 section 17 and table 4.
struct TransactionTimers {
  uint32_t t1_ms = 500;
  uint32_t t2_ms = 4000;
  uint32_t t4_ms = 5000;
  uint32_t c_ms = 185000;  // above 3 minutes, section 16.6 step 11
};

struct ProxyConfig {
  RouteConfig route;
  HealthConfig health;
  BindingConfig bindings;
  DialPlan dial_plan;
  ProxyLimits limits;
  TransactionTimers timers;
  uint8_t dscp = 24;                     // CS3; 0: not marked
  std::string server_name = "Holdfast";  // Server of our answers, User-Agent of our OPTIONS
};

struct StartError {
  std::string listener;  // "lan udp 198.18.1.2:5060"
  std::string text;      // "address already in use"
};

}  // namespace holdfast::sip
