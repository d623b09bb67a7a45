// SPDX-License-Identifier: Apache-2.0
// SDP that names an address of ours has come back to us: its streams are joined inside.
#include "sip/media_ask.hh"

#include <algorithm>

#include "sip/anchor/sdp_part.hh"

namespace holdfast::sip {

MediaAsk read_media_ask(std::string_view content_type, std::string_view body,
                        const MediaRules& rules) {
  MediaAsk ask;
  const SdpPart part = find_sdp(content_type, body);
  if (part.kind != SdpPart::Kind::sdp) return ask;
  const auto sdp = media::parse_sdp(body.substr(part.begin, part.size));
  if (!sdp) return ask;
  const auto lines = media::describe_media(*sdp);
  if (!lines) return ask;
  ask.has_sdp = true;
  ask.lines = media::demands_of_lines(*sdp, *lines, rules.policy);
  ask.srtp.clear();
  for (size_t i = 0; i < ask.lines.size(); ++i)
    ask.srtp.push_back(media::srtp_said(*sdp, sdp->media()[i], (*lines)[i]));
  bool elsewhere = false;
  for (const media::MediaDescription& line : *lines) {
    if (line.refused() || !line.remote ||
        media::action_for(line, rules.policy) == media::MediaAction::refuse)
      continue;
    ask.says_where = true;
    elsewhere |= std::find(rules.addresses.begin(), rules.addresses.end(), line.remote->ip) ==
                 rules.addresses.end();
  }
  ask.is_joined = ask.says_where && !elsewhere;
  return ask;
}

}  // namespace holdfast::sip
