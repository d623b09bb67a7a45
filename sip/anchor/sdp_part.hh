// SPDX-License-Identifier: Apache-2.0
// Where the SDP of a message body is: all of it, or one part of a multipart/mixed (RFC 2046,
// RFC 5621).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::sip {

struct SdpPart {
  enum class Kind : uint8_t {
    none,       // another kind of body, or no body
    sdp,        // begin and size say where
    not_simple  // a multipart with SDP that cannot be exchanged safely: several, encoded, counted
                // in a Content-Length of its own, nested, or not well formed
  };
  Kind kind = Kind::none;
  size_t begin = 0;
  size_t size = 0;
};

// Safe on any bytes. The line end before a boundary belongs to the boundary (RFC 2046 section
// 5.1.1) and stays outside of the part.
SdpPart find_sdp(std::string_view content_type, std::string_view body);

// The body with another SDP in its place.
std::string replace_sdp(std::string_view body, const SdpPart& part, std::string_view sdp);

}  // namespace holdfast::sip
