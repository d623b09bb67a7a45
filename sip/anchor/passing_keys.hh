// SPDX-License-Identifier: Apache-2.0
// What becomes of a body that is sent on as it came, its media passing us by: keys of SRTP
// (a=crypto, RFC 4568) in it go no further than the rules of both sides allow, and where SRTP is
// required nothing goes in the clear.
//
// SIP loop only; allocates nothing where the rules leave SRTP to the two sides of a call.
#pragma once

#include "sip/anchor/anchor_counts.hh"
#include "sip/media_filter.hh"
#include "sip/media_sides.hh"

namespace holdfast::sip {

// Of an m= line whose media passes us by; the later the worse.
enum class SrtpPassing : uint8_t { as_it_came, without_keys, not_at_all };
SrtpPassing passing_of(const media::Sdp& sdp, const media::SdpMedia& section,
                       const MediaSides& sides);

// Passes the message, or replaces its body by one without keys, or refuses it: SRTP would
// have to end here, and nothing of the message is anchored. By 503, or 488 where it never will be.
// Counts the last two.
MediaVerdict pass_by(const MediaMessage& message, const MediaRules& rules, AnchorCounts& counts);

}  // namespace holdfast::sip
