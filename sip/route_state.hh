// SPDX-License-Identifier: Apache-2.0
// All that a routing decision may look at beside the request: configuration and the moment's state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/admission.hh"
#include "sip/binding_table.hh"
#include "sip/decision.hh"
#include "sip/dial_plan.hh"
#include "sip/record_route_token.hh"
#include "sip/upstream_health.hh"

namespace holdfast::sip {

// A socket of ours.
struct Listener {
  std::string interface;
  SocketAddress address;
  Transport transport = Transport::udp;
  bool faces_phones = false;  // one-armed, one interface may face both
};

struct Gateway {
  std::string name;
  SocketAddress address;
  Transport transport = Transport::udp;
  std::string interface;
  LinkLimits limits{};  // of its trunk
  // By TLS: who signs its certificate (PEM file), and whom it is for, one of these.
  std::string ca{};
  std::vector<std::string> tls_names{};
};

// How the centre learns the way back to a phone.
enum class RegisterMode : uint8_t {
  path,     // RFC 3327: we add Path, the Contact stays the phone's
  rewrite,  // for a centre that takes no Path: the Contact becomes ours, with the binding's key
};
inline constexpr std::string_view kBindingParameter = "hfb";

struct RouteConfig {
  std::vector<Listener> listeners;
  std::vector<std::string> aliases;  // names by which phones call us
  std::string centre_domain;         // what a Request-URI with our name becomes on its way there
  std::string centre_interface;
  std::vector<Gateway> gateways;  // in the order to be tried
  RegisterMode register_mode = RegisterMode::path;
  TokenKeys keys;
  Key branch_key{};
  // An INVITE is tried elsewhere after this much silence, shared out among the centre's servers.
  // With the second for ringing it keeps to the 4 s that a caller waits at the instant of a cut.
  uint32_t call_budget_ms = 3000;
  LinkLimits centre_limits;  // of the WAN towards the centre
  MediaRules media;
};

struct ResolvedName {
  std::string host;
  SocketAddress address;
};

// A snapshot, made for one decision. References live as long as the call of route().
struct RouteState {
  const RouteConfig& config;
  const BindingTable& bindings;
  const DialPlan& dial_plan;
  uint64_t now_ms = 0;  // monotonic
  HealthState health = HealthState::online;
  std::vector<Upstream> upstreams;   // all servers of the centre, to know it by its address
  std::vector<Upstream> candidates;  // best first
  std::optional<uint64_t> hand_back_since_ms;
  bool hand_back_ready = false;
  bool overloaded = false;
  bool draining = false;
  uint32_t retry_after_s = 30;       // spread by the caller, so that phones do not come together
  uint32_t random = 0;               // uniform; for the expiry granted in survival
  uint64_t call_key = 0;             // for the Record-Route of a new call
  bool matches_transaction = false;  // ACK, CANCEL: of an INVITE transaction of ours
  std::vector<ResolvedName> names;   // the last good answers, looked up off the loop
  const AdmissionBook* admission = nullptr;  // null: nothing is limited
};

Peer peer_of(const RouteState& state, const Origin& origin);

// The link that media to and from there crosses: the centre's, a gateway's, or none, of a phone.
LinkId link_of(const RouteConfig& config, const std::vector<Upstream>& upstreams,
               const IpAddress& ip, std::string_view interface);
// The book's links in the order of their ids.
std::vector<AdmissionBook::Link> links_of(const RouteConfig& config);

// By address and port, or by one of our names.
bool is_ours(const RouteConfig& config, const Uri& uri);

// The socket of ours that an interface's peers of that transport and address family talk to.
const Listener* listener_for(const RouteConfig& config, std::string_view interface,
                             Transport transport, const IpAddress& peer);

// A URI that leads to that socket. A sips: URI only of one that is TLS.
Uri uri_of(const Listener& listener, Scheme scheme = Scheme::sip);

uint16_t default_port(Transport transport);
// The gateway that listens there, or the first of that IP address and transport. Null: none does.
const Gateway* gateway_at(const RouteConfig& config, const NextHop& hop);
const Gateway* gateway_of(const RouteConfig& config, const IpAddress& ip, Transport transport);
// What stands for a gateway as NextHop::tls_name; no host can be called so. Empty: not by TLS.
std::string tls_name_of(const Gateway& gateway);
// The name that a peer's certificate is to be for: the centre's domain for any of its servers, and
// for a gateway what stands for it.
std::string tls_name_of(const RouteConfig& config, const std::vector<Upstream>& upstreams,
                        const IpAddress& ip, const std::string& otherwise);

// Where a URI leads: a literal address, or a name that has been looked up. Never waits. What is
// sips: leads nowhere but by TLS.
std::optional<NextHop> resolve(const RouteState& state, const Uri& uri);

NextHop hop_to(const RouteState& state, const Upstream& upstream);
NextHop hop_to(const Gateway& gateway);
NextHop hop_to(const Binding& binding);

}  // namespace holdfast::sip
