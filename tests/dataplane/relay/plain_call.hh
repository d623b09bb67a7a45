// SPDX-License-Identifier: Apache-2.0
// One call between a phone on the LAN and the centre on the WAN, and what the two send.
#pragma once

#include <utility>

#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane::test_rig {

using test::UdpFrame;

inline constexpr LegIndex kLan = 1;
inline constexpr LegIndex kWan = 2;

inline UdpFrame from_phone(Bytes payload, uint16_t port = 20000) {
  return {.to = *MacAddress::parse("02:00:00:00:00:01"),
          .source = *SocketAddress::parse("198.18.1.10:4000"),
          .destination = {*IpAddress::parse("198.18.1.2"), port},
          .payload = std::move(payload)};
}
inline UdpFrame from_hq(Bytes payload, uint16_t port = 20100) {
  return {.to = *MacAddress::parse("02:00:00:00:00:02"),
          .source = *SocketAddress::parse("198.18.3.10:30000"),
          .destination = {*IpAddress::parse("198.18.2.2"), port},
          .payload = std::move(payload)};
}

// lan 20000 <-> wan 20100, remotes known from SDP.
inline void add_plain_call(Rig& rig) {
  rig.add_call(kLan, kWan, rig.setup(0, 20000, "198.18.1.10:4000"),
               rig.setup(1, 20100, "198.18.3.10:30000"));
}

}  // namespace holdfast::dataplane::test_rig
