// SPDX-License-Identifier: Apache-2.0
// rtnetlink messages as values: build questions, read answers. Pure: no socket (RFC 3549).
#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/kernel/kernel_tables.hh"

namespace holdfast::dataplane {

// One request; all of ours are far smaller.
struct NetlinkRequest {
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(buffer.data()); }
};

// RTM_GETROUTE for a destination through one device. With `fib_match` the kernel answers with the
// FIB entry itself, and fails when there is none.
NetlinkRequest route_question(unsigned ifindex, const IpAddress& destination, bool fib_match);
// RTM_GETNEIGH for one neighbour.
NetlinkRequest neighbour_question(unsigned ifindex, const IpAddress& address);
// RTM_GETNEIGH for all.
NetlinkRequest neighbour_dump();
// RTM_NEWNEIGH with NTF_USE: resolve or verify, acknowledged.
NetlinkRequest neighbour_use(unsigned ifindex, const IpAddress& address);

// RTM_NEWROUTE as an answer. Not found unless it is a unicast route; nothing when malformed.
std::optional<Route> read_route(const nlmsghdr* message);
// RTM_NEWNEIGH or RTM_DELNEIGH. Nothing when malformed or of another family than IPv4 and IPv6.
std::optional<Neighbour> read_neighbour(const nlmsghdr* message);
// A notification; nothing when it is not of interest.
std::optional<KernelNews> read_news(const nlmsghdr* message);

}  // namespace holdfast::dataplane
