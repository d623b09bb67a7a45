// SPDX-License-Identifier: Apache-2.0
// Builds and writes prebuilt headers.
#include "dataplane/frame/header_template.hh"

#include <cassert>
#include <cstring>

namespace holdfast::dataplane {
namespace {

constexpr uint8_t kTimeToLive =
    64;  // RFC 1700 default: a relay ends one IP hop count and begins another

constexpr size_t kIpv4Source = 12;  // offset of the source address; the destination follows
constexpr size_t kIpv6Source = 8;

constexpr size_t kSize4 = kEthernetSize + kIpv4Size + kUdpSize;
constexpr size_t kSize6 = kEthernetSize + kIpv6Size + kUdpSize;

// There are four sizes: a copy of a size that the compiler knows is a few moves.
void copy_header(uint8_t* to, const uint8_t* from, size_t size) {
  switch (size) {
    case kSize4:
      std::memcpy(to, from, kSize4);
      break;
    case kSize4 + kVlanSize:
      std::memcpy(to, from, kSize4 + kVlanSize);
      break;
    case kSize6:
      std::memcpy(to, from, kSize6);
      break;
    default:
      std::memcpy(to, from, kSize6 + kVlanSize);
  }
}

void store_be16(uint8_t* p, uint16_t host) {
  p[0] = static_cast<uint8_t>(host >> 8);
  p[1] = static_cast<uint8_t>(host);
}

}  // namespace

HeaderFrame::HeaderFrame(const MacAddress& source_mac, uint16_t vlan, const IpAddress& source)
    : ipv4_(source.is_v4()) {
  assert(!source.is_none());
  uint8_t* p = bytes_.data();
  std::memcpy(p + 6, source_mac.bytes.data(), 6);
  p += 12;
  if (vlan != 0) {
    store_be16(p, kEtherTypeVlan);
    store_be16(p + 2, vlan & kVlanIdMask);
    p += kVlanSize;
  }
  store_be16(p, ipv4_ ? kEtherTypeIpv4 : kEtherTypeIpv6);
  p += 2;
  l3_offset_ = static_cast<uint8_t>(p - bytes_.data());

  const size_t address_size = ipv4_ ? 4 : 16;
  uint8_t* address = nullptr;
  if (ipv4_) {
    p[0] = 0x45;
    store_be16(
        p + 6,
        kIpv4DontFragment);  // with it the identification may stay zero (RFC 6864 section 4.1)
    p[8] = kTimeToLive;
    p[9] = kProtocolUdp;
    address = p + kIpv4Source;
  } else {
    p[0] = 0x60;
    p[6] = kProtocolUdp;
    p[7] = kTimeToLive;
    address = p + kIpv6Source;
  }
  std::memcpy(address, source.bytes.data(), address_size);
  // TOS and length are still missing from this sum: write() adds those of the packet.
  if (ipv4_)
    ip_sum_ =
        checksum_fold(checksum_add(p, kIpv4Size) - checksum_add(p, 2) + checksum_word(0x4500));
  pseudo_sum_ = checksum_fold(checksum_add(address, address_size) + checksum_word(kProtocolUdp));
  size_ = static_cast<uint8_t>(address + 2 * address_size + kUdpSize - bytes_.data());
}

HeaderTemplate::HeaderTemplate(const HeaderFrame& frame, const HeaderEnds& ends,
                               const MacAddress& next_hop)
    : next_hop_(next_hop), ready_(true) {
  const IpAddress& to = ends.destination.ip;
  assert(frame.size_ != 0 && to.is_v4() == frame.ipv4_ && !to.is_none());
  const ChecksumSum address = checksum_add(to.bytes.data(), to.size());
  ip_sum_ = frame.ipv4_ ? checksum_fold(frame.ip_sum_ + address) : uint16_t{0};
  pseudo_sum_ = checksum_fold(frame.pseudo_sum_ + address + checksum_word(ends.source_port) +
                              checksum_word(ends.destination.port));
}

void HeaderTemplate::write(const HeaderFrame& frame, const HeaderEnds& ends, uint8_t* out,
                           uint16_t payload_size, uint8_t traffic_class, uint8_t pcp,
                           ChecksumSum payload_sum, bool no_checksum) const {
  copy_header(out, frame.bytes_.data(), frame.size_);
  std::memcpy(out, next_hop_.bytes.data(), 6);
  if (frame.l3_offset_ != kEthernetSize)
    out[kEthernetSize] = static_cast<uint8_t>(out[kEthernetSize] | pcp << 5);
  const uint16_t udp_size = static_cast<uint16_t>(payload_size + kUdpSize);
  uint8_t* ip = out + frame.l3_offset_;
  uint8_t* udp = out + frame.size_ - kUdpSize;
  if (frame.ipv4_) {
    const uint16_t total_size = static_cast<uint16_t>(kIpv4Size + udp_size);
    ip[1] = traffic_class;
    store_be16(ip + 2, total_size);
    std::memcpy(ip + kIpv4Source + 4, ends.destination.ip.bytes.data(), 4);
    const ChecksumSum sum =
        uint64_t{ip_sum_} + checksum_word(traffic_class) + checksum_word(total_size);
    checksum_store(ip + 10, static_cast<uint16_t>(~checksum_fold(sum)));
  } else {
    ip[0] = static_cast<uint8_t>(0x60 | traffic_class >> 4);
    ip[1] = static_cast<uint8_t>(traffic_class << 4);
    store_be16(ip + 4, udp_size);
    std::memcpy(ip + kIpv6Source + 16, ends.destination.ip.bytes.data(), 16);
  }
  store_be16(udp, ends.source_port);
  store_be16(udp + 2, ends.destination.port);
  store_be16(udp + 4, udp_size);
  if (no_checksum && frame.ipv4_) {
    checksum_store(udp + 6, 0);
    return;
  }
  // The length counts twice: in the pseudo header and in the UDP header.
  const ChecksumSum sum = uint64_t{pseudo_sum_} + 2 * checksum_word(udp_size) + payload_sum;
  const uint16_t checksum = static_cast<uint16_t>(~checksum_fold(sum));
  checksum_store(udp + 6, checksum == 0 ? uint16_t{0xffff} : checksum);
}

}  // namespace holdfast::dataplane
