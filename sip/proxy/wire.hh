// SPDX-License-Identifier: Apache-2.0
// What a response context needs of the proxy around it: sending, matching answers, the shared
// state.
//
// For sip/proxy/*.cc only. SIP loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "sip/binding_table.hh"
#include "sip/loop.hh"
#include "sip/media_filter.hh"
#include "sip/proxy/call_table.hh"
#include "sip/proxy/proxy_config.hh"
#include "sip/route_state.hh"
#include "sip/transport/endpoints.hh"
#include "sip/transport/view.hh"
#include "sip/upstream_health.hh"

namespace holdfast::sip {

// A response with its view and where it came from.
struct Arrived {
  const Message& message;
  const ResponseView& view;
  const Origin& origin;
};

// A request of ours on its way: who is told of its answers, and of its hop's failure.
struct Pending {
  std::string peer;  // of peer_key()
  std::function<void(const Arrived&)> answered;
  std::function<void(SendFailure)> failed;
};

inline std::string peer_key(const SocketAddress& address, Transport transport) {
  return address.to_string() + '/' + std::string(name_of(transport));
}

class Wire {
 public:
  virtual ~Wire() = default;

  // By the branch of our Via and the method of the CSeq. The request that has them is ours until
  // it is forgotten.
  virtual void expect(const std::string& branch, std::string_view method, Pending pending) = 0;
  virtual void forget(const std::string& branch, std::string_view method) = 0;

  // A request of our own, such as the BYE of a dialog that nobody wants; answers are absorbed.
  virtual void send_alone(Message request, const NextHop& hop) = 0;
  // The server of the centre that listens there, if one does.
  virtual std::optional<Upstream> upstream_at(const NextHop& hop) const = 0;
  // What a request to a gateway has shown.
  virtual void gateway_told(const Gateway& gateway, Evidence evidence) = 0;
  // What the certificate of a hop at that address is to be for, if we may connect to it by TLS.
  virtual std::string tls_name_at(const IpAddress& ip) const = 0;
  // The hop of a target as things stand: a phone's connection may have gone, with our restart or
  // its own; then it may have opened another, or listen where its Contact says.
  virtual NextHop hop_now(const Target& target) const = 0;
  // Where a URI leads; none: not known.
  virtual std::optional<NextHop> resolve_hop(const Uri& uri) const = 0;

  // Something that may have changed the health was told to it.
  virtual void health_told() = 0;
  virtual void bindings_changed() = 0;
  virtual void count(std::string_view name) = 0;
  // The context holds nothing any more.
  virtual void context_done(uint64_t id) = 0;

  Loop& loop;
  const ProxyConfig& config;
  Endpoints& endpoints;
  UpstreamHealth& health;
  BindingTable& bindings;
  CallTable& calls;
  MediaFilter* media;

 protected:
  Wire(Loop& the_loop, const ProxyConfig& the_config, Endpoints& the_endpoints,
       UpstreamHealth& the_health, BindingTable& the_bindings, CallTable& the_calls,
       MediaFilter* the_media)
      : loop(the_loop),
        config(the_config),
        endpoints(the_endpoints),
        health(the_health),
        bindings(the_bindings),
        calls(the_calls),
        media(the_media) {}
};

}  // namespace holdfast::sip
