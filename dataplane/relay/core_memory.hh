// SPDX-License-Identifier: Apache-2.0
// Where an lcore keeps its legs and streams: memory of its own, or of a file that outlives it.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/relay/leg.hh"

namespace holdfast::dataplane {

inline constexpr uint32_t kStreamSlotsPerLeg = 2;  // one SSRC is usual, one change is common

// Both spans empty: the lcore takes memory of its own. Else they are as long as its share of legs,
// and that times kStreamSlotsPerLeg, and stay until the lcore has ended.
struct CoreMemory {
  std::span<Leg> legs;
  std::span<StreamSlot> slots;
};

}  // namespace holdfast::dataplane
