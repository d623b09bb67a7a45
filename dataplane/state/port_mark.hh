// SPDX-License-Identifier: Apache-2.0
// What is known of a pair of media ports from call to call, and from process to process.
#pragma once

#include <algorithm>
#include <cstdint>

#include "media/address.hh"

namespace holdfast::dataplane {

// Written by the slow thread. It lies in the memory file, so that a port goes on resting when
// another process comes.
//
// There is one for each pair, so its time is coarse: a port rests for up to a tick longer than it
// must, and 8 years after boot, when ticks end, not at all.
struct PortMark {
  static constexpr uint64_t kTickNs = 250'000'000;
  static constexpr uint64_t kLastTick = (uint64_t{1} << 30) - 1;

  uint32_t ended_ticks : 30 =
      0;                  // when its last call but for one under way did; 0: none had it yet
  uint32_t lent : 1 = 0;  // to a call
  // To a call of a process that has died; the call did not go on in the next one, and may yet be
  // given to it by the control plane. `ended_ticks` is that process's last sign of life.
  uint32_t left : 1 = 0;

  // The tick that has begun by then last: of that moment or later.
  static uint32_t tick_of(uint64_t ns) {
    return static_cast<uint32_t>(std::min((ns + kTickNs - 1) / kTickNs, kLastTick));
  }
  void end(uint64_t ns) { ended_ticks = tick_of(ns) & kLastTick; }
  uint64_t ended_ns() const { return ended_ticks * kTickNs; }
};
static_assert(sizeof(PortMark) == 4);

// A pair of the process before: its call ended then, or was left as above.
struct LeftPort {
  IpAddress ip;
  uint16_t rtp_port = 0;
  uint64_t ended_ns = 0;
  bool left = false;
};

}  // namespace holdfast::dataplane
