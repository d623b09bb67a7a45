// SPDX-License-Identifier: Apache-2.0
// Classification of received frames: Ethernet, one 802.1Q tag, IPv4 or IPv6, UDP.
#include "dataplane/frame/frame_view.hh"

#include <cstring>

#include "dataplane/frame/checksum.hh"
#include "dataplane/frame/wire.hh"
#include "media/endian.hh"

namespace holdfast::dataplane {
namespace {

FrameView drop(DropReason reason) {
  FrameView view;
  view.fate = FrameFate::drop;
  view.reason = reason;
  return view;
}

const PortFilter::Address* find_address(const PortFilter& filter, uint8_t version,
                                        const uint8_t* ip) {
  const size_t size = version == 4 ? 4 : 16;
  for (const auto& address : filter.addresses) {
    if (address.ip.family == version && std::memcmp(address.ip.bytes.data(), ip, size) == 0)
      return &address;
  }
  return nullptr;
}

// From the UDP header on: `l4_size` bytes are there.
FrameView view_udp(FrameView view, const uint8_t* frame, uint32_t l4_size, bool first_fragment,
                   const PortFilter& filter) {
  const uint8_t* udp = frame + view.udp_offset;
  if (l4_size < kUdpSize) return drop(DropReason::udp_truncated);
  view.source_port = load_be16(udp);
  view.destination_port = load_be16(udp + 2);
  if (view.destination_port < filter.first_port || view.destination_port > filter.last_port)
    return {};
  if (first_fragment) return drop(DropReason::fragment);
  const uint16_t udp_size = load_be16(udp + 4);
  if (udp_size < kUdpSize || udp_size > l4_size) return drop(DropReason::udp_bad_length);
  view.payload_offset = static_cast<uint16_t>(view.udp_offset + kUdpSize);
  view.payload_size = static_cast<uint16_t>(udp_size - kUdpSize);
  view.fate = FrameFate::media;
  return view;
}

FrameView view_ipv4(const uint8_t* frame, uint32_t size, uint16_t l3_offset,
                    const PortFilter& filter) {
  const uint8_t* ip = frame + l3_offset;
  const uint32_t l3_size = size - l3_offset;
  if (l3_size < kIpv4Size) return drop(DropReason::ip_truncated);
  if (ip[0] >> 4 != 4) return drop(DropReason::ip_bad_version);
  const uint32_t header_size = (ip[0] & 0xfu) * 4u;
  const uint32_t total_size = load_be16(ip + 2);
  if (header_size < kIpv4Size || total_size < header_size) return drop(DropReason::ip_bad_length);
  if (total_size > l3_size) return drop(DropReason::ip_truncated);
  const auto* address = find_address(filter, 4, ip + 16);
  if (address == nullptr || ip[9] != kProtocolUdp) return {};
  const uint16_t fragment = load_be16(ip + 6);
  if ((fragment & kIpv4OffsetMask) != 0) return {};
  if (checksum_fold(checksum_add(ip, header_size)) != 0xffff)
    return drop(DropReason::ip_bad_checksum);

  FrameView view;
  view.ip_version = 4;
  view.traffic_class = ip[1];
  view.l3_offset = l3_offset;
  view.udp_offset = static_cast<uint16_t>(l3_offset + header_size);
  view.address_index = address->index;
  return view_udp(view, frame, total_size - header_size, (fragment & kIpv4MoreFragments) != 0,
                  filter);
}

FrameView view_ipv6(const uint8_t* frame, uint32_t size, uint16_t l3_offset,
                    const PortFilter& filter) {
  const uint8_t* ip = frame + l3_offset;
  const uint32_t l3_size = size - l3_offset;
  if (l3_size < kIpv6Size) return drop(DropReason::ip_truncated);
  if (ip[0] >> 4 != 6) return drop(DropReason::ip_bad_version);
  const uint32_t payload_size = load_be16(ip + 4);
  if (payload_size > l3_size - kIpv6Size) return drop(DropReason::ip_truncated);
  const auto* address = find_address(filter, 6, ip + 24);
  if (address == nullptr) return {};

  FrameView view;
  view.ip_version = 6;
  view.traffic_class = static_cast<uint8_t>((ip[0] << 4) | (ip[1] >> 4));
  view.l3_offset = l3_offset;
  view.udp_offset = static_cast<uint16_t>(l3_offset + kIpv6Size);
  view.address_index = address->index;
  if (ip[6] == kProtocolUdp) return view_udp(view, frame, payload_size, false, filter);
  if (ip[6] != kProtocolIpv6Fragment)
    return {};  // other extension headers carry no media: the kernel's

  const uint8_t* fragment = ip + kIpv6Size;
  if (payload_size < kIpv6FragmentSize) return drop(DropReason::ip_truncated);
  const bool later = (load_be16(fragment + 2) & kIpv6OffsetMask) != 0;
  if (fragment[0] != kProtocolUdp || later) return {};
  view.udp_offset = static_cast<uint16_t>(view.udp_offset + kIpv6FragmentSize);
  return view_udp(view, frame, payload_size - kIpv6FragmentSize, true, filter);
}

}  // namespace

FrameView view_frame(const uint8_t* frame, uint32_t size, const PortFilter& filter) {
  if (size < kEthernetSize) return drop(DropReason::frame_runt);
  const bool group_address = (frame[0] & 1) != 0;
  if (!group_address && std::memcmp(frame, filter.mac.bytes.data(), 6) != 0)
    return drop(DropReason::wrong_mac);

  uint16_t ether_type = load_be16(frame + 12);
  uint16_t l3_offset = kEthernetSize;
  uint16_t vlan = 0;
  if (ether_type == kEtherTypeVlan) {
    if (size < kEthernetSize + kVlanSize) return drop(DropReason::frame_runt);
    vlan = load_be16(frame + 14) & kVlanIdMask;
    ether_type = load_be16(frame + 16);
    l3_offset = kEthernetSize + kVlanSize;
  }
  if (vlan != filter.vlan) return drop(DropReason::wrong_vlan);
  if (group_address)
    return {};  // we join no multicast group: ARP, neighbour discovery and the like
  if (ether_type == kEtherTypeIpv4) return view_ipv4(frame, size, l3_offset, filter);
  if (ether_type == kEtherTypeIpv6) return view_ipv6(frame, size, l3_offset, filter);
  return {};
}

UdpChecksum check_udp(const uint8_t* frame, const FrameView& view) {
  const uint8_t* udp = frame + view.udp_offset;
  UdpChecksum result;
  result.payload_sum = checksum_add(frame + view.payload_offset, view.payload_size);
  result.absent = checksum_load(udp + 6) == 0;
  if (result.absent) {
    result.good = view.ip_version == 4;
    return result;
  }
  const uint16_t udp_size = static_cast<uint16_t>(view.payload_size + kUdpSize);
  ChecksumSum sum = checksum_add(view.source_ip(frame), view.ip_version == 4 ? 8 : 32);
  sum += checksum_word(kProtocolUdp) + checksum_word(udp_size);
  sum += checksum_add(udp, kUdpSize) + result.payload_sum;
  result.good = checksum_fold(sum) == 0xffff;
  return result;
}

}  // namespace holdfast::dataplane
