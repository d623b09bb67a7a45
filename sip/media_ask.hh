// SPDX-License-Identifier: Apache-2.0
// What the SDP of a message asks of the links between us and its sender. Pure, safe on any bytes.
#pragma once

#include <string_view>
#include <vector>

#include "media/address.hh"
#include "media/sdp_anchor.hh"
#include "media/sdp_bandwidth.hh"

namespace holdfast::sip {

// What is needed to read one.
struct MediaRules {
  media::MediaPolicy policy;         // lines that it refuses take nothing
  std::vector<IpAddress> addresses;  // inside of the branch: ours, which media comes to, and others
};

struct MediaAsk {
  bool has_sdp = false;         // and it could be read
  bool says_where = false;      // a line names an address, so the next is known
  bool is_joined = false;       // each such line names an address inside of the branch
  media::MediaDemand demand{};  // of all lines in use
};

MediaAsk read_media_ask(std::string_view content_type, std::string_view body,
                        const MediaRules& rules);

}  // namespace holdfast::sip
