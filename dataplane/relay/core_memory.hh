// SPDX-License-Identifier: Apache-2.0
// Where an lcore keeps its legs and streams: memory of its own, or of a file that outlives it.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/relay/leg.hh"
#include "dataplane/relay/srtp_leg.hh"

namespace holdfast::dataplane {

// One for each leg, which is its own, and one leg in eight may have another: an SSRC that changes
// in the middle of a call. When all of those are lent, the oldest stream of the leg that wants one
// gives up its place, and its sums go into the leg's.
constexpr uint32_t stream_slots(uint32_t legs) {
  return legs + (legs + 7) / 8;
}

// All spans empty: the lcore takes memory of its own. Else they are as long as its share of legs,
// stream_slots() of that, and its share of legs again, and stay until the lcore has ended. Of
// `srtp` what belongs to a leg may be touched when the leg gets a change of its SRTP, and not
// before.
struct CoreMemory {
  std::span<Leg> legs;
  std::span<StreamSlot> slots;
  std::span<SrtpLeg> srtp;
};

}  // namespace holdfast::dataplane
