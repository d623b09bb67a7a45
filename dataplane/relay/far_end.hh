// SPDX-License-Identifier: Apache-2.0
// What the far end of a stream says of it in its RTCP reports, and the round trip to it, as a
// middle box can measure it.
//
// A stream's sender reports pass through us on their way out; the report blocks that come back name
// the one that was last seen there (LSR) and how long ago (DLSR). From its passing to the block's
// coming, less that delay, is the round trip between us and the far end (RFC 3550 section 6.4.1,
// with us in the sender's place).
//
// Plain data, written by the leg's lcore only.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "media/rtcp_packet.hh"

namespace holdfast::dataplane {

class FarEnd {
 public:
  static constexpr uint32_t kUnknown = UINT32_MAX;

  // A sender report of the stream passes through.
  void on_sender_report(uint64_t ntp, uint64_t now_ns) {
    passed_ = {Passed{middle_of(ntp), us(now_ns)}, passed_[0]};
  }

  // A block about the stream comes. `lost_before_us`: what of the stream is known not to have been
  // counted here, lost before it came to us or missed while nobody counted. False when the block's
  // delay cannot be, which leaves the round trip as it was.
  bool on_report(const media::RtcpReportBlock& block, uint64_t lost_before_us, uint64_t now_ns) {
    ++reports_;
    reported_ms_ = ms(now_ns);
    loss_ = uint32_t{block.fraction_lost_q8} << 24 |
            (static_cast<uint32_t>(block.cumulative_lost) & 0xff'ffff);
    highest_ext_seq_ = block.highest_ext_seq;
    jitter_ticks_ = block.jitter_ticks;
    lost_before_us_ = static_cast<uint32_t>(lost_before_us);
    return measure_round_trip(block, us(now_ns));
  }

  uint32_t reports() const { return reports_; }
  uint64_t age_ms(uint64_t now_ns) const {  // since the last report
    return static_cast<uint32_t>(ms(now_ns) - reported_ms_);
  }
  uint8_t fraction_lost_q8() const { return static_cast<uint8_t>(loss_ >> 24); }
  int32_t cumulative_lost() const { return static_cast<int32_t>(loss_ << 8) >> 8; }
  uint32_t highest_ext_seq() const { return highest_ext_seq_; }
  uint32_t jitter_ticks() const { return jitter_ticks_; }
  uint32_t lost_before_us() const { return lost_before_us_; }
  uint32_t round_trip_us() const { return round_trip_us_; }  // kUnknown: never measured

 private:
  struct Passed {
    uint32_t ntp_middle = 0;  // what LSR will name it by; 0: none
    uint32_t at_us = 0;       // wraps in 71 minutes
  };

  static uint32_t middle_of(uint64_t ntp) { return static_cast<uint32_t>(ntp >> 16); }
  static uint32_t us(uint64_t ns) { return static_cast<uint32_t>(ns / 1'000); }
  static uint32_t ms(uint64_t ns) { return static_cast<uint32_t>(ns / 1'000'000); }

  bool measure_round_trip(const media::RtcpReportBlock& block, uint32_t now_us) {
    if (block.last_sr_ntp_middle == 0) return true;
    for (const Passed& sent : passed_) {
      if (sent.ntp_middle != block.last_sr_ntp_middle) continue;
      const uint32_t elapsed_us = now_us - sent.at_us;
      const uint64_t delay_us = (uint64_t{block.delay_since_sr_q16} * 1'000'000) >> 16;
      if (delay_us > elapsed_us) {
        // Two clocks that run apart by a thousandth make a near far end seem to answer too early.
        if (delay_us - elapsed_us > kSlackUs + delay_us / 1000) return false;
        round_trip_us_ = 0;
        return true;
      }
      round_trip_us_ = static_cast<uint32_t>(elapsed_us - delay_us);
      return true;
    }
    return true;  // of a report that never passed here, or long ago
  }

  static constexpr uint64_t kSlackUs = 1000;

  uint32_t reports_ = 0;
  uint32_t reported_ms_ = 0;  // wraps in 49 days
  uint32_t loss_ = 0;         // as in the block: 8 bits of fraction, 24 of the sum, with its sign
  uint32_t highest_ext_seq_ = 0;
  uint32_t jitter_ticks_ = 0;
  uint32_t lost_before_us_ = 0;
  uint32_t round_trip_us_ = kUnknown;
  std::array<Passed, 2> passed_{};  // the newest first: a block may name the one before the last
};

static_assert(std::is_trivially_copyable_v<FarEnd>);

}  // namespace holdfast::dataplane
