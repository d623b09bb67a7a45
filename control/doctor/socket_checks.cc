// SPDX-License-Identifier: Apache-2.0
// Whether the ports that the daemons listen on are free, by the kernel's lists of sockets.
#include <algorithm>
#include <charconv>
#include <sstream>

#include "control/doctor/checks.hh"

namespace holdfast::doctor {
namespace {

constexpr std::string_view kListening = "0A";  // TCP_LISTEN, in /proc/net/tcp

struct Bound {
  bool tcp = false;
  IpAddress ip;
  uint16_t port = 0;
};

// "0100007F:13C4": words of the address in the byte order of the host (little endian), the port.
std::optional<Bound> read_bound(std::string_view text, bool tcp) {
  const size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  Bound bound{tcp, {static_cast<uint8_t>(colon == 8 ? 4 : 6), {}}, 0};
  for (size_t i = 0; i < colon / 2; ++i) {
    const size_t at = i / 4 * 4 + (3 - i % 4);
    const char* hex = text.data() + 2 * i;
    if (std::from_chars(hex, hex + 2, bound.ip.bytes[at], 16).ec != std::errc{})
      return std::nullopt;
  }
  const char* port = text.data() + colon + 1;
  if (std::from_chars(port, text.data() + text.size(), bound.port, 16).ec != std::errc{})
    return std::nullopt;
  return bound;
}

void add_bound(const Machine& machine, const std::string& protocol, std::vector<Bound>& all) {
  const bool tcp = protocol.starts_with("tcp");
  std::istringstream lines(machine.read("/proc/net/" + protocol).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number, local, remote, state;
    words >> number >> local >> remote >> state;
    if (tcp && state != kListening) continue;
    if (const auto bound = read_bound(local, tcp)) all.push_back(*bound);
  }
}

struct Wanted {
  std::string name;     // "SIP", "provision"
  std::string_view by;  // the program
  bool tcp;
  SocketAddress at;
};

std::vector<Wanted> wanted_by(const config::SiteConfig& site) {
  std::vector<Wanted> all;
  if (site.daemon) {
    for (const auto& l : site.daemon->listeners) {
      for (const auto& ip : l.addresses) {
        for (const auto transport : config::kTransports) {
          if (l.has(transport))
            all.push_back(
                {"SIP", "holdfastd", transport != sip::Transport::udp, {ip, l.port_of(transport)}});
        }
      }
    }
    all.push_back({"admin page", "holdfastd", true, site.daemon->admin.listen});
  }
  if (site.provision) {
    for (const auto& l : site.provision->listeners)
      for (const auto& ip : l.addresses)
        all.push_back({"provision", "holdfast-provision", true, {ip, l.port}});
    for (const auto& t : site.provision->tftps)
      for (const auto& ip : t.addresses)
        all.push_back({"TFTP", "holdfast-provision", false, {ip, t.port}});
  }
  return all;
}

}  // namespace

void check_sockets(const Machine& machine, const config::SiteConfig& site, std::vector<Row>& all) {
  std::vector<Bound> bound;
  for (const char* protocol : {"udp", "udp6", "tcp", "tcp6"}) add_bound(machine, protocol, bound);
  Rows rows(all, "port");
  for (const auto& wanted : wanted_by(site)) {
    const bool taken = std::any_of(bound.begin(), bound.end(), [&](const Bound& b) {
      return b.tcp == wanted.tcp && b.port == wanted.at.port &&
             (b.ip == wanted.at.ip || b.ip.is_unspecified());
    });
    const std::string name =
        wanted.name + " " + (wanted.tcp ? "TCP " : "UDP ") + wanted.at.to_string();
    if (!taken) {
      rows.ok(name, "free");
    } else if (machine.runs(wanted.by)) {
      rows.ok(name, "taken, and " + std::string(wanted.by) + " runs");
    } else {
      rows.refuse(name, "another program has it",
                  "see ss -lnp" + std::string(wanted.tcp ? "t" : "u") + "; end that program", true);
    }
  }
}

}  // namespace holdfast::doctor
