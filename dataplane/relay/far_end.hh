// SPDX-License-Identifier: Apache-2.0
// What the far end of a stream says of it in its RTCP reports and extended reports (XR), and the
// round trip to it, as a middle box can measure it.
//
// A stream's sender reports pass through us on their way out; the report blocks that come back name
// the one that was last seen there (LSR) and how long ago (DLSR). From its passing to the block's
// coming, less that delay, is the round trip between us and the far end (RFC 3550 section 6.4.1,
// with us in the sender's place). The same holds of reference times in XR and the DLRR blocks that
// answer them (RFC 3611 sections 4.4 and 4.5).
//
// Plain data, written by the leg's lcore only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>

#include "media/rtcp_packet.hh"
#include "media/rtcp_xr.hh"

namespace holdfast::dataplane {

class FarEnd {
 public:
  static constexpr uint32_t kUnknown = UINT32_MAX;

  // The newest VoIP metrics block, as RFC 3611 section 4.7 has its numbers.
  struct Voip {
    uint16_t burst_duration_ms = 0;
    uint16_t gap_duration_ms = 0;
    uint16_t round_trip_ms = 0;  // 0: the far end does not know it
    uint16_t jitter_buffer_ms = 0;
    uint8_t loss_rate_q8 = 0, discard_rate_q8 = 0;
    uint8_t burst_density_q8 = 0, gap_density_q8 = 0;
  };

  // A sender report of the stream passes through, or a reference time of its sender.
  void on_sender_report(uint64_t ntp, uint64_t now_ns) {
    const uint32_t middle = middle_of(ntp);
    if (middle == passed_[0].ntp_middle) return;  // both in one datagram
    passed_ = {Passed{middle, us(now_ns)}, passed_[0]};
  }

  // A block about the stream comes. `lost_before_us`: what of the stream is known not to have been
  // counted here, lost before it came to us or missed while nobody counted. False when the block's
  // delay cannot be, which leaves the round trip as it was.
  bool on_report(const media::RtcpReportBlock& block, uint64_t lost_before_us, uint64_t now_ns) {
    reports_ = (reports_ + 1) & kMax24;
    reported_ms_ = ms(now_ns);
    loss_ = uint32_t{block.fraction_lost_q8} << 24 |
            (static_cast<uint32_t>(block.cumulative_lost) & kMax24);
    highest_ext_seq_ = block.highest_ext_seq;
    jitter_ticks_ = within_24(block.jitter_ticks) & kMax24;
    lost_before_us_ = within_24(lost_before_us) & kMax24;
    return measure_round_trip(block.last_sr_ntp_middle, block.delay_since_sr_q16, false, now_ns);
  }
  // The answer to a reference time. False as above.
  bool on_delay(const media::XrDelay& delay, uint64_t now_ns) {
    return measure_round_trip(delay.last_rr_ntp_middle, delay.delay_since_rr_q16, true, now_ns);
  }
  void on_voip_metrics(const media::XrVoipMetrics& said, uint64_t now_ns) {
    reported_ms_ = ms(now_ns);
    has_voip_ = true;
    voip_ = {said.burst_duration_ms,        said.gap_duration_ms, said.round_trip_ms,
             said.jitter_buffer_nominal_ms, said.loss_rate_q8,    said.discard_rate_q8,
             said.burst_density_q8,         said.gap_density_q8};
    r_factor_ = said.r_factor;
    mos_lq_q10_ = said.mos_lq_q10;
    mos_cq_q10_ = said.mos_cq_q10;
  }
  // Adds up what statistics summaries say, each of its own stretch of the stream.
  void on_statistics(const media::XrStatistics& said, uint64_t now_ns) {
    reported_ms_ = ms(now_ns);
    has_statistics_ = true;
    summed_lost_ = sum_16(summed_lost_, said.lost.value_or(0));
    summed_duplicates_ = sum_16(summed_duplicates_, said.duplicates.value_or(0));
  }

  uint32_t reports() const { return reports_; }  // report blocks of SR and RR; counts to 2^24
  bool has_said_anything() const {
    return reports_ != 0 || has_voip_ || has_statistics_ || round_trip_us_ != kMax24;
  }
  uint64_t age_ms(uint64_t now_ns) const {  // since the last report
    return static_cast<uint32_t>(ms(now_ns) - reported_ms_);
  }
  uint8_t fraction_lost_q8() const { return static_cast<uint8_t>(loss_ >> 24); }
  int32_t cumulative_lost() const { return static_cast<int32_t>(loss_ << 8) >> 8; }
  uint32_t highest_ext_seq() const { return highest_ext_seq_; }
  uint32_t jitter_ticks() const { return jitter_ticks_; }      // at most 2^24 - 1
  uint32_t lost_before_us() const { return lost_before_us_; }  // at most 2^24 - 1
  // kUnknown: never measured. At most 16.7 s.
  uint32_t round_trip_us() const { return round_trip_us_ == kMax24 ? kUnknown : round_trip_us_; }
  bool round_trip_by_xr() const { return round_trip_by_xr_; }  // by reference time and DLRR

  // Extended reports.
  bool has_voip() const { return has_voip_; }
  const Voip& voip() const { return voip_; }
  // With has_voip(): 0 to 100, and tenths from 10 to 50; 127: not known.
  uint8_t r_factor() const { return r_factor_; }
  uint8_t mos_lq_q10() const { return mos_lq_q10_; }
  uint8_t mos_cq_q10() const { return mos_cq_q10_; }
  bool has_statistics() const { return has_statistics_; }
  uint16_t summed_lost() const { return summed_lost_; }  // of all summaries; stays at 65,535
  uint16_t summed_duplicates() const { return summed_duplicates_; }

 private:
  struct Passed {
    uint32_t ntp_middle = 0;  // what LSR will name it by; 0: none
    uint32_t at_us = 0;       // wraps in 71 minutes
  };

  static constexpr uint32_t kMax24 = 0xff'ffff;
  static constexpr uint64_t kSlackUs = 1000;

  static uint32_t middle_of(uint64_t ntp) { return static_cast<uint32_t>(ntp >> 16); }
  static uint32_t us(uint64_t ns) { return static_cast<uint32_t>(ns / 1'000); }
  static uint32_t ms(uint64_t ns) { return static_cast<uint32_t>(ns / 1'000'000); }
  static uint32_t within_24(uint64_t value) {
    return static_cast<uint32_t>(std::min<uint64_t>(value, kMax24));
  }
  static uint16_t sum_16(uint16_t sum, uint32_t more) {
    return static_cast<uint16_t>(std::min<uint64_t>(uint64_t{sum} + more, UINT16_MAX));
  }

  bool measure_round_trip(uint32_t ntp_middle, uint32_t delay_q16, bool by_xr, uint64_t now_ns) {
    if (ntp_middle == 0) return true;
    for (const Passed& sent : passed_) {
      if (sent.ntp_middle != ntp_middle) continue;
      const uint32_t elapsed_us = us(now_ns) - sent.at_us;
      const uint64_t delay_us = (uint64_t{delay_q16} * 1'000'000) >> 16;
      // Two clocks that run apart by a thousandth make a near far end seem to answer too early.
      if (delay_us > elapsed_us && delay_us - elapsed_us > kSlackUs + delay_us / 1000) return false;
      round_trip_us_ =
          std::min(within_24(elapsed_us - std::min<uint64_t>(delay_us, elapsed_us)), kMax24 - 1) &
          kMax24;
      round_trip_by_xr_ = by_xr;
      return true;
    }
    return true;  // of a report that never passed here, or long ago
  }

  uint32_t reports_ : 24 = 0;
  bool has_voip_ : 1 = false;
  bool has_statistics_ : 1 = false;
  bool round_trip_by_xr_ : 1 = false;
  uint32_t reported_ms_ = 0;  // wraps in 49 days
  uint32_t loss_ = 0;         // as in the block: 8 bits of fraction, 24 of the sum, with its sign
  uint32_t highest_ext_seq_ = 0;
  uint32_t jitter_ticks_ : 24 = 0;
  uint32_t mos_lq_q10_ : 8 = 0;
  uint32_t lost_before_us_ : 24 = 0;
  uint32_t mos_cq_q10_ : 8 = 0;
  uint32_t round_trip_us_ : 24 = kMax24;
  uint32_t r_factor_ : 8 = 0;
  std::array<Passed, 2> passed_{};  // the newest first: a block may name the one before the last
  Voip voip_;
  uint16_t summed_lost_ = 0;
  uint16_t summed_duplicates_ = 0;
};

// There are thousands, on the packet path.
static_assert(sizeof(FarEnd) == 60);
static_assert(std::is_trivially_copyable_v<FarEnd>);

}  // namespace holdfast::dataplane
