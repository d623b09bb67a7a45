// SPDX-License-Identifier: Apache-2.0
// Interarrival jitter in timestamp units: the integer form of RFC 3550 appendix A.8.
//
// Two departures, explained in docs/accounting.md: of packets that share a timestamp (a video
// frame, a telephone event) only the first measures, and a step of more than two seconds is a break
// of the sender's or our clock, not jitter.
#pragma once

#include <cstdint>

namespace holdfast::media {

class Jitter {
 public:
  // `ticks` is the arrival time and `timestamp` the RTP timestamp, both in units of the RTP clock.
  void on_packet(uint32_t ticks, uint32_t timestamp, uint32_t break_ticks) {
    if (timestamp == timestamp_) return;
    const uint32_t transit = ticks - timestamp;
    const auto step = static_cast<int32_t>(transit - transit_);
    const uint32_t size = step < 0 ? 0 - static_cast<uint32_t>(step) : static_cast<uint32_t>(step);
    transit_ = transit;
    timestamp_ = timestamp;
    if (size > break_ticks) [[unlikely]]
      return;
    sixteenths_ += size - ((sixteenths_ + 8) >> 4);
    if (sixteenths_ > interval_max_sixteenths_) interval_max_sixteenths_ = sixteenths_;
    sum_sixteenths_ += sixteenths_;
    if (++samples_ == 0) [[unlikely]] {  // after 2^32: the mean stays, and goes on from half of it
      samples_ = uint32_t{1} << 31;
      sum_sixteenths_ /= 2;
    }
  }

  // A run begins: the next packet is compared with this one, and this one with none.
  void rebase(uint32_t ticks, uint32_t timestamp) {
    transit_ = ticks - timestamp;
    timestamp_ = timestamp;
  }

  uint32_t last_ticks() const { return sixteenths_ >> 4; }  // as a receiver report carries it
  uint32_t max_ticks() const {
    return (interval_max_sixteenths_ > past_max_sixteenths_ ? interval_max_sixteenths_
                                                            : past_max_sixteenths_) >>
           4;
  }
  // The maximum since begin_interval().
  uint32_t interval_max_ticks() const { return interval_max_sixteenths_ >> 4; }
  // Only the estimate itself goes on into the next interval.
  void begin_interval() {
    if (interval_max_sixteenths_ > past_max_sixteenths_)
      past_max_sixteenths_ = interval_max_sixteenths_;
    interval_max_sixteenths_ = sixteenths_;
  }
  // Mean of the estimate over the packets that measured.
  double mean_ticks() const {
    if (samples_ == 0) return 0;
    return static_cast<double>(sum_sixteenths_) / 16 / static_cast<double>(samples_);
  }

 private:
  uint64_t sum_sixteenths_ = 0;
  uint32_t samples_ = 0;
  uint32_t transit_ = 0;
  uint32_t timestamp_ = 0;
  uint32_t sixteenths_ = 0;
  uint32_t interval_max_sixteenths_ = 0;
  uint32_t past_max_sixteenths_ = 0;  // of the intervals before
};

}  // namespace holdfast::media
