// SPDX-License-Identifier: Apache-2.0
// rtnetlink by libmnl's message helpers.
#include "dataplane/kernel/rtnetlink.hh"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>

namespace holdfast::dataplane {
namespace {

uint8_t family_of(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

template <typename Header>
Header* start(NetlinkRequest& request, uint16_t type, uint16_t flags) {
  nlmsghdr* header = mnl_nlmsg_put_header(request.buffer.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  return static_cast<Header*>(mnl_nlmsg_put_extra_header(header, sizeof(Header)));
}

NetlinkRequest about_neighbour(uint16_t type, uint16_t flags, unsigned ifindex,
                               const IpAddress& address, uint8_t neighbour_flags) {
  NetlinkRequest request;
  auto* body = start<ndmsg>(request, type, flags);
  body->ndm_family = family_of(address);
  body->ndm_ifindex = static_cast<int>(ifindex);
  body->ndm_flags = neighbour_flags;
  mnl_attr_put(request.header(), NDA_DST, address.size(), address.bytes.data());
  return request;
}

// The attributes of a message with a Header in front, up to number N. False when malformed.
template <typename Header, size_t N>
bool attributes(const nlmsghdr* message, std::array<const nlattr*, N>& found) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(Header)) return false;
  found.fill(nullptr);
  const auto keep = [](const nlattr* attribute, void* into) {
    auto& all = *static_cast<std::array<const nlattr*, N>*>(into);
    const uint16_t type = mnl_attr_get_type(attribute);
    if (type < N) all[type] = attribute;
    return MNL_CB_OK;
  };
  return mnl_attr_parse(message, sizeof(Header), keep, &found) == MNL_CB_OK;
}

// An address of `bytes` length; none when that is no length of an address.
IpAddress address_of(const uint8_t* data, size_t bytes) {
  if (bytes == 4) return IpAddress::v4(data);
  if (bytes == 16) return IpAddress::v6(data);
  return {};
}

IpAddress address_of(const nlattr* attribute) {
  return address_of(static_cast<const uint8_t*>(mnl_attr_get_payload(attribute)),
                    mnl_attr_get_payload_len(attribute));
}

NeighbourState fold(uint16_t nud) {
  if (nud & (NUD_PERMANENT | NUD_NOARP)) return NeighbourState::fixed;
  if (nud & (NUD_REACHABLE | NUD_DELAY | NUD_PROBE)) return NeighbourState::reachable;
  if (nud & NUD_STALE) return NeighbourState::stale;
  if (nud & NUD_FAILED) return NeighbourState::failed;
  if (nud & NUD_INCOMPLETE) return NeighbourState::incomplete;
  return NeighbourState::unknown;
}

bool has_mac(NeighbourState state) {
  return state == NeighbourState::fixed || state == NeighbourState::reachable ||
         state == NeighbourState::stale;
}

// RFC 1122 2.3.2 leaves it open, RFC 1812 3.3.2 does not: a group address is nobody's own.
bool take_mac(const nlattr* attribute, MacAddress& mac) {
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) != mac.bytes.size()) return false;
  const auto* data = static_cast<const uint8_t*>(mnl_attr_get_payload(attribute));
  std::copy_n(data, mac.bytes.size(), mac.bytes.begin());
  return (mac.bytes[0] & 1) == 0 && mac != MacAddress{};
}

}  // namespace

NetlinkRequest route_question(unsigned ifindex, const IpAddress& destination, bool fib_match) {
  NetlinkRequest request;
  auto* body = start<rtmsg>(request, RTM_GETROUTE, 0);
  body->rtm_family = family_of(destination);
  body->rtm_dst_len = static_cast<uint8_t>(destination.size() * 8);
  body->rtm_flags = fib_match ? RTM_F_FIB_MATCH : 0;
  mnl_attr_put(request.header(), RTA_DST, destination.size(), destination.bytes.data());
  mnl_attr_put_u32(request.header(), RTA_OIF, ifindex);
  return request;
}

NetlinkRequest neighbour_question(unsigned ifindex, const IpAddress& address) {
  return about_neighbour(RTM_GETNEIGH, 0, ifindex, address, 0);
}

NetlinkRequest neighbour_dump() {
  NetlinkRequest request;
  start<ndmsg>(request, RTM_GETNEIGH, NLM_F_DUMP);
  return request;
}

NetlinkRequest neighbour_use(unsigned ifindex, const IpAddress& address) {
  return about_neighbour(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, ifindex, address,
                         NTF_USE);
}

std::optional<Route> read_route(const nlmsghdr* message) {
  std::array<const nlattr*, RTA_MAX + 1> found;
  if (message->nlmsg_type != RTM_NEWROUTE || !attributes<rtmsg>(message, found)) return {};
  const auto* body = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  Route route;
  if (body->rtm_type != RTN_UNICAST) return route;
  if (found[RTA_GATEWAY] != nullptr) {
    route.gateway = address_of(found[RTA_GATEWAY]);
    if (route.gateway.is_none()) return {};
  } else if (found[RTA_VIA] != nullptr) {
    // A next hop of the other family (RFC 5549): 16 bits of family, then the address.
    const size_t bytes = mnl_attr_get_payload_len(found[RTA_VIA]);
    const auto* via = static_cast<const uint8_t*>(mnl_attr_get_payload(found[RTA_VIA]));
    if (bytes < 2) return {};
    route.gateway = address_of(via + 2, bytes - 2);
    if (route.gateway.is_none()) return {};
  }
  route.found = true;
  return route;
}

std::optional<Neighbour> read_neighbour(const nlmsghdr* message) {
  const uint16_t type = message->nlmsg_type;
  std::array<const nlattr*, NDA_MAX + 1> found;
  if ((type != RTM_NEWNEIGH && type != RTM_DELNEIGH) || !attributes<ndmsg>(message, found)) {
    return {};
  }
  const auto* body = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
  if (body->ndm_family != AF_INET && body->ndm_family != AF_INET6) return {};
  if (body->ndm_ifindex <= 0 || found[NDA_DST] == nullptr) return {};
  Neighbour neighbour;
  neighbour.ifindex = static_cast<unsigned>(body->ndm_ifindex);
  neighbour.address = address_of(found[NDA_DST]);
  if (neighbour.address.is_none() || family_of(neighbour.address) != body->ndm_family) return {};
  if (type == RTM_DELNEIGH) return neighbour;
  neighbour.state = fold(body->ndm_state);
  if (has_mac(neighbour.state) && !take_mac(found[NDA_LLADDR], neighbour.mac)) {
    neighbour.state = NeighbourState::failed;
    neighbour.mac = {};
  }
  return neighbour;
}

std::optional<KernelNews> read_news(const nlmsghdr* message) {
  switch (message->nlmsg_type) {
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH: {
      if (mnl_nlmsg_get_payload_len(message) >= sizeof(ndmsg)) {
        const auto* body = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
        // Bridges tell their forwarding entries in the same group.
        if (body->ndm_family != AF_INET && body->ndm_family != AF_INET6) return {};
      }
      const auto neighbour = read_neighbour(message);
      if (!neighbour) return KernelNews{KernelNews::malformed, {}};
      return KernelNews{KernelNews::neighbour, *neighbour};
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
    case RTM_NEWADDR:
    case RTM_DELADDR:
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return KernelNews{KernelNews::routes_changed, {}};
    default:
      return {};
  }
}

}  // namespace holdfast::dataplane
