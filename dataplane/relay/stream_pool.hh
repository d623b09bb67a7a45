// SPDX-License-Identifier: Apache-2.0
// The stream slots of one lcore: allocated once, lent to legs as SSRCs appear.
#pragma once

#include <span>
#include <vector>

#include "dataplane/relay/leg.hh"

namespace holdfast::dataplane {

class StreamPool {
 public:
  // `legs`: how many share the slots. Each leg has one for certain, where there are so many; what
  // is left is lent to those that have more streams.
  StreamPool(uint32_t slots, uint32_t legs);
  StreamPool(std::span<StreamSlot> slots, uint32_t legs);  // in memory of somebody else
  StreamPool(const StreamPool&) = delete;
  StreamPool& operator=(const StreamPool&) = delete;

  StreamSlot& operator[](uint32_t index) { return slots_[index]; }
  const StreamSlot& operator[](uint32_t index) const { return slots_[index]; }

  // The slot of `ssrc` on this leg, moved to the front of the leg's list; a new one when the SSRC
  // is new. A leg with kMaxStreamsPerLeg SSRCs, or one that wants more than its own slot when all
  // others are lent, gives up its longest unused slot and keeps that one's totals in `folded`. Null
  // only when there are fewer slots than legs.
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
  void link_all(uint32_t legs);
  StreamSlot* take(const Leg& leg);
  bool may_take(const Leg& leg) const {
    return free_ != kNoStream && (leg.stream_count == 0 || spare_ > 0);
  }
  void fold_oldest(Leg& leg);

  std::vector<StreamSlot> own_;
  std::span<StreamSlot> slots_;
  uint32_t free_ = kNoStream;
  uint32_t spare_ = 0;  // of the free ones: may be lent to a leg that has one
};

}  // namespace holdfast::dataplane
