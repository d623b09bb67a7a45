// SPDX-License-Identifier: Apache-2.0
// Names of RTP refusals and datagram kinds, and the clocks of the static payload types.
#include "media/rtp_packet.hh"

namespace holdfast::media {

std::string_view name_of(RtpReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case RtpReject::name:        \
    return #name;
    HOLDFAST_RTP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "rtp_unknown_reject";
}

std::string_view text_of(RtpReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case RtpReject::name:        \
    return text;
    HOLDFAST_RTP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "unknown";
}

std::string_view name_of(MediaKind kind) {
  switch (kind) {
    case MediaKind::rtp:
      return "rtp";
    case MediaKind::rtcp:
      return "rtcp";
    case MediaKind::stun:
      return "stun";
    case MediaKind::zrtp:
      return "zrtp";
    case MediaKind::dtls:
      return "dtls";
    case MediaKind::turn:
      return "turn";
    case MediaKind::other:
      return "other";
  }
  return "other";
}

uint32_t clock_rate_hz(uint8_t payload_type) {
  switch (payload_type) {
    case 6:  // DVI4
      return 16'000;
    case 10:  // L16, two channels
    case 11:  // L16, one channel
      return 44'100;
    case 14:  // MPA
    case 25:  // CelB
    case 26:  // JPEG
    case 28:  // nv
    case 31:  // H.261
    case 32:  // MPV
    case 33:  // MP2T
    case 34:  // H.263
      return 90'000;
    case 16:  // DVI4
      return 11'025;
    case 17:  // DVI4
      return 22'050;
    default:  // PCMU, GSM, G.723, PCMA, G.722 (8000 by RFC 3551 4.5.2), G.728, G.729, CN, dynamic
      return 8'000;
  }
}

}  // namespace holdfast::media
