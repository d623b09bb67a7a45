// SPDX-License-Identifier: Apache-2.0
// A sender of 20 ms packets, told to a StreamAccount packet by packet.
#pragma once

#include <cstdint>

#include "media/stream_account.hh"

namespace holdfast::media::test {

inline constexpr uint64_t kMs = 1'000'000;
inline constexpr uint64_t kStart = 1'700'000'000'000 * kMs;  // a wall clock: far from zero
inline constexpr uint32_t kStep = 160;                       // 20 ms of 8 kHz

// A sender of 20 ms packets. Numbers of packets are counted from 0; what is not delivered is lost.
struct Line {
  StreamAccount account{0x1a2b3c4d, 8000};
  uint16_t first_seq = 1000;
  uint32_t first_ts = 5'000'000;
  uint64_t now = kStart;  // when packet 0 of this run leaves
  int64_t silence = 0;    // milliseconds by which the sender's clock ran on without packets
  uint64_t told = 0;

  void one(int64_t n, int64_t late_ms = 0) {
    const auto at = static_cast<uint64_t>(static_cast<int64_t>(now) +
                                          (n * 20 + silence + late_ms) * int64_t{kMs});
    account.on_packet(static_cast<uint16_t>(first_seq + n),
                      static_cast<uint32_t>(first_ts + n * kStep + silence * 8), at);
    ++told;
  }
  void many(int64_t from, int64_t to) {  // [from, to)
    for (int64_t n = from; n < to; ++n) one(n);
  }
  // The same SSRC from new first values, `after_ms` after packet `last` of the old ones.
  void restart(int64_t last, uint16_t seq, uint32_t ts, int64_t after_ms = 20) {
    now += static_cast<uint64_t>(last * 20 + silence + after_ms) * kMs;
    silence = 0;
    first_seq = seq;
    first_ts = ts;
  }
};

}  // namespace holdfast::media::test
