// SPDX-License-Identifier: Apache-2.0
// What is known of a pair of media ports from call to call, and from process to process.
#pragma once

#include <cstdint>

#include "media/address.hh"

namespace holdfast::dataplane {

// Written by the slow thread. It lies in the memory file, so that a port goes on resting when
// another process comes.
struct PortMark {
  static constexpr uint64_t kLastNs = (uint64_t{1} << 62) - 1;
  uint64_t ended_ns : 62 = 0;  // when its last call but for one under way did; 0: none had it yet
  uint64_t lent : 1 = 0;       // to a call
  // To a call of a process that has died; the call did not go on in the next one, and may yet be
  // given to it by the control plane. `ended_ns` is that process's last sign of life.
  uint64_t left : 1 = 0;
};
static_assert(sizeof(PortMark) == 8);

// A pair of the process before: its call ended then, or was left as above.
struct LeftPort {
  IpAddress ip;
  uint16_t rtp_port = 0;
  uint64_t ended_ns = 0;
  bool left = false;
};

}  // namespace holdfast::dataplane
