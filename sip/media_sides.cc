// SPDX-License-Identifier: Apache-2.0
// The rules of both sides, and the lines of a body under them.
#include "sip/media_sides.hh"

namespace holdfast::sip {
namespace {

media::SrtpRules rules_at(const MediaRules& rules, const Origin& there) {
  static const media::SrtpInterface kPassesThrough;
  const auto found = rules.srtp.find(there.interface);
  return (found == rules.srtp.end() ? kPassesThrough : found->second)
      .rules(there.transport == Transport::tls);
}

}  // namespace

MediaSides sides_of(const MediaRules& rules, const Origin& sender, const Origin& receiver) {
  const media::SrtpRules own = rules_at(rules, sender), other = rules_at(rules, receiver);
  return {srtp_terms(own, other), srtp_terms(other, own)};
}

Trailers sent_trailers(const MediaAsk& ask, const MediaSides& sides) {
  if (!ask.has_sdp) return Trailers(ask.lines.size(), media::most_trailer_bytes(sides.sender));
  Trailers trailers;
  for (const media::SrtpSaid& said : ask.srtp)
    trailers.push_back(media::trailer_bytes_of(said, sides.sender));
  return trailers;
}

Trailers onward_trailers(const MediaAsk& ask, const MediaSides& sides) {
  if (!sides.receiver.ours) return sent_trailers(ask, sides);  // as it came
  return Trailers(ask.lines.size(), media::most_trailer_bytes(sides.receiver));
}

}  // namespace holdfast::sip
