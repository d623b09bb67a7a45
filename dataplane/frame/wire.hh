// SPDX-License-Identifier: Apache-2.0
// Sizes and numbers of the headers that the packet path reads and writes.
#pragma once

#include <cstdint>

namespace holdfast::dataplane {

inline constexpr uint16_t kEthernetSize = 14;
inline constexpr uint16_t kVlanSize = 4;   // IEEE 802.1Q
inline constexpr uint16_t kIpv4Size = 20;  // RFC 791, without options
inline constexpr uint16_t kIpv6Size = 40;  // RFC 8200
inline constexpr uint16_t kIpv6FragmentSize = 8;
inline constexpr uint16_t kUdpSize = 8;  // RFC 768
inline constexpr uint16_t kMaxHeaderSize = kEthernetSize + kVlanSize + kIpv6Size + kUdpSize;

inline constexpr uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr uint16_t kEtherTypeIpv6 = 0x86dd;
inline constexpr uint16_t kEtherTypeVlan = 0x8100;
inline constexpr uint16_t kVlanIdMask = 0x0fff;

inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kProtocolIpv6Fragment = 44;

inline constexpr uint16_t kIpv4DontFragment = 0x4000;
inline constexpr uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr uint16_t kIpv4OffsetMask = 0x1fff;
inline constexpr uint16_t kIpv6OffsetMask = 0xfff8;

}  // namespace holdfast::dataplane
