// SPDX-License-Identifier: Apache-2.0
// The prebuilt outgoing header of one path: only lengths, mark and checksums are worked out for
// each packet.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/frame/checksum.hh"
#include "dataplane/frame/wire.hh"
#include "media/address.hh"

namespace holdfast::dataplane {

// What the headers that leave an interface with one of our addresses have in common: Ethernet,
// optional 802.1Q tag, IPv4 or IPv6, UDP. Made once at start, shared by all legs there.
class HeaderFrame {
 public:
  HeaderFrame() = default;
  // `vlan` 0: no tag.
  HeaderFrame(const MacAddress& source_mac, uint16_t vlan, const IpAddress& source);

  uint16_t size() const { return size_; }  // bytes in front of the UDP payload
  uint16_t ip_size() const { return static_cast<uint16_t>(size_ - l3_offset_); }

 private:
  friend class HeaderTemplate;
  std::array<uint8_t, kMaxHeaderSize> bytes_{};
  uint8_t size_ = 0;
  uint8_t l3_offset_ = 0;
  bool ipv4_ = false;
  uint32_t ip_sum_ = 0;      // IPv4 header without destination, total length, TOS and checksum
  uint32_t pseudo_sum_ = 0;  // source and protocol
};

// Whom a packet goes to, and from which of our ports.
struct HeaderEnds {
  uint16_t source_port;
  const SocketAddress& destination;
};

// The rest of one path's header. Trivially copyable; owned by the lcore that sends with it. Frame
// and ends are always those that it was made with; they lie elsewhere already.
class HeaderTemplate {
 public:
  HeaderTemplate() = default;
  // The destination is of the frame's address family.
  HeaderTemplate(const HeaderFrame& frame, const HeaderEnds& ends, const MacAddress& next_hop);

  bool is_ready() const { return ready_; }
  const MacAddress& destination_mac() const { return next_hop_; }

  // Writes frame.size() bytes to `out`, which lie directly in front of `payload_size` bytes of UDP
  // payload. `traffic_class`: DSCP, and the two ECN bits as received (RFC 6679 wants them end to
  // end). `pcp`: 802.1p priority, for a header with a tag. `payload_sum`: one's complement sum of
  // the payload, or of nothing when `no_checksum`. A sender's "no checksum" (IPv4 only, RFC 768) is
  // kept where the outgoing packet is IPv4 too.
  void write(const HeaderFrame& frame, const HeaderEnds& ends, uint8_t* out, uint16_t payload_size,
             uint8_t traffic_class, uint8_t pcp, ChecksumSum payload_sum, bool no_checksum) const;

 private:
  uint16_t ip_sum_ = 0;      // the frame's, and the destination
  uint16_t pseudo_sum_ = 0;  // the frame's, the destination, and the ports
  MacAddress next_hop_;
  bool ready_ = false;
};
static_assert(sizeof(HeaderTemplate) == 12);

}  // namespace holdfast::dataplane
