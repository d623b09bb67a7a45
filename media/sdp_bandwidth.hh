// SPDX-License-Identifier: Apache-2.0
// What the streams of an SDP body take of a link, one way: from codecs, packet time and b=AS.
//
// Pure, any thread. Of the codecs that a line lists, the most expensive counts: each of them may be
// sent (RFC 3264 section 6.1). With RTP, UDP and IP headers; RTCP is left out, and what a link adds
// to a packet is the link's own matter.
#pragma once

#include <cstdint>

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

// Of all lines that the policy lets through and that are not refused. b=AS of a line counts in
// place of its codecs (RFC 3550 section 6.2: it has the headers of UDP and IP in it), but never for
// less than the cheapest codec needs; b=AS of the session is not looked at.
MediaDemand demand_of(const Sdp& sdp, const MediaList& media, const MediaPolicy& policy);

}  // namespace holdfast::media
