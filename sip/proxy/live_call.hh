// SPDX-License-Identifier: Apache-2.0
// A call from before a restart, as the dataplane lists its streams, and which links it holds. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sip/admission.hh"
#include "sip/route_state.hh"

namespace holdfast::sip {

struct LiveCall {
  // Where one side of a stream has its media, and the interface that it is behind.
  struct End {
    std::string interface;
    IpAddress ip;  // none: not known
    uint32_t srtp_trailer_bytes = 0;
  };
  struct Stream {
    std::string media;  // "audio", "video"
    std::array<End, 2> ends;
  };
  uint64_t call_key = 0;
  std::vector<Stream> streams;
};

// An end that is an address of ours is joined inside, one at a gateway holds its trunk, one at a
// phone's address nothing, any other behind the centre's interface the link to the centre. Codecs
// are not in the list: the usual demand counts for speech, media::kVideoBitsPerS for video. What
// SRTP adds is known.
CallUse use_of_listed(const LiveCall& call, const RouteConfig& config,
                      const std::vector<Upstream>& upstreams, const std::vector<IpAddress>& phones);

}  // namespace holdfast::sip
