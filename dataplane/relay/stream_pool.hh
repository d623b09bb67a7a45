// SPDX-License-Identifier: Apache-2.0
// The stream slots of one lcore: allocated once, lent to legs as SSRCs appear.
#pragma once

#include <span>
#include <vector>

#include "dataplane/relay/leg.hh"

namespace holdfast::dataplane {

class StreamPool {
 public:
  explicit StreamPool(uint32_t slots);
  explicit StreamPool(std::span<StreamSlot> slots);  // in memory of somebody else
  StreamPool(const StreamPool&) = delete;
  StreamPool& operator=(const StreamPool&) = delete;

  StreamSlot& operator[](uint32_t index) { return slots_[index]; }
  const StreamSlot& operator[](uint32_t index) const { return slots_[index]; }

  // The slot of `ssrc` on this leg, moved to the front of the leg's list; a new one when the SSRC
  // is new. A leg with kMaxStreamsPerLeg SSRCs, or an empty pool, gives up the leg's longest unused
  // slot and keeps its totals in `folded`. Null only when the pool is empty and the leg has no slot
  // to give.
  StreamSlot* find_or_add(Leg& leg, uint32_t ssrc, uint8_t payload_type);
  // Null when the leg has no such stream. Leaves the list's order alone.
  StreamSlot* find(const Leg& leg, uint32_t ssrc);
  // Gives streams that began before their clock rate was known the one that the leg's setup has
  // now.
  void learn_clock_rates(const Leg& leg);
  void release_all(Leg& leg);
  // Gives the leg, which has no streams yet, those of another life; what finds no slot is folded.
  // Each awaits its gap (StreamAccount::on_resume()).
  void restore(Leg& leg, std::span<const StreamSlot> streams);
  void snapshot(const Leg& leg, LegSnapshot& out) const;
  // StreamAccount::begin_interval() of all streams of the leg.
  void begin_interval(const Leg& leg);

 private:
  void link_all();
  StreamSlot* take(Leg& leg);
  void fold_oldest(Leg& leg);

  std::vector<StreamSlot> own_;
  std::span<StreamSlot> slots_;
  uint32_t free_ = kNoStream;
};

}  // namespace holdfast::dataplane
