// SPDX-License-Identifier: Apache-2.0
// Checks across the options of holdfastd, with the line of the option that is to blame.
#include "control/config/site_checks.hh"

#include <algorithm>
#include <charconv>

namespace holdfast::config {
namespace {

constexpr uint16_t kSipPort = 5060;
constexpr uint16_t kSipsPort = 5061;

std::string known_interfaces(const DataplaneConfig& dataplane) {
  std::string names;
  for (const auto& i : dataplane.interfaces) names += (names.empty() ? "" : ", ") + i.name;
  return names.empty() ? "none" : names;
}

const InterfaceConfig* check_interface(const std::string& name, const DataplaneConfig& dataplane,
                                       const Places& places, Faults& faults) {
  const auto* interface = dataplane.find_interface(name);
  if (interface == nullptr && places.has("interface")) {
    faults.add(places, "interface",
               "no [[interface]] is called " + quoted(name) + "; there are " +
                   known_interfaces(dataplane));
  }
  return interface;
}

// A listener of that interface, who, transport and family; family 0 is any.
bool has_listener(const DaemonConfig& config, const std::string& interface, bool faces_centre,
                  sip::Transport transport, uint8_t family) {
  return std::any_of(config.listeners.begin(), config.listeners.end(), [&](const auto& l) {
    return l.interface == interface && l.has(transport) &&
           (!faces_centre || l.faces != Faces::kPhones) &&
           std::any_of(l.addresses.begin(), l.addresses.end(),
                       [&](const IpAddress& ip) { return family == 0 || ip.family == family; });
  });
}

void complete_listener(SipListenerConfig& listener, const DataplaneConfig& dataplane,
                       const Places& places, Faults& faults) {
  const auto* interface = check_interface(listener.interface, dataplane, places, faults);
  if (interface == nullptr) return;
  if (!places.has("addresses")) listener.addresses = interface->media_addresses;
  // The dataplane takes UDP into the media range of its addresses before the kernel sees it.
  for (const auto& ip : listener.addresses) {
    const auto& media = interface->media_addresses;
    if (!listener.has(sip::Transport::udp) || !interface->media_ports.contains(listener.port) ||
        std::find(media.begin(), media.end(), ip) == media.end())
      continue;
    faults.add(places, "port",
               std::to_string(listener.port) + " lies within the media-ports of interface " +
                   interface->name + "; choose a port outside of them");
    break;
  }
}

void check_listener_tls(const std::vector<SipListenerConfig>& listeners, size_t which,
                        const Places& places, Faults& faults) {
  const auto& listener = listeners[which];
  const bool tls = listener.has(sip::Transport::tls);
  for (const char* key : {"certificate", "key"}) {
    if (tls && !places.has(key)) faults.add(places, key, "is missing; TLS needs it");
  }
  for (const char* key : {"certificate", "key", "client-ca"}) {
    if (!tls && places.has(key))
      faults.add(places, key, "is of TLS; add tls to the transports, or take it out");
  }
  for (size_t i = 0; tls && i < which; ++i) {
    if (listeners[i].interface == listener.interface && listeners[i].has(sip::Transport::tls))
      faults.add(places, "transports",
                 "an earlier [[sip-listener]] of interface " + listener.interface +
                     " has tls too; an interface has one certificate");
  }
}

void check_listeners(DaemonConfig& config, const DataplaneConfig& dataplane,
                     const DaemonPlaces& places, Faults& faults) {
  bool phones = false;
  std::vector<std::pair<SocketAddress, sip::Transport>> seen;
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    auto& listener = config.listeners[i];
    complete_listener(listener, dataplane, places.listeners[i], faults);
    check_listener_tls(config.listeners, i, places.listeners[i], faults);
    phones |= listener.faces != Faces::kCentre;
    for (const auto& ip : listener.addresses) {
      for (const auto transport : kTransports) {
        if (!listener.has(transport)) continue;
        const std::pair here{SocketAddress{ip, listener.port_of(transport)},
                             transport == sip::Transport::tls ? sip::Transport::tcp : transport};
        if (std::find(seen.begin(), seen.end(), here) != seen.end()) {
          faults.add(places.listeners[i], "addresses",
                     here.first.to_string() + " (" + std::string(sip::name_of(transport)) +
                         ") is taken by an earlier [[sip-listener]] too; choose another");
        }
        seen.push_back(here);
      }
    }
  }
  if (!phones) {
    faults.add(0, "sip-listener",
               "no listener faces the phones; add a [[sip-listener]] with faces = \"phones\"");
  }
}

void check_centre(const DaemonConfig& config, const DataplaneConfig& dataplane,
                  const Places& places, Faults& faults) {
  const auto& centre = config.centre;
  const bool servers = places.has("servers"), srv = places.has("srv-name");
  if (servers && srv) {
    faults.add(places, "srv-name", "stands beside servers; keep one of the two");
  } else if (!servers && !srv) {
    faults.add(places, "servers", "is missing; name the centre's servers, or an srv-name");
  }
  const bool tls = centre.transport == sip::Transport::tls;
  if (tls && centre.ca.empty())
    faults.add(places, "ca", "is missing; without it nobody is believed to be the centre");
  for (const char* key : {"ca", "tls-names"}) {
    if (!tls && places.has(key))
      faults.add(places, key, "is of TLS; set transport = \"tls\", or take it out");
  }
  if (centre.limits.when_full == sip::WhenFull::gateway && config.gateways.empty())
    faults.add(places, "when-full", "no [[gateway]] could take the call; add one, or refuse");
  if (check_interface(centre.interface, dataplane, places, faults) == nullptr) return;
  const auto reachable = [&](uint8_t family) {
    return has_listener(config, centre.interface, true, centre.transport, family);
  };
  const std::string transport(sip::name_of(centre.transport));
  if (!reachable(0)) {
    faults.add(places, "interface",
               "no [[sip-listener]] of interface " + centre.interface + " faces the centre over " +
                   transport + "; add one, or change faces");
    return;
  }
  for (const auto& server : centre.servers) {
    if (!server.literal || reachable(server.literal->family)) continue;
    faults.add(places, "servers",
               server.to_string() + " is IPv" + std::to_string(server.literal->family) +
                   ", but no [[sip-listener]] of interface " + centre.interface +
                   " faces the centre with such an address");
  }
  for (const auto& [families, family] : {std::pair{AddressFamilies::kIpv4, uint8_t{4}},
                                         std::pair{AddressFamilies::kIpv6, uint8_t{6}}}) {
    if (centre.families != families || reachable(family)) continue;
    faults.add(places, "families",
               "no [[sip-listener]] of interface " + centre.interface +
                   " faces the centre with such an address");
  }
}

void check_gateways(const DaemonConfig& config, const DataplaneConfig& dataplane,
                    const DaemonPlaces& places, Faults& faults) {
  for (size_t i = 0; i < config.gateways.size(); ++i) {
    const auto& gateway = config.gateways[i];
    const auto& at = places.gateways[i];
    for (size_t k = 0; k < i; ++k) {
      if (config.gateways[k].name == gateway.name && at.has("name"))
        faults.add(at, "name", quoted(gateway.name) + " is an earlier gateway too; choose another");
    }
    const bool tls = gateway.transport == sip::Transport::tls;
    if (tls && gateway.ca.empty())
      faults.add(at, "ca", "is missing; without it nobody is believed to be this gateway");
    for (const char* key : {"ca", "tls-names"})
      if (!tls && at.has(key))
        faults.add(at, key, "is of TLS; set transport = \"tls\", or take it out");
    const bool named = check_interface(gateway.interface, dataplane, at, faults) != nullptr;
    if (named && at.has("address") &&
        !has_listener(config, gateway.interface, false, gateway.transport,
                      gateway.address.ip.family)) {
      faults.add(at, "interface",
                 "no [[sip-listener]] of interface " + gateway.interface + " reaches " +
                     gateway.address.to_string() + " over " +
                     std::string(sip::name_of(gateway.transport)));
    }
  }
}

// "outbound[2].min_digits" of the judge in the words of the file.
void add_dial_plan_fault(const DialPlanSection& plan, const Places& places,
                         const sip::DialPlanError& error, Faults& faults) {
  std::string key = error.key;
  std::replace(key.begin(), key.end(), '_', '-');
  const auto bracket = key.find('[');
  const std::string list = key.substr(0, bracket);
  const std::string what =
      (error.value.empty() ? "" : quoted(error.value) + ": ") + std::string(help_of(error.kind));
  const auto& lines = list == "emergency"  ? plan.emergency_lines
                      : list == "outbound" ? plan.outbound_lines
                                           : plan.inbound_lines;
  size_t row = lines.size();
  if (bracket != std::string::npos)
    std::from_chars(key.data() + bracket + 1, key.data() + key.size(), row);
  if (row >= lines.size()) return faults.add(places, list, what);
  faults.add(lines[row], "dial-plan." + list,
             "row " + std::to_string(row + 1) + " (line " + std::to_string(lines[row]) +
                 "): " + key.substr(key.find('.') + 1) + ": " + what);
}

void make_dial_plan(DaemonConfig& config, const DialPlanSection& section, const Places& places,
                    Faults& faults) {
  auto plan_config = section.config;
  plan_config.has_gateway = !config.gateways.empty();
  auto plan = sip::DialPlan::make(std::move(plan_config));
  if (plan) {
    config.dial_plan = std::move(plan).value();
    return;
  }
  for (const auto& error : plan.error()) add_dial_plan_fault(section, places, error, faults);
}

bool is_loopback(const IpAddress& ip) {
  return ip == *IpAddress::parse("::1") || (ip.is_v4() && ip.bytes[0] == 127);
}

// Where SRTP alone may be spoken, its keys must have a way.
void check_srtp(const DaemonConfig& config, const DataplaneConfig& dataplane, Faults& faults) {
  for (const auto& interface : dataplane.interfaces) {
    if (interface.srtp != media::SrtpPolicy::require || interface.srtp_without_tls ||
        has_listener(config, interface.name, false, sip::Transport::tls, 0))
      continue;
    faults.add(0, "interface." + interface.name + ".srtp",
               "is \"require\", and no [[sip-listener]] of the interface has tls, so that every "
               "call would be refused: give it one, or set srtp-without-tls = true");
  }
}

// What the transport decides about servers.
void complete_centre(CentreConfig& centre) {
  const bool tls = centre.transport == sip::Transport::tls;
  for (auto& server : centre.servers)
    if (server.port == 0) server.port = tls ? kSipsPort : kSipPort;
  if (!tls || !centre.tls_names.empty()) return;
  // What the configuration says, never what DNS says (RFC 5922 section 7.1).
  centre.tls_names.push_back(centre.domain);
  if (!centre.srv_name.empty()) centre.tls_names.push_back(centre.srv_name);
  for (const auto& server : centre.servers) centre.tls_names.push_back(server.host);
}

void complete_gateway(sip::Gateway& gateway) {
  const bool tls = gateway.transport == sip::Transport::tls;
  if (gateway.address.port == 0) gateway.address.port = tls ? kSipsPort : kSipPort;
  if (tls && gateway.tls_names.empty()) gateway.tls_names = {gateway.address.ip.to_string()};
}

}  // namespace

void complete_daemon(DaemonConfig& config, const DialPlanSection& dial_plan,
                     const DataplaneConfig& dataplane, const DaemonPlaces& places, Faults& faults) {
  complete_centre(config.centre);
  for (sip::Gateway& gateway : config.gateways) complete_gateway(gateway);
  check_listeners(config, dataplane, places, faults);
  check_centre(config, dataplane, places.centre, faults);
  check_gateways(config, dataplane, places, faults);
  check_srtp(config, dataplane, faults);
  make_dial_plan(config, dial_plan, places.dial_plan, faults);
  if (config.sip.survival_expiry_min_s > config.sip.survival_expiry_max_s) {
    faults.add(places.sip, "survival-expiry-min-s",
               std::to_string(config.sip.survival_expiry_min_s) +
                   " is above survival-expiry-max-s; lower it");
  }
  if (!config.admin.allow_remote && !is_loopback(config.admin.listen.ip)) {
    faults.add(places.admin, "listen",
               config.admin.listen.to_string() +
                   " is not of the loopback; whoever reaches it reads who called whom: set "
                   "allow-remote = true if that is meant");
  }
}

}  // namespace holdfast::config
