// SPDX-License-Identifier: Apache-2.0
// Packet indices: estimated, checked for replay, given out.
#include "media/srtp/numbering.hh"

#include <algorithm>
#include <optional>

namespace holdfast::media {
namespace {

template <typename State>
auto* find(State& state, uint32_t ssrc) {
  auto* const end = state.streams.data() + std::min(state.stream_count, kMaxSrtpSsrcs);
  auto* const found =
      std::find_if(state.streams.data(), end, [ssrc](const auto& s) { return s.ssrc == ssrc; });
  return found == end ? nullptr : found;
}

// A place that another SSRC may have, though all are taken: one that is known from the key before
// alone can be forgotten without a risk. Null: there is none.
template <typename State>
auto* unproven(State& state) {
  auto* const end = state.streams.data() + state.streams.size();
  auto* const found = std::find_if(
      state.streams.data(), end,
      [](const SrtpInbound::Stream& stream) { return !stream.rtp_seen && !stream.rtcp_seen; });
  return found == end ? nullptr : found;
}
SrtpOutbound::Stream* unproven(SrtpOutbound&) {
  return nullptr;
}

bool has_room(const SrtpInbound& state) {
  return state.stream_count < kMaxSrtpSsrcs || unproven(state) != nullptr;
}

// Null when all places are taken.
template <typename State>
auto* find_or_add(State& state, uint32_t ssrc) {
  if (auto* const found = find(state, ssrc)) return found;
  auto* const added =
      state.stream_count < kMaxSrtpSsrcs ? &state.streams[state.stream_count++] : unproven(state);
  if (added == nullptr) return added;
  *added = {};
  added->ssrc = ssrc;
  return added;
}

// RFC 3711 appendix A: the ROC that puts `sequence` nearest to the highest index. Below the first
// wrap there is no ROC to go back to.
uint64_t estimate(uint64_t highest, uint16_t sequence) {
  const auto last = static_cast<uint16_t>(highest);
  uint64_t roc = highest >> 16;
  if (last < 0x8000) {
    if (sequence > last && sequence - last > 0x8000 && roc > 0) --roc;
  } else if (last - 0x8000 > sequence) {
    ++roc;
  }
  return roc << 16 | sequence;
}

template <typename Window>
SrtpVerdict check(const Window& window, uint64_t highest, uint64_t index) {
  if (index > highest) return SrtpVerdict::srtp_ok;
  if (highest - index >= Window::kSize) return SrtpVerdict::srtp_too_old;
  return window.has(index) ? SrtpVerdict::srtp_replayed : SrtpVerdict::srtp_ok;
}

// check() has passed, or this is the first. Returns the highest.
template <typename Window, typename Index>
Index enter(Window& window, Index highest, bool first, Index index) {
  if (first) {
    window.clear(0, Window::kSize);  // what was sent before the first to come may still come
  } else if (index > highest) {
    const uint64_t steps = index - highest;
    window.clear(uint64_t{highest} + 1,
                 static_cast<uint32_t>(std::min<uint64_t>(steps, Window::kSize)));
  }
  window.set(index);
  return first ? index : std::max(highest, index);
}

// Of an SSRC that nothing is known of: a number that was not given out before any loss of what was
// known. None: it was lost too often.
std::optional<uint64_t> first_index(const SrtpOutbound& state, uint16_t sequence) {
  constexpr uint16_t kLowHalf = 0x7fff;  // receivers guess the ROC though they miss the first
  const uint32_t losses = state.rtcp_floor / kRestoreRtcpJump;
  if (losses == 0) return sequence & kLowHalf;
  if (losses > kYoungLosses) return std::nullopt;
  return kFirstAfterLoss + (losses - 1) * kYoungNumbers;
}

}  // namespace

SrtpVerdict judge_rtp(const SrtpInbound& state, uint32_t ssrc, uint16_t sequence, SrtpIndex& out) {
  if (state.rtp_packets >= state.lifetime_packets) [[unlikely]]
    return SrtpVerdict::srtp_key_expired;
  const SrtpInbound::Stream* const stream = find(state, ssrc);
  if (stream == nullptr && !has_room(state)) return SrtpVerdict::srtp_too_many_ssrcs;
  if (stream == nullptr || !stream->rtp_seen) {
    out = {.index = sequence, .far = true};
    if (stream != nullptr) {
      const uint64_t kept = estimate(stream->index, sequence);
      if (kept != sequence && kept <= kMaxSrtpIndex) out.other = kept;
    }
    return SrtpVerdict::srtp_ok;
  }
  const auto ahead = static_cast<uint16_t>(sequence - static_cast<uint16_t>(stream->index));
  out = {.index = estimate(stream->index, sequence), .far = ahead >= 0x4000 && ahead <= 0xc000};
  if (out.index > kMaxSrtpIndex) return SrtpVerdict::srtp_key_expired;
  return check(stream->window, stream->index, out.index);
}

SrtpVerdict judge_rtcp(const SrtpInbound& state, uint32_t ssrc, uint32_t index, SrtpIndex& out) {
  if (state.rtcp_packets >= state.lifetime_packets) [[unlikely]]
    return SrtpVerdict::srtp_key_expired;
  const SrtpInbound::Stream* const stream = find(state, ssrc);
  if (stream == nullptr && !has_room(state)) return SrtpVerdict::srtp_too_many_ssrcs;
  out = {.index = index};  // it stands in the packet: nothing is estimated
  if (stream == nullptr || !stream->rtcp_seen) return SrtpVerdict::srtp_ok;
  return check(stream->rtcp_window, stream->rtcp_index, index);
}

SrtpVerdict accept_rtp(SrtpInbound& state, uint32_t ssrc, uint64_t index) {
  if (state.rtp_packets >= state.lifetime_packets) [[unlikely]]
    return SrtpVerdict::srtp_key_expired;
  SrtpInbound::Stream* const stream = find_or_add(state, ssrc);
  if (stream == nullptr) return SrtpVerdict::srtp_too_many_ssrcs;
  if (stream->rtp_seen) {
    const SrtpVerdict verdict = check(stream->window, stream->index, index);
    if (verdict != SrtpVerdict::srtp_ok) return verdict;
  }
  stream->index = enter(stream->window, stream->index, !stream->rtp_seen, index) & kMaxSrtpIndex;
  stream->rtp_seen = true;
  ++state.rtp_packets;
  return SrtpVerdict::srtp_ok;
}

SrtpVerdict accept_rtcp(SrtpInbound& state, uint32_t ssrc, uint32_t index) {
  if (state.rtcp_packets >= state.lifetime_packets) [[unlikely]]
    return SrtpVerdict::srtp_key_expired;
  SrtpInbound::Stream* const stream = find_or_add(state, ssrc);
  if (stream == nullptr) return SrtpVerdict::srtp_too_many_ssrcs;
  if (stream->rtcp_seen) {
    const SrtpVerdict verdict = check(stream->rtcp_window, stream->rtcp_index, index);
    if (verdict != SrtpVerdict::srtp_ok) return verdict;
  }
  stream->rtcp_index = enter(stream->rtcp_window, stream->rtcp_index, !stream->rtcp_seen, index);
  stream->rtcp_seen = true;
  ++state.rtcp_packets;
  return SrtpVerdict::srtp_ok;
}

SrtpVerdict number_rtp(SrtpOutbound& state, uint32_t ssrc, uint16_t sequence, uint64_t& index) {
  if (state.rtp_packets >= state.lifetime_packets) return SrtpVerdict::srtp_key_expired;
  SrtpOutbound::Stream* const stream = find_or_add(state, ssrc);
  if (stream == nullptr) return SrtpVerdict::srtp_too_many_ssrcs;
  const bool first = !stream->rtp_sent;
  if (first) {
    const auto begin = first_index(state, sequence);
    if (!begin) return SrtpVerdict::srtp_key_expired;
    index = *begin;
    stream->offset = static_cast<uint32_t>(index - sequence);
  } else {
    const auto number = static_cast<uint16_t>(sequence + stream->offset);
    const int ahead = static_cast<int16_t>(number - static_cast<uint16_t>(stream->index));
    const bool late = ahead <= 0 && ahead > -static_cast<int>(kSrtpWindowBits);
    const int skipped = std::max(ahead - 1, 0) + stream->skipped;
    if (!stream->restored && (late || (ahead > 0 && skipped <= kMaxSourceJump))) {
      stream->skipped = static_cast<uint16_t>(skipped);
      if (late && stream->index < static_cast<uint64_t>(-ahead))
        return SrtpVerdict::srtp_sent_before;  // before index 0 there is none
      index = stream->index + static_cast<uint64_t>(int64_t{ahead});
      if (check(stream->window, stream->index, index) != SrtpVerdict::srtp_ok)
        return SrtpVerdict::srtp_sent_before;
    } else {  // restarted: go on where we are
      index = stream->index + 1;
      stream->offset = static_cast<uint32_t>(index - sequence);
    }
  }
  if (index > kMaxSrtpIndex) return SrtpVerdict::srtp_key_expired;
  // What its source sent before the first to come may still come; not if that was in another life.
  const bool open = first && state.rtcp_floor == 0;
  if (first && !open) stream->index = index - 1;
  stream->index = enter(stream->window, stream->index, open, index);
  stream->rtp_sent = true;
  stream->restored = false;
  ++state.rtp_packets;
  return SrtpVerdict::srtp_ok;
}

SrtpVerdict number_rtcp(SrtpOutbound& state, uint32_t ssrc, uint32_t& index) {
  if (state.rtcp_packets >= state.lifetime_packets) return SrtpVerdict::srtp_key_expired;
  SrtpOutbound::Stream* const stream = find_or_add(state, ssrc);
  if (stream == nullptr) return SrtpVerdict::srtp_too_many_ssrcs;
  const uint32_t last = std::max(stream->rtcp_index, state.rtcp_floor);
  if (last >= kMaxSrtcpIndex) return SrtpVerdict::srtp_key_expired;
  index = last + 1;
  stream->rtcp_index = index;
  ++state.rtcp_packets;
  return SrtpVerdict::srtp_ok;
}

std::span<const RtpShift> shifts_of(const SrtpOutbound& state, SrtpShifts& room) {
  size_t count = 0;
  for (uint32_t i = 0; i < std::min(state.stream_count, kMaxSrtpSsrcs); ++i) {
    const SrtpOutbound::Stream& stream = state.streams[i];
    if (stream.offset != 0) room[count++] = {stream.ssrc, stream.offset};
  }
  return std::span(room).first(count);
}

}  // namespace holdfast::media
