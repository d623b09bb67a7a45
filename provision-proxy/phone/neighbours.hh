// SPDX-License-Identifier: Apache-2.0
// The MAC behind an address, by the kernel's neighbour table (ARP and IPv6 neighbour discovery).
//
// Not pure. The kernel answers within the call, no packet is sent and nothing is waited for. Not
// for several threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/kernel/kernel_tables.hh"
#include "media/address.hh"
#include "media/result.hh"

namespace holdfast::provision {

class Neighbours {
 public:
  static constexpr int64_t kKeepMs = 1000;  // an answer is good for so long
  static constexpr int64_t kKeepInterfacesMs = 10000;
  static constexpr size_t kMaxKept = 4096;
  static constexpr size_t kMaxInterfaces = 32;  // asked for one address

  using Interfaces = std::function<std::vector<unsigned>()>;

  static Result<std::unique_ptr<Neighbours>, std::string> open();
  // For tests: another kernel, other interfaces.
  Neighbours(std::unique_ptr<dataplane::KernelTables> kernel, Interfaces interfaces);

  // None when the kernel has no MAC for it: behind a router, not resolved, or known on two
  // interfaces by two MACs. `ifindex`: where it is, 0 when that is not known; link-local addresses
  // need it where there are several interfaces. An IPv4-mapped IPv6 address is the IPv4 one.
  std::optional<MacAddress> mac_of(const IpAddress& address, unsigned ifindex, int64_t now_ms);

 private:
  struct Kept {
    MacAddress mac;
    int64_t until_ms = 0;
  };

  std::optional<MacAddress> ask(const IpAddress& address, unsigned ifindex, int64_t now_ms);
  std::optional<MacAddress> ask_one(const IpAddress& address, unsigned ifindex);

  std::unique_ptr<dataplane::KernelTables> kernel_;
  Interfaces interfaces_;
  std::vector<unsigned> known_interfaces_;
  int64_t interfaces_until_ms_ = 0;
  std::map<std::pair<unsigned, IpAddress>, Kept> kept_;
};

}  // namespace holdfast::provision
