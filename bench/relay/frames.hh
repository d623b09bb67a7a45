// SPDX-License-Identifier: Apache-2.0
// The frames of the relay bench: what a remote sends, how the next one differs, what is wrong on
// purpose, and what must come back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "bench/relay/plan.hh"

namespace holdfast::bench {

// Ethernet, IPv4, UDP, RTP, 20 ms of G.711 (RFC 3551): what most phones send all day.
inline constexpr size_t kRtpAt = 14 + 20 + 8;
inline constexpr size_t kStampAt = kRtpAt + 12;  // of the sender's clock, in the payload
inline constexpr size_t kPayloadBytes = 160;
inline constexpr size_t kFrameBytes = kStampAt + kPayloadBytes;
inline constexpr uint16_t kTicksPerPacket = 160;
inline constexpr uint8_t kPayloadType = 8;  // PCMA
inline constexpr uint8_t kExpectedDscp = 46;
// What frames that are bad on purpose carry, so that they are known when they come back (5tswap
// looks at nothing and returns them all).
inline constexpr uint32_t kBadSsrc = 0x4261'6421;
using Frame = std::array<uint8_t, kFrameBytes>;

// What `side`'s remote of `call` sends, with `sequence` and its timestamp, checksums correct.
Frame first_frame(size_t side, uint32_t call, uint16_t sequence);

// Sends it to another port of the same address.
void readdress(Frame& frame, uint16_t destination_port);
// Makes it the frame that comes `packets` later: sequence, timestamp, UDP checksum (RFC 1624).
void advance(uint8_t* frame, uint16_t packets);
// The same without the UDP checksum, and the parts of a frame that one whose bytes change is made
// of anew: close_udp() is the last.
void advance_rtp(uint8_t* frame, uint16_t packets);
void fill_payload(uint8_t* frame, uint32_t call);
void set_udp_payload(uint8_t* frame, uint16_t bytes);  // in both length fields, and IP checksum
void close_udp(uint8_t* frame);
// Writes eight bytes into the payload and mends the UDP checksum.
void stamp(uint8_t* frame, uint64_t value);
uint64_t stamp_of(const uint8_t* frame);

// Where the device listens for the first call's RTP, and where it listens for nobody.
struct BadTargets {
  uint16_t used;
  uint16_t unused;
};
// As bench/relay/plan.hh numbers them, with `calls` there.
BadTargets planned_targets(size_t side, uint32_t calls);

// A way to be bad, by the name of the drop that it must end in.
struct Defect {
  std::string_view drop;
  std::string_view what;
  size_t (*apply)(Frame& frame, const BadTargets& to);  // returns the frame's new length
};
std::span<const Defect> defects();
struct BadFrame {
  Frame bytes;
  size_t size;
};
// As if sent by the first call's remote of this side.
BadFrame bad_frame(const Defect& defect, size_t side, const BadTargets& to);
bool is_bad_on_purpose(const uint8_t* frame, size_t size);

// Whether it is an IPv4 UDP frame at all; the rest (neighbour discovery, say) is not the bench's.
bool is_udp(const uint8_t* frame, size_t size);

}  // namespace holdfast::bench
