// SPDX-License-Identifier: Apache-2.0
// Packets of legs with SRTP: what came in a burst is opened together, what leaves is protected
// together.
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <atomic>
#include <utility>

#include "dataplane/relay/relay_core.hh"
#include "media/srtp/numbering.hh"

namespace holdfast::dataplane {
namespace {

// The expanded key, and the halves of HMAC or the first of GCM's tables.
constexpr size_t kPrefetchedKeyBytes = 320;

void prefetch_keys(const media::SrtpKeySlot& slot) {
  for (size_t at = 0; at < kPrefetchedKeyBytes; at += RTE_CACHE_LINE_SIZE)
    rte_prefetch0(slot.bytes.data() + at);
}

uint8_t* payload_of(rte_mbuf* frame, const FrameView& view) {
  return rte_pktmbuf_mtod(frame, uint8_t*) + view.payload_offset;
}

// Bytes from the payload on that lie in the packet buffer.
uint16_t room_for(const rte_mbuf* frame, const FrameView& view) {
  return static_cast<uint16_t>(frame->buf_len - frame->data_off - view.payload_offset);
}

}  // namespace

void RelayCore::hold_to_open(const Work& work, const Arrival& arrival) {
  const SrtpLeg& srtp = srtp_of(*work.leg);
  prefetch_keys(arrival.is_media ? srtp.in.keys.rtp : srtp.in.keys.rtcp);
  rte_prefetch0(&srtp.in.streams[0]);
  opening_[opening_count_++] = {work, arrival};
}

void RelayCore::hold_to_protect(const Work& work, const Arrival& arrival) {
  const SrtpLeg& srtp = srtp_of(*leg_of(work.leg->setup.peer));
  prefetch_keys(arrival.is_media ? srtp.out.keys.rtp : srtp.out.keys.rtcp);
  rte_prefetch0(&srtp.out.streams[0]);
  protecting_[protecting_count_++] = {work, arrival};
}

// Until a packet is authentic nothing of it counts but its drop.
void RelayCore::open_held(uint64_t now_ns) {
  const size_t count = std::exchange(opening_count_, 0);
  for (size_t i = 0; i < count; ++i) {
    const auto& [work, arrival] = opening_[i];
    const uint16_t size = work.view.payload_size;
    tasks_[i] = {
        .data = payload_of(work.frame, work.view),
        .length = size,
        .capacity = size,
        .op = arrival.is_media ? media::SrtpOp::unprotect_rtp : media::SrtpOp::unprotect_rtcp,
        .in = &srtp_of(*work.leg).in};
  }
  run_srtp(count);
  for (size_t i = 0; i < count; ++i) {
    auto& [work, arrival] = opening_[i];
    if (tasks_[i].verdict != media::SrtpVerdict::srtp_ok) {
      refuse(work, *work.leg, tasks_[i].verdict);
      continue;
    }
    work.view.payload_size = tasks_[i].length;
    arrival.is_rewritten = true;
    // The path was open when it came; another one of the burst may have taken it.
    DropReason reason = arrival.was_open ? admit(*work.leg, work, arrival.path) : DropReason::none;
    if (reason == DropReason::none) reason = go_on(work, arrival, now_ns);
    settle(work, reason);
  }
}

void RelayCore::protect_held() {
  const size_t count = std::exchange(protecting_count_, 0);
  for (size_t i = 0; i < count; ++i) {
    const auto& [work, arrival] = protecting_[i];
    tasks_[i] = {.data = payload_of(work.frame, work.view),
                 .length = work.view.payload_size,
                 .capacity = room_for(work.frame, work.view),
                 .op = arrival.is_media ? media::SrtpOp::protect_rtp : media::SrtpOp::protect_rtcp,
                 .out = &srtp_of(*leg_of(work.leg->setup.peer)).out};
  }
  run_srtp(count);
  for (size_t i = 0; i < count; ++i) {
    auto& [work, arrival] = protecting_[i];
    Leg& out_leg = *leg_of(work.leg->setup.peer);
    if (tasks_[i].verdict != media::SrtpVerdict::srtp_ok) {
      refuse(work, out_leg, tasks_[i].verdict);
      continue;
    }
    work.view.payload_size = tasks_[i].length;
    arrival.is_rewritten = true;
    leave(work, arrival, out_leg);
  }
}

void RelayCore::run_srtp(size_t count) {
  if (engine_ != nullptr) engine_->process({tasks_.data(), count});
}

// What its endpoint says of packets that we sent to it, it says in the numbers that we gave them;
// their source is told in its own.
void RelayCore::renumber_rtcp(const Work& work, const media::RtcpCompound& compound) {
  media::SrtpShifts room;
  const auto shifts = media::shifts_of(srtp_of(*work.leg).out, room);
  if (shifts.empty()) return;
  media::renumber_rtcp(compound, {payload_of(work.frame, work.view), work.view.payload_size},
                       shifts);
}

// `leg`: the one whose SRTP it is.
void RelayCore::refuse(const Work& work, const Leg& leg, media::SrtpVerdict verdict) {
  uint32_t& count = srtp_of(leg).refused.of(verdict);
  if (count < UINT32_MAX) ++count;
  drop(work.frame, drop_of(verdict));
}

template <typename State>
void RelayCore::take_over(State& state, media::SrtpFingerprint& key, const State& from,
                          const media::SrtpFingerprint& from_key) {
  // A process may die at any store: with a fingerprint there is a whole key.
  key = media::kNoSrtpKey;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  engine_->release(state);
  state = from;
  if (from_key == media::kNoSrtpKey || !engine_->adopt(state)) {
    media::wipe(std::span(reinterpret_cast<uint8_t*>(&state), sizeof state));
    return;
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  key = from_key;
}

void RelayCore::change_srtp(const Leg& leg, const SrtpChange& change) {
  if (engine_ == nullptr) return;
  SrtpLeg& srtp = srtp_of(leg);
  if (change.in) {
    const media::SrtpCheckpoint before = media::checkpoint_of(srtp.in);
    take_over(srtp.in, srtp.in_key, change.state.in, change.state.in_key);
    media::carry_rocs(srtp.in, before);
  }
  if (change.out) take_over(srtp.out, srtp.out_key, change.state.out, change.state.out_key);
  if (change.with_refused) srtp.refused = change.state.refused;
}

template <typename State>
void RelayCore::adopt_or_wipe(State& state, media::SrtpFingerprint& key) {
  if (key != media::kNoSrtpKey && engine_->adopt(state)) return;
  key = media::kNoSrtpKey;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  media::wipe(std::span(reinterpret_cast<uint8_t*>(&state), sizeof state));
}

void RelayCore::adopt_srtp(const Leg& leg) {
  if (engine_ == nullptr) return;
  SrtpLeg& srtp = srtp_of(leg);
  adopt_or_wipe(srtp.in, srtp.in_key);
  adopt_or_wipe(srtp.out, srtp.out_key);
}

void RelayCore::end_srtp(const Leg& leg) {
  if (engine_ == nullptr || leg.setup.payload != PayloadKind::srtp) return;
  SrtpLeg& srtp = srtp_of(leg);
  srtp.in_key = srtp.out_key = media::kNoSrtpKey;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  engine_->release(srtp.in);
  engine_->release(srtp.out);
  wipe(srtp);
}

void RelayCore::check(std::span<const LegIndex> legs,
                      std::span<media::SrtpLegCheckpoint> checkpoints) {
  for (size_t i = 0; i < legs.size(); ++i) {
    checkpoints[i] = {};
    const Leg* leg = leg_of(legs[i]);
    if (leg == nullptr || leg->setup.payload != PayloadKind::srtp) continue;
    checkpoints[i] = checkpoint_of(srtp_of(*leg));
    media::checkpointed(srtp_of(*leg).out);
  }
}

}  // namespace holdfast::dataplane
