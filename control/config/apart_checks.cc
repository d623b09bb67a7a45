// SPDX-License-Identifier: Apache-2.0
// Ports and sockets of all daemons beside each other; the addresses of next hops beside our own.
#include "control/config/apart_checks.hh"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::config {
namespace {

// Ports of holdfast-provision among each other are its own section's matter, as are those of
// [[sip-listener]]s.
struct Port {
  bool tcp = false;
  SocketAddress at;
  std::string owner;  // "a [[provision-listener]] of interface lan"
};

bool overlap(const IpAddress& a, const IpAddress& b) {
  if (a == b) return true;
  const IpAddress& any = a.is_unspecified() ? a : b;
  // Unless it is told otherwise, a socket of :: takes what comes by IPv4 too.
  return any.is_unspecified() && (any.family == 6 || a.family == b.family);
}

std::vector<Port> provision_ports(const ProvisionSections& provision) {
  std::vector<Port> ports;
  for (const auto& l : provision.listeners)
    for (const auto& ip : l.addresses)
      ports.push_back({true, {ip, l.port}, "a [[provision-listener]] of interface " + l.interface});
  for (const auto& t : provision.tftps)
    for (const auto& ip : t.addresses)
      ports.push_back({false, {ip, t.port}, "a [[provision-tftp]] of interface " + t.interface});
  return ports;
}

// Empty: it is free.
std::string owner_of(const std::vector<Port>& taken, bool tcp, const SocketAddress& wanted) {
  for (const auto& port : taken) {
    if (port.tcp == tcp && port.at.port == wanted.port && overlap(port.at.ip, wanted.ip))
      return port.owner;
  }
  return "";
}

void check_ports(const SiteConfig& site, const DaemonPlaces& places, Faults& faults) {
  auto taken = site.provision ? provision_ports(*site.provision) : std::vector<Port>{};
  std::vector<Port> sip;
  for (size_t i = 0; i < site.daemon->listeners.size(); ++i) {
    const auto& listener = site.daemon->listeners[i];
    for (const auto transport : kTransports) {
      if (!listener.has(transport)) continue;
      const bool tcp = transport != sip::Transport::udp;
      for (const auto& ip : listener.addresses) {
        const SocketAddress here{ip, listener.port_of(transport)};
        sip.push_back({tcp, here, "a [[sip-listener]] of interface " + listener.interface});
        const std::string owner = owner_of(taken, tcp, here);
        if (owner.empty()) continue;
        faults.add(places.listeners[i], transport == sip::Transport::tls ? "tls-port" : "port",
                   here.to_string() + " (" + std::string(sip::name_of(transport)) +
                       ") is taken by " + owner + " too; choose another for one of them");
      }
    }
  }
  taken.insert(taken.end(), sip.begin(), sip.end());
  const SocketAddress& page = site.daemon->admin.listen;
  if (const std::string owner = owner_of(taken, true, page); !owner.empty()) {
    faults.add(
        places.admin, "listen",
        page.to_string() + " (tcp) is taken by " + owner + " too; choose another for one of them");
  }
}

void check_next_hops(const DaemonConfig& daemon, const DaemonPlaces& places, Faults& faults) {
  const auto check = [&](const Places& at, const char* key, sip::Transport transport,
                         const SocketAddress& hop, const char* wanted) {
    const auto* listener = own_listener_at(daemon, transport, hop);
    if (listener == nullptr) return;
    faults.add(at, key,
               hop.to_string() + " (" + std::string(sip::name_of(transport)) +
                   ") is our own [[sip-listener]] of interface " + listener->interface +
                   ": what is sent there comes back; name the address of the " + wanted);
  };
  for (const auto& server : daemon.centre.servers) {
    if (server.literal)
      check(places.centre, "servers", daemon.centre.transport, {*server.literal, server.port},
            "centre");
  }
  for (size_t i = 0; i < daemon.gateways.size(); ++i) {
    const auto& gateway = daemon.gateways[i];
    check(places.gateways[i], "address", gateway.transport, gateway.address, "gateway");
  }
}

// Paths of UNIX sockets, ours to make or others' that an interface is joined to.
void check_unix_sockets(const SiteConfig& site, const DaemonPlaces& places, Faults& faults) {
  struct Socket {
    std::string path, key;
  };
  std::vector<Socket> sockets = {{site.dataplane.control_socket, "dataplane.control-socket"}};
  for (const auto& i : site.dataplane.interfaces)
    if (on_socket(i.driver)) sockets.push_back({i.device, "interface." + i.name + ".device"});
  if (site.provision) sockets.push_back({site.provision->provision.socket, "provision.socket"});
  if (site.daemon) sockets.push_back({site.daemon->admin.socket, "admin.socket"});
  const auto plain = [](const std::string& path) {
    return std::filesystem::path(path).lexically_normal();
  };
  for (size_t i = 0; i < sockets.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      // Two interfaces may be joined to one memif socket, each by its own number.
      if (sockets[k].key.starts_with("interface.") && sockets[i].key.starts_with("interface."))
        continue;
      if (plain(sockets[k].path) != plain(sockets[i].path)) continue;
      const std::string what =
          sockets[i].path + " is " + sockets[k].key + " too; each needs a socket of its own";
      if (sockets[i].key == "admin.socket") {
        faults.add(places.admin, "socket", what);
      } else {
        faults.add(0, sockets[i].key, what);
      }
    }
  }
}

}  // namespace

const SipListenerConfig* own_listener_at(const DaemonConfig& daemon, sip::Transport transport,
                                         const SocketAddress& hop) {
  const bool tcp = transport != sip::Transport::udp;
  for (const auto& listener : daemon.listeners) {
    for (const auto own : kTransports) {
      if (!listener.has(own) || (own != sip::Transport::udp) != tcp ||
          listener.port_of(own) != hop.port)
        continue;
      for (const auto& ip : listener.addresses)
        if (overlap(ip, hop.ip)) return &listener;
    }
  }
  return nullptr;
}

void check_apart(const SiteConfig& site, const DaemonPlaces& places, Faults& faults) {
  check_unix_sockets(site, places, faults);
  if (!site.daemon) return;
  check_ports(site, places, faults);
  check_next_hops(*site.daemon, places, faults);
}

}  // namespace holdfast::config
