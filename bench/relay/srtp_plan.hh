// SPDX-License-Identifier: Apache-2.0
// Which keys the legs of the benches have: by number, as their addresses, so that no program has to
// tell another.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "bench/relay/plan.hh"
#include "media/srtp/sdes.hh"

namespace holdfast::bench {

// Of the legs of each side; none: plain RTP.
using SrtpSuites = std::array<std::optional<media::SrtpSuite>, kSides>;

// Who protects with a key.
enum class Sender : uint8_t { remote, appliance };

// Each leg has its own for either direction. bench/rtpengine/wires.py makes the same.
media::SdesKey srtp_key_of(media::SrtpSuite suite, size_t side, uint32_t call, Sender sender);

}  // namespace holdfast::bench
