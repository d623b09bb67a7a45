// SPDX-License-Identifier: Apache-2.0
// What the SDP of a message asks of the links between us and its sender. Pure, safe on any bytes.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "media/address.hh"
#include "media/sdp_anchor.hh"
#include "media/sdp_bandwidth.hh"
#include "media/srtp/trailer.hh"

namespace holdfast::sip {

// What is needed to read one.
struct MediaRules {
  media::MediaPolicy policy;         // lines that it refuses take nothing
  std::vector<IpAddress> addresses;  // inside of the branch: ours, which media comes to, and others
  // By the interface's name. One that is not here leaves SRTP to the two sides of a call.
  std::map<std::string, media::SrtpInterface, std::less<>> srtp;
};

struct MediaAsk {
  bool has_sdp = false;     // and it could be read
  bool says_where = false;  // a line names an address, so the next is known
  bool is_joined = false;   // each such line names an address inside of the branch
  // Of each m= line: what it takes, and what it says of SRTP. Without SDP G.711.
  std::vector<media::LineDemand> lines{{media::kUsualDemand, true}};
  std::vector<media::SrtpSaid> srtp{{}};
};

MediaAsk read_media_ask(std::string_view content_type, std::string_view body,
                        const MediaRules& rules);

}  // namespace holdfast::sip
