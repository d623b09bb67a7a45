// SPDX-License-Identifier: Apache-2.0
// A rule for each media address and each part of a slice that one mask can say.
#include "dataplane/ports/flow_steer.hh"

#include <rte_flow.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace holdfast::dataplane {
namespace {

// Ethernet, perhaps a tag, IP to the address, UDP to the ports: to the queue.
std::string add_rule(uint16_t dpdk_port, uint16_t vlan, const IpAddress& address,
                     const PortMask& ports, uint16_t queue) {
  rte_flow_item_vlan tag{}, tag_mask{};
  tag.hdr.vlan_tci = rte_cpu_to_be_16(vlan);
  tag_mask.hdr.vlan_tci = rte_cpu_to_be_16(0x0fff);
  rte_flow_item_ipv4 ip4{}, ip4_mask{};
  rte_flow_item_ipv6 ip6{}, ip6_mask{};
  if (address.is_v6()) {
    std::copy(address.bytes.begin(), address.bytes.end(), ip6.hdr.dst_addr);
    std::fill(std::begin(ip6_mask.hdr.dst_addr), std::end(ip6_mask.hdr.dst_addr), uint8_t{0xff});
  } else {
    std::memcpy(&ip4.hdr.dst_addr, address.bytes.data(), sizeof ip4.hdr.dst_addr);
    ip4_mask.hdr.dst_addr = UINT32_MAX;
  }
  rte_flow_item_udp udp{}, udp_mask{};
  udp.hdr.dst_port = rte_cpu_to_be_16(ports.port);
  udp_mask.hdr.dst_port = rte_cpu_to_be_16(ports.mask);

  std::vector<rte_flow_item> pattern = {{RTE_FLOW_ITEM_TYPE_ETH, nullptr, nullptr, nullptr}};
  if (vlan != 0) pattern.push_back({RTE_FLOW_ITEM_TYPE_VLAN, &tag, nullptr, &tag_mask});
  if (address.is_v6()) {
    pattern.push_back({RTE_FLOW_ITEM_TYPE_IPV6, &ip6, nullptr, &ip6_mask});
  } else {
    pattern.push_back({RTE_FLOW_ITEM_TYPE_IPV4, &ip4, nullptr, &ip4_mask});
  }
  pattern.push_back({RTE_FLOW_ITEM_TYPE_UDP, &udp, nullptr, &udp_mask});
  pattern.push_back({RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr, nullptr});
  const rte_flow_action_queue to{queue};
  const std::array<rte_flow_action, 2> actions = {
      {{RTE_FLOW_ACTION_TYPE_QUEUE, &to}, {RTE_FLOW_ACTION_TYPE_END, nullptr}}};
  rte_flow_attr attributes{};
  attributes.ingress = 1;
  rte_flow_error error{};
  if (rte_flow_create(dpdk_port, &attributes, pattern.data(), actions.data(), &error) != nullptr)
    return {};
  return error.message != nullptr ? error.message : "no reason given";
}

}  // namespace

std::vector<PortMask> cover_ports(uint16_t first, uint16_t last) {
  std::vector<PortMask> masks;
  for (uint32_t at = first; at <= last;) {
    uint32_t size = 1;  // the largest power of two that begins here and does not pass the end
    while (at % (2 * size) == 0 && at + 2 * size - 1 <= last) size *= 2;
    masks.push_back({static_cast<uint16_t>(at), static_cast<uint16_t>(0x10000 - size)});
    at += size;
  }
  return masks;
}

std::string steer_flows(uint16_t dpdk_port, const PortFilter& filter,
                        std::span<const QueueSlice> slices) {
  for (const QueueSlice& slice : slices) {
    for (const PortMask& ports : cover_ports(slice.first, slice.last)) {
      for (const auto& address : filter.addresses) {
        const std::string refused =
            add_rule(dpdk_port, filter.vlan, address.ip, ports, slice.queue);
        if (refused.empty()) continue;
        rte_flow_error ignored{};
        rte_flow_flush(dpdk_port, &ignored);
        return "the card takes no rule for a range of ports: " + refused;
      }
    }
  }
  return {};
}

}  // namespace holdfast::dataplane
