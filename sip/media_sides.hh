// SPDX-License-Identifier: Apache-2.0
// What a message's media takes on its two sides of us: as it came, and as it leaves. They differ by
// SRTP, which each side has by the rules of its interface. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "sip/media_ask.hh"
#include "sip/message_view.hh"

namespace holdfast::sip {

// Terms refer to the rules.
struct MediaSides {
  media::SrtpTerms sender, receiver;
};
MediaSides sides_of(const MediaRules& rules, const Origin& sender, const Origin& receiver);

// Bytes of SRTP behind each packet, by m= line.
using Trailers = std::vector<uint32_t>;

// On the sender's side.
Trailers sent_trailers(const MediaAsk& ask, const MediaSides& sides);
// On the side of whoever is yet to answer: the most that it may come to.
Trailers onward_trailers(const MediaAsk& ask, const MediaSides& sides);

}  // namespace holdfast::sip
