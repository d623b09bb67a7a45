// SPDX-License-Identifier: Apache-2.0
// Lends stream slots to legs.
#include "dataplane/relay/stream_pool.hh"

#include "media/rtp_packet.hh"

namespace holdfast::dataplane {
namespace {

// RFC 3551 section 6: which payload types stand for one encoding, and so for one clock.
constexpr bool is_static(uint8_t payload_type) {
  return payload_type == 0 || (payload_type >= 3 && payload_type <= 18) || payload_type == 25 ||
         payload_type == 26 || payload_type == 28 || (payload_type >= 31 && payload_type <= 34);
}

// 0: not known. The account then does its sums with 8000, but nothing is converted to time.
uint32_t clock_rate_of(const LegSetup& setup, uint8_t payload_type) {
  for (const ClockRate& rate : setup.clock_rates) {
    if (rate.hz != 0 && rate.payload_type == payload_type) return rate.hz;
  }
  return is_static(payload_type) ? media::clock_rate_hz(payload_type) : 0;
}

void add_folded(Leg& leg, const StreamSlot& slot, const media::StreamReport& report) {
  ++leg.folded.streams;
  leg.folded.unmarked += slot.unmarked;
  leg.folded.remarked += slot.remarked;
  leg.folded.received += report.received;
  leg.folded.lost += report.lost;
  leg.folded.duplicates += report.duplicates;
  leg.folded.lost_by_us += static_cast<uint32_t>(report.lost_by_us);
}

}  // namespace

StreamPool::StreamPool(uint32_t slots, uint32_t legs) : own_(slots), slots_(own_) {
  link_all(legs);
}

StreamPool::StreamPool(std::span<StreamSlot> slots, uint32_t legs) : slots_(slots) {
  link_all(legs);
}

void StreamPool::link_all(uint32_t legs) {
  const auto count = static_cast<uint32_t>(slots_.size());
  spare_ = count > legs ? count - legs : 0;
  for (uint32_t i = count; i-- > 0;) {
    slots_[i].next = free_;
    free_ = i;
  }
}

StreamSlot* StreamPool::find_or_add(Leg& leg, uint32_t ssrc, uint8_t payload_type) {
  uint32_t previous = kNoStream;
  for (uint32_t i = leg.streams; i != kNoStream; previous = i, i = slots_[i].next) {
    StreamSlot& slot = slots_[i];
    if (slot.account.ssrc() != ssrc) continue;
    if (previous != kNoStream) {
      slots_[previous].next = slot.next;
      slot.next = leg.streams;
      leg.streams = i;
    }
    return &slot;
  }
  const bool full = leg.stream_count == kMaxStreamsPerLeg || !may_take(leg);
  if (full && leg.stream_count > 0) fold_oldest(leg);
  if (!may_take(leg)) return nullptr;
  StreamSlot* slot = take(leg);
  const uint32_t clock_hz = clock_rate_of(leg.setup, payload_type);
  slot->clock_known = clock_hz != 0;
  slot->account = media::StreamAccount(ssrc, clock_hz);
  slot->payload_type = payload_type;
  slot->dscp_in = slot->dscp_first = 0;
  slot->unmarked = slot->remarked = 0;
  slot->far_end = {};
  slot->next = leg.streams;
  leg.streams = static_cast<uint32_t>(slot - slots_.data());
  ++leg.stream_count;
  return slot;
}

StreamSlot* StreamPool::find(const Leg& leg, uint32_t ssrc) {
  for (uint32_t i = leg.streams; i != kNoStream; i = slots_[i].next) {
    if (slots_[i].account.ssrc() == ssrc) return &slots_[i];
  }
  return nullptr;
}

StreamSlot* StreamPool::take(const Leg& leg) {
  StreamSlot& slot = slots_[free_];
  free_ = slot.next;
  if (leg.stream_count > 0) --spare_;
  return &slot;
}

void StreamPool::fold_oldest(Leg& leg) {
  uint32_t* link = &leg.streams;
  while (slots_[*link].next != kNoStream) link = &slots_[*link].next;
  StreamSlot& slot = slots_[*link];
  add_folded(leg, slot, slot.account.report());
  const uint32_t folded = *link;
  *link =
      kNoStream;  // before it is anything else: should we die here, no leg has a stranger's slot
  if (--leg.stream_count > 0) ++spare_;
  slot.next = free_;
  free_ = folded;
}

void StreamPool::learn_clock_rates(const Leg& leg) {
  for (uint32_t i = leg.streams; i != kNoStream; i = slots_[i].next) {
    StreamSlot& slot = slots_[i];
    if (slot.clock_known) continue;
    const uint32_t clock_hz = clock_rate_of(leg.setup, slot.payload_type);
    slot.clock_known = clock_hz != 0;
    if (slot.clock_known) slot.account.set_clock_rate(clock_hz);
  }
}

void StreamPool::release_all(Leg& leg) {
  while (leg.streams != kNoStream) {
    const uint32_t i = leg.streams;
    leg.streams = slots_[i].next;
    slots_[i].next = free_;
    free_ = i;
  }
  if (leg.stream_count > 1) spare_ += leg.stream_count - 1u;
  leg.stream_count = 0;
}

void StreamPool::restore(Leg& leg, std::span<const StreamSlot> streams) {
  for (size_t i = streams.size(); i-- > 0;) {  // the one that was used last becomes the first again
    if (!may_take(leg) && leg.stream_count > 0) fold_oldest(leg);
    if (!may_take(leg)) {
      media::StreamAccount account = streams[i].account;
      account.on_resume();
      add_folded(leg, streams[i], account.report());
      continue;
    }
    StreamSlot& slot = *take(leg);
    slot = streams[i];
    slot.account.on_resume();
    slot.next = leg.streams;
    leg.streams = static_cast<uint32_t>(&slot - slots_.data());
    ++leg.stream_count;
  }
}

void StreamPool::snapshot(const Leg& leg, LegSnapshot& out) const {
  out.leg = leg;
  out.stream_count = 0;
  for (uint32_t i = leg.streams; i != kNoStream; i = slots_[i].next)
    out.streams[out.stream_count++] = slots_[i];
}

void StreamPool::begin_interval(const Leg& leg) {
  for (uint32_t i = leg.streams; i != kNoStream; i = slots_[i].next)
    slots_[i].account.begin_interval();
}

}  // namespace holdfast::dataplane
