// SPDX-License-Identifier: Apache-2.0
// Whether the gateways can be reached, by how the last request to each went: nobody probes them.
//
// For sip/proxy/*.cc only. SIP loop only; the time is handed in (monotonic milliseconds).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sip/proxy/proxy_snapshot.hh"
#include "sip/route_state.hh"
#include "sip/upstream_member.hh"

namespace holdfast::sip {

class GatewayWatch {
 public:
  explicit GatewayWatch(const std::vector<Gateway>& gateways);

  // A handshake of ours came to nothing, which is why the requests that wait for it will fail.
  void tls_failed(uint64_t now_ms, const SocketAddress& peer, const std::string& what);
  // What a request to that gateway has shown. A line for the log, if that is news.
  std::string told(uint64_t now_ms, const Gateway& gateway, Evidence evidence);

  std::vector<GatewayStatus> status() const;

 private:
  struct Entry {
    GatewayStatus status;
    std::string tls;  // of the last handshake, at tls_ms
    uint64_t tls_ms = 0;
    uint64_t logged_ms = 0;
    bool has_logged = false;  // that it cannot be reached, and not yet that it can again
  };
  std::vector<Entry> entries_;
};

}  // namespace holdfast::sip
