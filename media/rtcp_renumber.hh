// SPDX-License-Identifier: Apache-2.0
// RTCP that speaks of a stream whose RTP sequence numbers were changed on their way: put back into
// the numbers of its source, in place.
//
// What names numbers of a stream, and is put back: the extended highest number of report blocks
// (RFC 3550 section 6.4.1), PID of generic NACK (RFC 4585 section 6.2.1), begin_seq of congestion
// control feedback (RFC 8888 section 3.1), and begin_seq and end_seq of XR blocks: loss and
// duplicate RLE, packet receipt times, statistics summary (RFC 3611 sections 4.1 to 4.3 and 4.6).
// All else stays: what transport-wide feedback (FMT 15) names is numbers of a header extension.
// Pure; no allocation; any thread.
#pragma once

#include <cstdint>
#include <span>

#include "media/rtcp_packet.hh"

namespace holdfast::media {

// What was added to the extended sequence numbers of a stream, modulo 2^32. Those of its source
// begin at cycle 0.
struct RtpShift {
  uint32_t ssrc;
  uint32_t added;
};

// `compound`: what parse_rtcp() made of `bytes`; it stays good. A block or packet that has not the
// length of its type stays as it is. Returns how many were put back.
//
// XR with thinning (T > 0) has one in 2^T numbers, the multiples; so has what it becomes: each of
// its numbers is less than 2^T from the one that was meant.
unsigned renumber_rtcp(const RtcpCompound& compound, std::span<uint8_t> bytes,
                       std::span<const RtpShift> shifts);

}  // namespace holdfast::media
