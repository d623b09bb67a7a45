// SPDX-License-Identifier: Apache-2.0
// What a received frame is: media for one of our legs, a frame for the kernel, or a drop with a
// name.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/drop_reason.hh"
#include "dataplane/frame/checksum.hh"
#include "media/address.hh"

namespace holdfast::dataplane {

// What one port accepts. Built once at start; read by the packet loop.
struct PortFilter {
  struct Address {
    IpAddress ip;
    uint32_t index = 0;  // of the media address in the leg table, over all ports
  };
  MacAddress mac;
  uint16_t vlan = 0;  // 0: frames come and go untagged
  uint16_t first_port = 0;
  uint16_t last_port = 0;
  std::vector<Address> addresses;
};

enum class FrameFate : uint8_t { media, kernel, drop };

// The fields below `fate` mean something only for media, `reason` only for a drop. Offsets count
// from the first byte of the frame and are proven to lie inside it; `payload_size` excludes
// Ethernet padding.
struct FrameView {
  FrameFate fate = FrameFate::kernel;
  DropReason reason = DropReason::none;
  uint8_t ip_version = 0;
  uint8_t traffic_class = 0;  // DSCP and ECN as received
  uint16_t l3_offset = 0;
  uint16_t udp_offset = 0;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint16_t payload_size = 0;
  uint16_t payload_offset = 0;
  uint32_t address_index = 0;

  const uint8_t* source_ip(const uint8_t* frame) const {
    return frame + l3_offset + (ip_version == 4 ? 12 : 8);
  }
  uint8_t ecn() const { return traffic_class & 0x3; }
};

// Sorts one contiguous frame. Any bytes are allowed. What does not name one of our media addresses
// with UDP and a port of the range is the kernel's. The first fragment of a datagram into the range
// is dropped (RFC 8085 section 3.2: media does not rely on fragments); later fragments carry no
// port, go to the kernel, and time out there.
FrameView view_frame(const uint8_t* frame, uint32_t size, const PortFilter& filter);

struct UdpChecksum {
  bool good = false;
  bool absent =
      false;  // zero: "none was computed" (RFC 768), allowed for IPv4 only (RFC 8200 section 8.1)
  ChecksumSum payload_sum = 0;  // sum of the payload, from which the outgoing checksum is made
};

// Verifies the UDP checksum of a media frame over its pseudo header.
UdpChecksum check_udp(const uint8_t* frame, const FrameView& view);

}  // namespace holdfast::dataplane
