// SPDX-License-Identifier: Apache-2.0
// What the proxy is to be told before it starts, and why it may not start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "sip/binding_table.hh"
#include "sip/dial_plan.hh"
#include "sip/proxy/transaction_timers.hh"
#include "sip/route_state.hh"
#include "sip/transport/tls_config.hh"
#include "sip/transport/transport_limits.hh"
#include "sip/upstream_health.hh"

namespace holdfast::sip {

struct ProxyConfig {
  explicit ProxyConfig(DialPlan plan) : dial_plan(std::move(plan)) {}

  RouteConfig route;
  HealthConfig health;
  BindingConfig bindings;
  DialPlan dial_plan;
  ProxyLimits limits;
  TlsConfig tls;
  TransactionTimers timers;
  uint8_t dscp = 24;                     // CS3; 0: not marked
  std::string server_name = "Holdfast";  // Server of our answers, User-Agent of our OPTIONS
};

}  // namespace holdfast::sip
