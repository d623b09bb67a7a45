// SPDX-License-Identifier: Apache-2.0
// Which media a call has now, as plain values that can be compared: what the dataplane's calls and
// legs are made from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/sdp_media.hh"

namespace holdfast::media {

// The caller is who sent the call's first INVITE, whoever offers.
enum class Side : uint8_t { caller, callee };
constexpr Side other(Side side) {
  return side == Side::caller ? Side::callee : Side::caller;
}
constexpr size_t index_of(Side side) {
  return static_cast<size_t>(side);
}

// One side of a stream: what the leg towards it needs.
struct StreamEnd {
  // None: not known yet, held by address (the leg keeps the one it had), or a name.
  std::optional<SocketAddress> remote;
  std::optional<SocketAddress> remote_rtcp;         // equals remote with rtcp_mux
  std::string host;                                 // c=, when it is a name
  bool rtcp_mux = false;                            // agreed with this side (RFC 5761)
  SdpDirection direction = SdpDirection::sendrecv;  // as this side said
  bool held_by_address = false;
  SrtpEnd srtp;
  // Of what arrives from this side: first those that the other side asked for, since a sender uses
  // the payload types of its reader (RFC 3264 section 6.1).
  PayloadClocks clocks;
  friend bool operator==(const StreamEnd&, const StreamEnd&) = default;
};

// One m= line that both sides have taken, or that waits for an answer. (branch, slot, media, rtp)
// is its key: an m= line that turns from audio into fax is another stream.
struct MediaStream {
  std::string branch;
  size_t slot = 0;    // of the m= line in the SDP
  std::string media;  // audio, video, image ...
  bool rtp = true;    // false: UDPTL
  bool agreed = false;
  // SRTP under keys of the two sides' own, which pass through: nothing but headers can be read.
  bool sealed = false;
  // Rises when another fork of the branch takes the stream over: sources are to be learned anew.
  uint32_t learning = 0;
  // Another dialog of its branch may still lead: of two forks that took different keys of ours, one
  // has to wait (sip/anchor/out_keys.hh).
  bool contested = false;
  // Rises with each offer and answer after the first of its dialog: an endpoint may then send from
  // elsewhere, whatever it says.
  uint32_t renewals = 0;
  std::array<StreamEnd, 2> ends;  // by Side

  StreamEnd& end(Side side) { return ends[index_of(side)]; }
  const StreamEnd& end(Side side) const { return ends[index_of(side)]; }
  bool same_key(const MediaStream& o) const {
    return slot == o.slot && rtp == o.rtp && media == o.media && branch == o.branch;
  }
  friend bool operator==(const MediaStream&, const MediaStream&) = default;
};
using StreamList = std::vector<MediaStream>;

// The steps from one list to another: removals first, so that what they free can be used again.
struct StreamChange {
  enum class Kind : uint8_t { remove, update, add };
  Kind kind = Kind::add;
  MediaStream stream;  // as it is to be; remove: as it was
};
std::vector<StreamChange> changes(const StreamList& before, const StreamList& after);

}  // namespace holdfast::media
