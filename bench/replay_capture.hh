// SPDX-License-Identifier: Apache-2.0
// Reads a capture file (pcap or pcapng) and hands out the UDP datagrams in it.
//
// For the replay tool: allocation is fine here, trust in the file is not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "media/address.hh"
#include "media/result.hh"

namespace holdfast::replay {

// Why a frame is passed over: X(name, text).
#define HOLDFAST_FRAME_SKIPS(X)                    \
  X(not_ip, "neither IPv4 nor IPv6")               \
  X(not_udp, "not UDP")                            \
  X(fragment, "fragments")                         \
  X(cut_short, "cut short before the UDP payload") \
  X(bad_length, "with lengths that contradict each other")

enum class FrameSkip : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_FRAME_SKIPS(HOLDFAST_X)
#undef HOLDFAST_X
};
inline constexpr std::array<std::string_view, 5> kFrameSkipTexts = {
#define HOLDFAST_X(name, text) text,
    HOLDFAST_FRAME_SKIPS(HOLDFAST_X)
#undef HOLDFAST_X
};

struct Datagram {
  SocketAddress from;
  SocketAddress to;
  std::span<const uint8_t> payload;  // as far as it was captured
  bool whole = true;                 // false: the capture's snap length cut it
};

// Takes a frame apart. `link_type` is a libpcap DLT_ value: Ethernet with any 802.1Q or 802.1ad
// tags, Linux cooked v1 and v2, raw IP, BSD loopback.
Result<Datagram, FrameSkip> parse_frame(int link_type, std::span<const uint8_t> frame);
bool is_known_link_type(int link_type);

struct CaptureCounts {
  uint64_t frames = 0;
  std::array<uint64_t, kFrameSkipTexts.size()> skipped{};  // by FrameSkip
};

// Calls on_datagram(datagram, arrival in ns) for each UDP datagram of the file. Returns an empty
// text, or one line that says why the file could not be read (to its end).
std::string read_capture(const std::string& path, CaptureCounts& counts,
                         const std::function<void(const Datagram&, uint64_t)>& on_datagram);

}  // namespace holdfast::replay
