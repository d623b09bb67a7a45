// SPDX-License-Identifier: Apache-2.0
// What SRTP adds to each packet of an m= line, as far as an offer or an answer tells before
// anything is settled: for call admission.
//
// Pure; any thread. No key is kept.
#pragma once

#include <cstdint>
#include <vector>

#include "media/sdp.hh"
#include "media/sdp_media.hh"
#include "media/srtp/sdes_terms.hh"

namespace holdfast::media {

// Of RTP; that of RTCP is not counted, as RTCP is not.
uint32_t trailer_bytes_of(SrtpSuite suite);

// What stands in an m= section of SRTP.
struct SrtpSaid {
  struct Choice {
    SrtpSuite suite = SrtpSuite::aes_cm_128_hmac_sha1_80;
    uint8_t mki_bytes = 0;
  };
  bool any = false;             // a=crypto, or a protocol with SRTP
  bool optional = false;        // a=crypto on RTP/AVP
  std::vector<Choice> choices;  // what of a=crypto could be used, in its order
};
SrtpSaid srtp_said(const Sdp& sdp, const SdpMedia& section, const MediaDescription& line);

// Bytes behind each packet between us and the writer of an offer or an answer: of the suite that we
// take, or, where SRTP is not ours, of the longest that is named.
uint32_t trailer_bytes_of(const SrtpSaid& said, const SrtpTerms& writer);
// Whether the two sides may come to so many of it, where SRTP is not ours.
bool may_come_to(const SrtpSaid& said, uint32_t trailer_bytes);
// The most that it may come to with whoever is yet to answer, where SRTP is ours.
uint32_t most_trailer_bytes(const SrtpTerms& reader);

}  // namespace holdfast::media
