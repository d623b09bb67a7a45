// SPDX-License-Identifier: Apache-2.0
// Who talks to whom in the relay bench: addresses, ports and SSRCs of every leg, by number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "media/address.hh"

namespace holdfast::bench {

// The device under test has two interfaces, 0 "lan" and 1 "wan"; call c has one leg on each. The
// program that makes the calls and the program that sends the frames number them alike, so neither
// has to tell the other.
inline constexpr size_t kSides = 2;
inline constexpr std::array<const char*, kSides> kSideNames = {"lan", "wan"};
inline constexpr uint32_t kMaxCalls = 20'000;
inline constexpr uint16_t kFirstMediaPort = 10'000;
// Pairs beyond the last call's: nobody has them, so that "unused port" can be tried.
inline constexpr uint32_t kUnusedPairs = 100;
// SSRCs are this plus the stream's number, so that a frame that comes back names its stream.
inline constexpr uint32_t kFirstSsrc = 0x4846'0000;

static_assert(kFirstMediaPort + 2 * (kMaxCalls + kUnusedPairs) <= UINT16_MAX);

struct Side {
  MacAddress appliance_mac;
  MacAddress gateway_mac;  // of all that is beyond the interface: the traffic program itself
  IpAddress appliance;     // where media arrives
  IpAddress gateway;
};
Side side_of(size_t side);

// Of call `call`, on side `side`: where the appliance listens, and who talks to it there.
SocketAddress local_of(size_t side, uint32_t call);
SocketAddress remote_of(size_t side, uint32_t call);

// A stream is what the remote of one side sends.
inline uint32_t ssrc_of(size_t side, uint32_t call) {
  return kFirstSsrc + 2 * call + static_cast<uint32_t>(side);
}

}  // namespace holdfast::bench
