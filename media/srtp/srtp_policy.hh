// SPDX-License-Identifier: Apache-2.0
// What of SRTP may pass between us and the endpoints behind one interface.
#pragma once

#include <cstdint>

namespace holdfast::media {

enum class SrtpPolicy : uint8_t {
  pass_through,  // whatever both sides agree between them; as `offer` where the other side is not
                 // so
  forbid,        // plain RTP only
  offer,         // SRTP where the endpoint can, else plain RTP
  require        // SRTP only
};

}  // namespace holdfast::media
