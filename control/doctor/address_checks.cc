// SPDX-License-Identifier: Apache-2.0
// Whether the kernel has the media addresses: it answers for them to whoever asks who they are.
#include <algorithm>
#include <cstdio>
#include <sstream>

#include "control/doctor/checks.hh"

namespace holdfast::doctor {
namespace {

// The kernel's own IPv4 addresses: leaves of its routing trie, "|-- 198.18.1.2", with a line
// "/32 host LOCAL" below.
std::vector<IpAddress> ipv4_of(const std::string& trie) {
  std::vector<IpAddress> found;
  std::istringstream lines(trie);
  std::string leaf;
  for (std::string line; std::getline(lines, line);) {
    constexpr std::string_view kLeaf = "|-- ";
    if (const auto at = line.find(kLeaf); at != std::string::npos) {
      leaf = line.substr(at + kLeaf.size());
    } else if (line.find("/32 host LOCAL") != std::string::npos) {
      if (const auto address = IpAddress::parse(leaf)) found.push_back(*address);
    }
  }
  return found;
}

// As /proc/net/if_inet6 writes it.
std::string hex_of(const IpAddress& address) {
  std::string hex;
  for (const uint8_t byte : address.bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", byte);
    hex += two;
  }
  return hex;
}

}  // namespace

void check_addresses(const Machine& machine, const config::InterfaceConfig& i, Rows& rows) {
  const auto trie = machine.read("/proc/net/fib_trie");
  if (!trie) return;
  const auto ipv4 = ipv4_of(*trie);
  const std::string ipv6 = machine.read("/proc/net/if_inet6").value_or("");
  std::string missing;
  for (const IpAddress& ip : i.media_addresses) {
    const bool there = ip.is_v4() ? std::find(ipv4.begin(), ipv4.end(), ip) != ipv4.end()
                                  : ipv6.find(hex_of(ip)) != std::string::npos;
    if (!there) missing += (missing.empty() ? "" : ", ") + ip.to_string();
  }
  if (missing.empty()) return rows.ok("addresses", "the kernel has the media addresses");
  const std::string& device = i.take == config::Take::kOwned ? i.tap : i.device;
  rows.warn("addresses", "the kernel has not got " + missing + ": nobody finds the way to it",
            "run: ip address add ADDRESS/LENGTH dev " + device);
}

}  // namespace holdfast::doctor
