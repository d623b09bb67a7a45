// SPDX-License-Identifier: Apache-2.0
// Asks rtnetlink, through the data plane's reader of it.
#include "provision-proxy/phone/neighbours.hh"

#include <net/if.h>

#include <algorithm>
#include <array>

namespace holdfast::provision {
namespace {

using dataplane::NeighbourState;

// The news that the tables bring are not for us: the smallest buffer for them.
constexpr int kNewsBufferBytes = 4096;

std::vector<unsigned> system_interfaces() {
  std::vector<unsigned> found;
  auto* all = if_nameindex();
  if (all == nullptr) return found;
  for (const auto* one = all; one->if_index != 0; ++one) found.push_back(one->if_index);
  if_freenameindex(all);
  return found;
}

// ::ffff:a.b.c.d, as a socket for both families tells IPv4 peers (RFC 4291 2.5.5.2).
IpAddress unmapped(const IpAddress& address) {
  constexpr std::array<uint8_t, 12> kPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!address.is_v6() || !std::equal(kPrefix.begin(), kPrefix.end(), address.bytes.begin()))
    return address;
  return IpAddress::v4(address.bytes.data() + kPrefix.size());
}

bool has_mac(NeighbourState state) {
  return state == NeighbourState::reachable || state == NeighbourState::stale ||
         state == NeighbourState::fixed;
}

}  // namespace

Result<std::unique_ptr<Neighbours>, std::string> Neighbours::open() {
  auto kernel = dataplane::open_kernel_tables(kNewsBufferBytes);
  if (!kernel) return kernel.error();
  return std::make_unique<Neighbours>(std::move(kernel).value(), system_interfaces);
}

Neighbours::Neighbours(std::unique_ptr<dataplane::KernelTables> kernel, Interfaces interfaces)
    : kernel_(std::move(kernel)), interfaces_(std::move(interfaces)) {}

std::optional<MacAddress> Neighbours::mac_of(const IpAddress& told, unsigned ifindex,
                                             int64_t now_ms) {
  const IpAddress address = unmapped(told);
  if (address.is_none() || address.is_unspecified() || address.is_multicast()) return std::nullopt;
  const auto kept = kept_.find({ifindex, address});
  if (kept != kept_.end() && now_ms < kept->second.until_ms) return kept->second.mac;
  const auto mac = ask(address, ifindex, now_ms);
  // What is not known is asked again each time: it may become known with the next packet.
  if (!mac) {
    if (kept != kept_.end()) kept_.erase(kept);
    return std::nullopt;
  }
  if (kept_.size() >= kMaxKept && kept == kept_.end()) kept_.clear();
  kept_[{ifindex, address}] = {*mac, now_ms + kKeepMs};
  return mac;
}

std::optional<MacAddress> Neighbours::ask(const IpAddress& address, unsigned ifindex,
                                          int64_t now_ms) {
  if (ifindex != 0) return ask_one(address, ifindex);
  if (now_ms >= interfaces_until_ms_) {
    known_interfaces_ = interfaces_();
    if (known_interfaces_.size() > kMaxInterfaces) known_interfaces_.resize(kMaxInterfaces);
    interfaces_until_ms_ = now_ms + kKeepInterfacesMs;
  }
  std::optional<MacAddress> found;
  for (const unsigned one : known_interfaces_) {
    const auto mac = ask_one(address, one);
    if (mac && found && *mac != *found) return std::nullopt;
    if (mac) found = mac;
  }
  return found;
}

std::optional<MacAddress> Neighbours::ask_one(const IpAddress& address, unsigned ifindex) {
  const auto entry = kernel_->neighbour(ifindex, address);
  if (!has_mac(entry.state)) return std::nullopt;
  return entry.mac;
}

}  // namespace holdfast::provision
