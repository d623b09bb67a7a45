// SPDX-License-Identifier: Apache-2.0
// What the streams of an SDP body take of a link, one way: from codecs, packet time and b=AS.
//
// Pure, any thread. Of the codecs that a line lists, the most expensive counts: each of them may be
// sent (RFC 3264 section 6.1). With RTP, UDP and IP headers; RTCP is left out, and what a link adds
// to a packet is the link's own matter.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "media/sdp.hh"
#include "media/sdp_anchor.hh"
#include "media/sdp_media.hh"

namespace holdfast::media {

// Video without b=AS: about what a desk phone sends in 720p.
inline constexpr uint32_t kVideoBitsPerS = 1'024'000;

struct MediaDemand {
  uint32_t bits_per_s = 0;  // of IP packets
  uint32_t packets_per_s = 0;
  friend bool operator==(const MediaDemand&, const MediaDemand&) = default;
};

// G.711 in packets of 20 ms over IPv4, 80 kbit/s: of a call whose SDP is not known yet.
inline constexpr MediaDemand kUsualDemand{80'000, 50};

// kbit/s with so many bytes added to each packet by the link, rounded up.
uint32_t kbit_of(const MediaDemand& demand, uint32_t overhead_bytes);

// The larger in both.
MediaDemand larger(const MediaDemand& a, const MediaDemand& b);

// What one m= line takes as plain RTP, or UDPTL.
struct LineDemand {
  MediaDemand plain{};
  bool may_have_srtp = false;
};

// Of each line; lines that the policy does not let through, and those that are refused, take
// nothing. b=AS of a line counts in place of its codecs (RFC 3550 section 6.2: it has the headers
// of UDP and IP in it, and what SRTP adds), but never for less than the cheapest codec needs; b=AS
// of the session is not looked at.
std::vector<LineDemand> demands_of_lines(const Sdp& sdp, const MediaList& media,
                                         const MediaPolicy& policy);

// Of all lines, with so many bytes of SRTP behind each packet of each; beyond the list none.
MediaDemand sum_of(std::span<const LineDemand> lines, std::span<const uint32_t> trailer_bytes);

}  // namespace holdfast::media
