// SPDX-License-Identifier: Apache-2.0
// Packet indices: estimated and checked for replay on the way in (RFC 3711 section 3.3.1, 3.3.2),
// given out once and never again on the way out.
//
// Pure; the thread that owns the leg. Nothing here allocates.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "media/rtcp_renumber.hh"
#include "media/srtp/state.hh"
#include "media/srtp/verdict.hh"

namespace holdfast::media {

inline constexpr uint64_t kMaxSrtpIndex = (uint64_t{1} << 48) - 1;
inline constexpr uint32_t kMaxSrtcpIndex = 0x7fff'ffff;
// What a source may leave out between two checkpoints, one jump or many; with more it restarted:
// MAX_DROPOUT of RFC 3550 A.1.
inline constexpr int kMaxSourceJump = 3000;

// What is known of a packet's index. `far`: it is the first of its SSRC, or 2^14 numbers or more
// from the highest, so that what its ROC is, or that of others, depends on which packets pass
// before. `other`, if not 0: what the index may be in its place, since only its tag tells whether a
// peer kept the ROC that its SSRC had under the key before.
struct SrtpIndex {
  uint64_t index = 0;
  uint64_t other = 0;
  bool far = false;
};

// Before authentication: `state` is not changed.
SrtpVerdict judge_rtp(const SrtpInbound& state, uint32_t ssrc, uint16_t sequence, SrtpIndex& out);
SrtpVerdict judge_rtcp(const SrtpInbound& state, uint32_t ssrc, uint32_t index, SrtpIndex& out);
// After authentication: the index becomes known, and the packet counts for the lifetime of the key.
// Both are checked once more, since packets of one burst are judged before any of them is known.
SrtpVerdict accept_rtp(SrtpInbound& state, uint32_t ssrc, uint64_t index);
SrtpVerdict accept_rtcp(SrtpInbound& state, uint32_t ssrc, uint32_t index);

// Gives out the index for the source's `sequence`; its low 16 bits are the number to send. A source
// that restarts its numbers goes on at the next one.
SrtpVerdict number_rtp(SrtpOutbound& state, uint32_t ssrc, uint16_t sequence, uint64_t& index);
SrtpVerdict number_rtcp(SrtpOutbound& state, uint32_t ssrc, uint32_t& index);

// Of the SSRCs whose numbers are not the source's any more: what was added. RTCP that comes back is
// to be put back by it (renumber_rtcp()).
using SrtpShifts = std::array<RtpShift, kMaxSrtpSsrcs>;
std::span<const RtpShift> shifts_of(const SrtpOutbound& state, SrtpShifts& room);

}  // namespace holdfast::media
