// SPDX-License-Identifier: Apache-2.0
// How many packets of one leg were dropped, by reason, in few bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/drop_reason.hh"

namespace holdfast::dataplane {

// Sixteen bits a reason, and places for what the first three outgrow them by: those count to 2^40.
// A further one stays at 65,535. (The port's counters have 64 bits for each.)
//
// Plain data, written by the leg's lcore only. The index is leg_drop_index().
class LegDrops {
 public:
  static constexpr size_t kReasons = 36;
  static constexpr size_t kCarries = 3;
  static_assert(kLegDropReasons <= kReasons);

  void add(size_t reason) {
    if (++low_[reason] == 0) [[unlikely]]
      carry(reason);
  }
  void add(DropReason reason) { add(leg_drop_index(reason)); }

  uint64_t operator[](size_t reason) const {
    uint64_t high = 0;
    for (const Carry& each : carries_) {
      if (each.count > 0 && each.reason == reason) high = each.count;
    }
    return high << 16 | low_[reason];
  }

 private:
  struct Carry {
    uint32_t count : 24 = 0;  // 0: the place is free
    uint32_t reason : 8 = 0;
  };
  static constexpr uint32_t kFull = 0xff'ffff;

  void carry(size_t reason) {
    for (Carry& each : carries_) {
      if (each.count > 0 && each.reason != reason) continue;
      if (each.count == kFull) break;
      each.reason = reason & 0xff;
      each.count = (each.count + 1u) & kFull;
      return;
    }
    low_[reason] = UINT16_MAX;
  }

  std::array<uint16_t, kReasons> low_{};
  std::array<Carry, kCarries> carries_{};
};
static_assert(sizeof(LegDrops) == 84);

}  // namespace holdfast::dataplane
