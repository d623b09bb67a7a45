// SPDX-License-Identifier: Apache-2.0
// Rewrites an SDP body so that media flows through us: our addresses go in, ways around us go out,
// every other line stays as it came. docs/sdp.md has the table.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "media/address.hh"
#include "media/sdp.hh"
#include "media/sdp_media.hh"

namespace holdfast::media {

enum class MediaAction : uint8_t {
  anchor,  // through our address and port
  refuse,  // port 0
  pass     // as it came: its media does not touch us
};

// What becomes of each kind of m= line.
struct MediaPolicy {
  MediaAction audio = MediaAction::anchor;
  MediaAction video = MediaAction::anchor;
  MediaAction other_rtp = MediaAction::anchor;  // text (RFC 4103), application
  MediaAction fax = MediaAction::anchor;        // UDPTL
  MediaAction dtls = MediaAction::refuse;       // DTLS-SRTP: the relay carries no DTLS
  MediaAction other = MediaAction::refuse;      // what no relay of ours carries: never anchored
};
// A line that is refused already, or asks for several ports, is refused whatever the policy.
MediaAction action_for(const MediaDescription& media, const MediaPolicy& policy);

struct AnchorMedia {
  MediaAction action = MediaAction::refuse;
  SocketAddress local;           // anchor: where whoever reads the SDP is to send
  uint16_t local_rtcp_port = 0;  // 0: the port after local's
  bool rtcp_mux = false;         // with a=rtcp-mux (RFC 5761), whether it had one or not
  // Anchored RTP where SRTP is ours: whether it goes out as RTP/SAVP(F) or RTP/AVP(F), with
  // `crypto` (what stands behind a=crypto:) in place of what it had. None: both as they came.
  // Of a line that passes, false takes its a=crypto out.
  std::optional<bool> secure = std::nullopt;
  std::span<const std::string> crypto = {};
};

// What the relay sees of the list under a plan: lines that are not anchored are refused there.
void apply_plan(std::span<const AnchorMedia> plan, MediaList& media);

// The identity of the session in o= (RFC 8866 section 5.2); see SdpOriginKeeper.
struct SdpIdentity {
  std::string user;
  std::string session_id;
  std::string version;
  friend bool operator==(const SdpIdentity&, const SdpIdentity&) = default;
};

struct AnchorPlan {
  // Goes into o=, and into the c= of refused sections. None only where every line passes.
  IpAddress address;
  std::optional<SdpIdentity> identity;  // none: as it came
  std::span<const AnchorMedia> media;   // one per m= line
};

// The whole body anew, lines ended by CRLF; at most kMaxAnchorGrowthBytes longer than it came. No
// copy of it stays behind: whoever gave keys wipes it.
Result<std::string, SdpReject> anchor_sdp(const Sdp& sdp, const AnchorPlan& plan);

}  // namespace holdfast::media
