// SPDX-License-Identifier: Apache-2.0
// Checkpoints of SRTP state, and states from them.
#include "media/srtp/state.hh"

#include <algorithm>

#include "media/srtp/numbering.hh"

namespace holdfast::media {

SrtpCheckpoint checkpoint_of(const SrtpInbound& state) {
  SrtpCheckpoint made;
  made.rtp_packets = state.rtp_packets;
  made.rtcp_packets = state.rtcp_packets;
  made.stream_count = std::min(state.stream_count, kMaxSrtpSsrcs);
  for (uint32_t i = 0; i < made.stream_count; ++i) {
    const SrtpInbound::Stream& s = state.streams[i];
    made.streams[i] = {s.index, s.ssrc, s.rtcp_index, s.rtp_seen, s.rtcp_seen};
  }
  return made;
}

SrtpCheckpoint checkpoint_of(const SrtpOutbound& state) {
  SrtpCheckpoint made;
  made.rtp_packets = state.rtp_packets;
  made.rtcp_packets = state.rtcp_packets;
  made.rtcp_floor = state.rtcp_floor;
  made.stream_count = std::min(state.stream_count, kMaxSrtpSsrcs);
  for (uint32_t i = 0; i < made.stream_count; ++i) {
    const SrtpOutbound::Stream& s = state.streams[i];
    made.streams[i] = {s.index, s.ssrc, s.rtcp_index, s.rtp_sent, s.rtcp_index > 0};
  }
  return made;
}

void checkpointed(SrtpOutbound& state) {
  for (SrtpOutbound::Stream& stream : state.streams) stream.skipped = 0;
}

SrtpCheckpoint advanced(const SrtpCheckpoint& kept) {
  // SSRCs jump each on their own: what was sent of them in a second is bounded by as much.
  SrtpCheckpoint made = kept;
  made.stream_count = std::min(kept.stream_count, kMaxSrtpSsrcs);
  for (uint32_t i = 0; i < made.stream_count; ++i) {
    SrtpCheckpoint::Stream& s = made.streams[i];
    if (s.rtp) s.index = std::min(s.index, kMaxSrtpIndex - kRestoreRtpJump) + kRestoreRtpJump;
    s.rtcp_index = std::min(s.rtcp_index, kMaxSrtcpIndex - kRestoreRtcpJump) + kRestoreRtcpJump;
    s.rtcp = true;
  }
  made.rtcp_floor = std::min(kept.rtcp_floor, kMaxSrtcpIndex - kRestoreRtcpJump) + kRestoreRtcpJump;
  made.rtp_packets = kept.rtp_packets + kRestoreRtpJump;
  made.rtcp_packets = kept.rtcp_packets + kRestoreRtcpJump;
  return made;
}

void restore(SrtpInbound& state, const SrtpCheckpoint& checkpoint) {
  state.stream_count = std::min(checkpoint.stream_count, kMaxSrtpSsrcs);
  for (uint32_t i = 0; i < state.stream_count; ++i) {
    const SrtpCheckpoint::Stream& from = checkpoint.streams[i];
    SrtpInbound::Stream& to = state.streams[i];
    to = {};  // a window begins with all of it come
    to.index = std::min(from.index, kMaxSrtpIndex) & kMaxSrtpIndex;
    to.rtp_seen = from.rtp;
    to.rtcp_seen = from.rtcp;
    to.ssrc = from.ssrc;
    to.rtcp_index = std::min(from.rtcp_index, kMaxSrtcpIndex);
  }
  state.rtp_packets = checkpoint.rtp_packets;
  state.rtcp_packets = checkpoint.rtcp_packets;
}

void restore(SrtpOutbound& state, const SrtpCheckpoint& checkpoint) {
  state.stream_count = std::min(checkpoint.stream_count, kMaxSrtpSsrcs);
  for (uint32_t i = 0; i < state.stream_count; ++i) {
    const SrtpCheckpoint::Stream& from = checkpoint.streams[i];
    state.streams[i] = {std::min(from.index, kMaxSrtpIndex),
                        from.ssrc,
                        std::min(from.rtcp_index, kMaxSrtcpIndex),
                        0,
                        from.rtp,
                        true,
                        0,
                        {}};
  }
  state.rtcp_floor = std::min(checkpoint.rtcp_floor, kMaxSrtcpIndex);
  state.rtp_packets = checkpoint.rtp_packets;
  state.rtcp_packets = checkpoint.rtcp_packets;
}

void carry_rocs(SrtpInbound& state, const SrtpCheckpoint& before) {
  constexpr uint64_t kAmbiguous =
      0x8000;  // from here on the next packet may have another ROC than 0
  for (uint32_t i = 0; i < std::min(before.stream_count, kMaxSrtpSsrcs); ++i) {
    const SrtpCheckpoint::Stream& from = before.streams[i];
    const auto end = state.streams.begin() + std::min(state.stream_count, kMaxSrtpSsrcs);
    const bool known =
        std::any_of(state.streams.begin(), end, [&](const auto& s) { return s.ssrc == from.ssrc; });
    if (from.index < kAmbiguous || known || state.stream_count >= kMaxSrtpSsrcs) continue;
    SrtpInbound::Stream& to = state.streams[state.stream_count];
    to = {};
    to.index = std::min(from.index, kMaxSrtpIndex) & kMaxSrtpIndex;
    to.ssrc = from.ssrc;
    ++state.stream_count;
  }
}

}  // namespace holdfast::media
