// SPDX-License-Identifier: Apache-2.0
// Who somebody is, which URIs are ours, and where others lead.
#include "sip/route_state.hh"

#include <algorithm>

namespace holdfast::sip {
namespace {

constexpr uint16_t kSipPort = 5060;
constexpr uint16_t kSipsPort = 5061;

std::optional<Transport> transport_of(const Uri& uri) {
  const UriParameter* named = uri.find("transport");
  if (uri.scheme == Scheme::sips) return Transport::tls;
  if (named == nullptr) return Transport::udp;
  for (const Transport transport : {Transport::udp, Transport::tcp, Transport::tls})
    if (equal_fold(named->value, name_of(transport))) return transport;
  return std::nullopt;
}

// The interface behind which a peer is known to be.
std::string interface_of(const RouteState& state, const IpAddress& ip) {
  for (const Upstream& upstream : state.upstreams)
    if (upstream.address.ip == ip) return state.config.centre_interface;
  for (const Gateway& gateway : state.config.gateways)
    if (gateway.address.ip == ip) return gateway.interface;
  return {};
}

}  // namespace

uint16_t default_port(Transport transport) {
  return transport == Transport::tls ? kSipsPort : kSipPort;
}

const Gateway* gateway_at(const RouteConfig& config, const NextHop& hop) {
  for (const Gateway& gateway : config.gateways)
    if (gateway.address == hop.address && gateway.transport == hop.transport) return &gateway;
  return nullptr;
}

const Gateway* gateway_of(const RouteConfig& config, const IpAddress& ip, Transport transport) {
  for (const Gateway& gateway : config.gateways)
    if (gateway.address.ip == ip && gateway.transport == transport) return &gateway;
  return nullptr;
}

std::string tls_name_of(const Gateway& gateway) {
  return gateway.transport == Transport::tls ? "gateway " + gateway.name : "";
}

std::string tls_name_of(const RouteConfig& config, const std::vector<Upstream>& upstreams,
                        const IpAddress& ip, const std::string& otherwise) {
  const bool is_centre =
      std::any_of(upstreams.begin(), upstreams.end(),
                  [&](const Upstream& upstream) { return upstream.address.ip == ip; });
  if (is_centre) return config.centre_domain;
  const Gateway* gateway = gateway_of(config, ip, Transport::tls);
  return gateway != nullptr ? tls_name_of(*gateway) : otherwise;
}

Peer peer_of(const RouteState& state, const Origin& origin) {
  // By address only: connections come from any port.
  for (const Upstream& upstream : state.upstreams)
    if (upstream.address.ip == origin.address.ip) return Peer::centre;
  for (const Gateway& gateway : state.config.gateways)
    if (gateway.address.ip == origin.address.ip && gateway.interface == origin.interface &&
        (gateway.transport != Transport::tls || origin.transport == Transport::tls))
      return Peer::gateway;
  const bool phones = std::any_of(
      state.config.listeners.begin(), state.config.listeners.end(), [&](const Listener& listener) {
        return listener.interface == origin.interface && listener.faces_phones;
      });
  return phones ? Peer::phone : Peer::stranger;
}

LinkId link_of(const RouteConfig& config, const std::vector<Upstream>& upstreams,
               const IpAddress& ip, std::string_view interface) {
  for (const Upstream& upstream : upstreams)
    if (upstream.address.ip == ip) return kCentreLink;
  for (size_t i = 0; i < config.gateways.size(); ++i)
    if (config.gateways[i].address.ip == ip && config.gateways[i].interface == interface)
      return static_cast<LinkId>(i + 1);
  return kNoLink;
}

std::vector<AdmissionBook::Link> links_of(const RouteConfig& config) {
  std::vector<AdmissionBook::Link> links{{"centre", config.centre_limits}};
  for (const Gateway& gateway : config.gateways) links.push_back({gateway.name, gateway.limits});
  return links;
}

bool is_ours(const RouteConfig& config, const Uri& uri) {
  if ((uri.scheme != Scheme::sip && uri.scheme != Scheme::sips) || uri.host.empty()) return false;
  const bool named =
      std::any_of(config.aliases.begin(), config.aliases.end(),
                  [&](const std::string& alias) { return same_host(alias, uri.host); });
  const auto ip = IpAddress::parse(uri.host);
  return std::any_of(
      config.listeners.begin(), config.listeners.end(), [&](const Listener& listener) {
        const uint16_t port = uri.port != 0 ? uri.port : default_port(listener.transport);
        // A name without a port stands for whichever port its SRV records give.
        return (ip == listener.address.ip && port == listener.address.port) ||
               (named && (uri.port == 0 || port == listener.address.port));
      });
}

const Listener* listener_for(const RouteConfig& config, std::string_view interface,
                             Transport transport, const IpAddress& peer) {
  for (const Listener& listener : config.listeners)
    if (listener.interface == interface && listener.transport == transport &&
        listener.address.ip.family == peer.family)
      return &listener;
  return nullptr;
}

Uri uri_of(const Listener& listener, Scheme scheme) {
  Uri uri;
  uri.host = listener.address.ip.to_string();
  uri.port = listener.address.port;
  if (scheme == Scheme::sips && listener.transport == Transport::tls)
    uri.scheme = Scheme::sips;  // which says TLS by itself (RFC 5630 section 3.1.4)
  else if (listener.transport != Transport::udp)
    uri.set("transport", name_of(listener.transport));
  return uri;
}

std::optional<NextHop> resolve(const RouteState& state, const Uri& uri) {
  if (uri.scheme != Scheme::sip && uri.scheme != Scheme::sips) return std::nullopt;
  const auto transport = transport_of(uri);
  if (!transport) return std::nullopt;
  const UriParameter* maddr = uri.find("maddr");
  const std::string& host = maddr != nullptr ? maddr->value : uri.host;
  const uint16_t port = uri.port != 0 ? uri.port : default_port(*transport);
  if (const auto ip = IpAddress::parse(host)) {
    if (ip->is_multicast() || ip->is_unspecified()) return std::nullopt;
    return NextHop{{*ip, port},
                   *transport,
                   interface_of(state, *ip),
                   tls_name_of(state.config, state.upstreams, *ip, host)};
  }
  for (const Upstream& upstream : state.candidates)
    if (equal_fold(upstream.host, host) || equal_fold(state.config.centre_domain, host)) {
      if (uri.scheme == Scheme::sips && upstream.transport != Transport::tls) return std::nullopt;
      return hop_to(state, upstream);
    }
  for (const ResolvedName& known : state.names)
    if (equal_fold(known.host, host)) {
      const uint16_t at = uri.port != 0 || known.address.port == 0 ? port : known.address.port;
      return NextHop{{known.address.ip, at},
                     *transport,
                     interface_of(state, known.address.ip),
                     tls_name_of(state.config, state.upstreams, known.address.ip, host)};
    }
  return std::nullopt;
}

NextHop hop_to(const RouteState& state, const Upstream& upstream) {
  return {upstream.address, upstream.transport, state.config.centre_interface,
          state.config.centre_domain};
}

NextHop hop_to(const Gateway& gateway) {
  return {gateway.address, gateway.transport, gateway.interface, tls_name_of(gateway)};
}

NextHop hop_to(const Binding& binding) {
  // Where its REGISTER came from: for TCP that is its connection, behind a NAT its only address. By
  // TLS it has no name to be checked, so that nobody but the phone opens such a connection.
  return {binding.source.address, binding.source.transport, binding.source.interface, {}};
}

}  // namespace holdfast::sip
