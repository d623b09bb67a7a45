// SPDX-License-Identifier: Apache-2.0
// Forged and repeated packets.
#include "bench/relay/srtp_defects.hh"

#include "bench/relay/frames.hh"

namespace holdfast::bench {
namespace {

constexpr uint8_t kMarker = 0x80;
constexpr size_t kMarkerAt = kRtpAt + 1;

// With the number that the stream's next packet will have: who believed it would refuse that one.
void forge(uint8_t* frame) {
  advance_rtp(frame, 1);
  frame[kMarkerAt] |= kMarker;
  close_udp(frame);
}

void repeat(uint8_t* /*frame*/) {}

constexpr SrtpDefect kDefects[] = {
    {"srtp_auth_failed", "the tag of another packet", forge},
    {"srtp_replayed", "the same packet again", repeat},
};

}  // namespace

std::span<const SrtpDefect> srtp_defects() {
  return kDefects;
}

bool is_forged(const uint8_t* frame) {
  return (frame[kMarkerAt] & kMarker) != 0;
}

}  // namespace holdfast::bench
