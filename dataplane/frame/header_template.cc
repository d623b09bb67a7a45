// SPDX-License-Identifier: Apache-2.0
// Builds and writes prebuilt headers.
#include "dataplane/frame/header_template.hh"

#include <cassert>
#include <cstring>

namespace holdfast::dataplane {
namespace {

constexpr uint8_t kTimeToLive =
    64;  // RFC 1700 default: a relay ends one IP hop count and begins another

void store_be16(uint8_t* p, uint16_t host) {
  p[0] = static_cast<uint8_t>(host >> 8);
  p[1] = static_cast<uint8_t>(host);
}

}  // namespace

HeaderTemplate::HeaderTemplate(const HeaderSpec& spec) : ipv4_(spec.source.ip.is_v4()) {
  assert(spec.source.ip.family == spec.destination.ip.family && !spec.source.ip.is_none());
  uint8_t* p = bytes_.data();
  std::memcpy(p, spec.destination_mac.bytes.data(), 6);
  std::memcpy(p + 6, spec.source_mac.bytes.data(), 6);
  p += 12;
  if (spec.vlan != 0) {
    store_be16(p, kEtherTypeVlan);
    store_be16(p + 2, spec.vlan & kVlanIdMask);
    p += kVlanSize;
  }
  store_be16(p, ipv4_ ? kEtherTypeIpv4 : kEtherTypeIpv6);
  p += 2;
  l3_offset_ = static_cast<uint8_t>(p - bytes_.data());

  const size_t address_size = ipv4_ ? 4 : 16;
  uint8_t* addresses = nullptr;
  if (ipv4_) {
    p[0] = 0x45;
    store_be16(
        p + 6,
        kIpv4DontFragment);  // with it the identification may stay zero (RFC 6864 section 4.1)
    p[8] = kTimeToLive;
    p[9] = kProtocolUdp;
    addresses = p + 12;
  } else {
    p[0] = 0x60;
    p[6] = kProtocolUdp;
    p[7] = kTimeToLive;
    addresses = p + 8;
  }
  std::memcpy(addresses, spec.source.ip.bytes.data(), address_size);
  std::memcpy(addresses + address_size, spec.destination.ip.bytes.data(), address_size);
  // TOS and length are still missing from this sum: write() adds those of the packet.
  if (ipv4_)
    ip_sum_ =
        checksum_fold(checksum_add(p, kIpv4Size) - checksum_add(p, 2) + checksum_word(0x4500));

  uint8_t* udp = addresses + 2 * address_size;
  store_be16(udp, spec.source.port);
  store_be16(udp + 2, spec.destination.port);
  pseudo_sum_ =
      checksum_fold(checksum_add(addresses, 2 * address_size + 4) + checksum_word(kProtocolUdp));
  size_ = static_cast<uint8_t>(udp + kUdpSize - bytes_.data());
}

void HeaderTemplate::write(uint8_t* out, uint16_t payload_size, uint8_t traffic_class, uint8_t pcp,
                           ChecksumSum payload_sum, bool no_checksum) const {
  std::memcpy(out, bytes_.data(), size_);
  if (l3_offset_ != kEthernetSize)
    out[kEthernetSize] = static_cast<uint8_t>(out[kEthernetSize] | pcp << 5);
  const uint16_t udp_size = static_cast<uint16_t>(payload_size + kUdpSize);
  uint8_t* ip = out + l3_offset_;
  uint8_t* udp = out + size_ - kUdpSize;
  if (ipv4_) {
    const uint16_t total_size = static_cast<uint16_t>(kIpv4Size + udp_size);
    ip[1] = traffic_class;
    store_be16(ip + 2, total_size);
    const ChecksumSum sum = ip_sum_ + checksum_word(traffic_class) + checksum_word(total_size);
    checksum_store(ip + 10, static_cast<uint16_t>(~checksum_fold(sum)));
  } else {
    ip[0] = static_cast<uint8_t>(0x60 | traffic_class >> 4);
    ip[1] = static_cast<uint8_t>(traffic_class << 4);
    store_be16(ip + 4, udp_size);
  }
  store_be16(udp + 4, udp_size);
  if (no_checksum && ipv4_) {
    checksum_store(udp + 6, 0);
    return;
  }
  // The length counts twice: in the pseudo header and in the UDP header.
  const ChecksumSum sum = pseudo_sum_ + 2 * checksum_word(udp_size) + payload_sum;
  const uint16_t checksum = static_cast<uint16_t>(~checksum_fold(sum));
  checksum_store(udp + 6, checksum == 0 ? uint16_t{0xffff} : checksum);
}

}  // namespace holdfast::dataplane
