// SPDX-License-Identifier: Apache-2.0
// What is kept of each gateway's last request.
#include "sip/proxy/gateway_watch.hh"

#include <algorithm>
#include <utility>

namespace holdfast::sip {
namespace {

// A gateway that is away is called again and again.
constexpr uint64_t kTellAgainMs = 60000;
// Whoever waited for the handshake hears in its next turn that nothing can be sent.
constexpr uint64_t kSameFailureMs = 100;

std::string text_of(const GatewayStatus& gateway) {
  return "gateway " + gateway.name + " (" + std::string(name_of(gateway.transport)) + ' ' +
         gateway.address.to_string() + ')';
}

}  // namespace

GatewayWatch::GatewayWatch(const std::vector<Gateway>& gateways) {
  for (const Gateway& gateway : gateways)
    entries_.push_back({{gateway.name, gateway.address, gateway.transport, {}, 0}, {}});
}

void GatewayWatch::tls_failed(uint64_t now_ms, const SocketAddress& peer, const std::string& what) {
  for (Entry& entry : entries_) {
    if (entry.status.address != peer || entry.status.transport != Transport::tls) continue;
    entry.tls = "TLS " + what;
    entry.tls_ms = now_ms;
  }
}

std::string GatewayWatch::told(uint64_t now_ms, const Gateway& gateway, Evidence evidence) {
  const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& each) {
    return each.status.address == gateway.address && each.status.transport == gateway.transport;
  });
  if (entry == entries_.end()) return {};
  GatewayStatus& status = entry->status;
  if (is_good(evidence)) {
    status.why.clear();
    return std::exchange(entry->has_logged, false) ? text_of(status) + " answers again" : "";
  }
  const bool by_tls = evidence == Evidence::transport_error && !entry->tls.empty() &&
                      now_ms - entry->tls_ms < kSameFailureMs;
  status.why = by_tls ? entry->tls : std::string(text_of(evidence));
  status.failed_ms = now_ms;
  if (entry->has_logged && now_ms - entry->logged_ms < kTellAgainMs) return {};
  entry->has_logged = true;
  entry->logged_ms = now_ms;
  return text_of(status) + " cannot be reached: " + status.why;
}

std::vector<GatewayStatus> GatewayWatch::status() const {
  std::vector<GatewayStatus> all;
  for (const Entry& entry : entries_) all.push_back(entry.status);
  return all;
}

}  // namespace holdfast::sip
