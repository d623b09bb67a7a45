// SPDX-License-Identifier: Apache-2.0
// Bodies of SDP for the tests of anchoring.
#pragma once

#include <string>

#include "media/sdp.hh"
#include "media/sdp_media.hh"

namespace holdfast::sip {

// An audio offer or answer of a phone at `address`.
inline std::string sdp(const std::string& address, const std::string& more = "",
                       const std::string& version = "1") {
  const auto where = *SocketAddress::parse(address);
  const std::string ip = (where.ip.is_v6() ? "IN IP6 " : "IN IP4 ") + where.ip.to_string();
  return "v=0\r\no=- 77 " + version + " " + ip + "\r\ns=-\r\nc=" + ip + "\r\nt=0 0\r\nm=audio " +
         std::to_string(where.port) + " RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n" +
         more;
}
// Where an SDP wants the media of its line (0: the first): "198.18.2.2:30000".
inline std::string wants(const std::string& body, size_t line = 0) {
  const auto parsed = media::parse_sdp(body);
  const auto media = parsed ? media::describe_media(*parsed) : parsed.error();
  if (!media) return "no SDP";
  if (line >= media->size()) return "no line";
  if ((*media)[line].refused()) return "refused";
  return (*media)[line].remote ? (*media)[line].remote->to_string() : "held";
}

}  // namespace holdfast::sip
