// SPDX-License-Identifier: Apache-2.0
// Frames for tests, built field by field and independently of the product's header code.
#pragma once

#include <cstdint>
#include <vector>

#include "media/address.hh"

namespace holdfast::test {

using Bytes = std::vector<uint8_t>;

struct UdpFrame {
  MacAddress to = *MacAddress::parse("02:00:00:00:00:01");
  MacAddress from = *MacAddress::parse("02:00:00:00:00:99");
  int vlan = -1;  // -1: no tag
  SocketAddress source = *SocketAddress::parse("198.18.1.10:4000");
  SocketAddress destination = *SocketAddress::parse("198.18.1.2:20000");
  uint8_t traffic_class = 0;
  bool udp_checksum = true;
  Bytes payload;
};

// The frame with correct lengths and checksums.
Bytes build(const UdpFrame& frame);
// An RTP packet with `size` octets of payload.
Bytes rtp(uint16_t sequence, uint32_t timestamp = 0, uint32_t ssrc = 0x11223344, size_t size = 160);
// A receiver report without blocks.
Bytes rtcp_rr(uint32_t ssrc = 0x11223344);
// Naive RFC 1071 checksum over big-endian words.
uint16_t naive_checksum(const Bytes& bytes);
// Whether IP and UDP checksums of a frame hold, as a receiving host would judge (a zero UDP
// checksum counts as held on IPv4).
bool checksums_hold(const Bytes& frame);

}  // namespace holdfast::test
