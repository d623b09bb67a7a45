// SPDX-License-Identifier: Apache-2.0
// The SDP lines and attributes that anchoring reads: c=, rtpmap, rtcp, direction, ICE.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "media/sdp.hh"

namespace holdfast::media {

// The three fields of c= or the last three of o=.
Result<SdpConnection, SdpReject> parse_connection(std::string_view value);

// a=rtpmap:96 opus/48000/2 (RFC 8866 section 6.6).
struct SdpRtpmap {
  uint8_t payload_type = 0;  // 0 to 127
  std::string_view encoding;
  uint32_t clock_hz = 0;  // 1 to 1,000,000
};
std::optional<SdpRtpmap> parse_rtpmap(std::string_view value);

// a=rtcp:53020 or a=rtcp:53020 IN IP6 2001:db8::1 (RFC 3605).
struct SdpRtcp {
  uint16_t port = 0;  // 0: the sender wants none, or does not say
  IpAddress ip;       // none: that of c=
};
Result<SdpRtcp, SdpReject> parse_rtcp_attribute(std::string_view value);

// RFC 8866 section 6.7, seen from whoever wrote the SDP.
enum class SdpDirection : uint8_t { sendrecv, sendonly, recvonly, inactive };
std::string_view name_of(SdpDirection direction);
std::optional<SdpDirection> direction_from(std::string_view attribute_name);

// Whether the attribute names addresses, or means of finding them, other than c=, m= and a=rtcp:
// ICE (RFC 8839), ALTC (RFC 6947), connection capabilities (RFC 7006), source filters (RFC 4570),
// one port for several m= lines (RFC 9143).
bool leads_around_anchor(const SdpAttribute& attribute);

}  // namespace holdfast::media
