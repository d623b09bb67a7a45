// SPDX-License-Identifier: Apache-2.0
// The prebuilt outgoing header of one path: everything but lengths, mark and checksums is written
// once, not per packet.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "dataplane/frame/checksum.hh"
#include "dataplane/frame/wire.hh"
#include "media/address.hh"

namespace holdfast::dataplane {

struct HeaderSpec {
  SocketAddress source;       // our media address and local port
  SocketAddress destination;  // same family as source
  MacAddress source_mac;
  MacAddress destination_mac;
  uint16_t vlan = 0;  // 0: no tag
};

// Ethernet, optional 802.1Q tag, IPv4 or IPv6, UDP. Trivially copyable; owned by the lcore that
// sends with it.
class HeaderTemplate {
 public:
  HeaderTemplate() = default;
  explicit HeaderTemplate(const HeaderSpec& spec);

  // Bytes in front of the UDP payload; 0 while the template is empty.
  uint16_t size() const { return size_; }
  uint16_t ip_size() const { return static_cast<uint16_t>(size_ - l3_offset_); }
  bool is_ready() const { return size_ != 0; }
  MacAddress destination_mac() const {
    MacAddress mac;
    std::copy_n(bytes_.begin(), mac.bytes.size(), mac.bytes.begin());
    return mac;
  }

  // Writes size() bytes to `out`, which lie directly in front of `payload_size` bytes of UDP
  // payload. `traffic_class`: DSCP, and the two ECN bits as received (RFC 6679 wants them end to
  // end). `pcp`: 802.1p priority, for a header with a tag. `payload_sum`: one's complement sum of
  // the payload, or of nothing when `no_checksum`. A sender's "no checksum" (IPv4 only, RFC 768) is
  // kept where the outgoing packet is IPv4 too.
  void write(uint8_t* out, uint16_t payload_size, uint8_t traffic_class, uint8_t pcp,
             ChecksumSum payload_sum, bool no_checksum) const;

 private:
  std::array<uint8_t, kMaxHeaderSize> bytes_{};
  uint8_t size_ = 0;
  uint8_t l3_offset_ = 0;
  bool ipv4_ = false;
  uint32_t ip_sum_ = 0;      // IPv4 header without total length, TOS and checksum
  uint32_t pseudo_sum_ = 0;  // addresses, protocol and ports; lengths are added per packet
};

}  // namespace holdfast::dataplane
