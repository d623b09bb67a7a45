// SPDX-License-Identifier: Apache-2.0
// The streams that one direction of a leg has carried, in bounded room.
//
// A transfer or a music server changes the SSRC in mid-call: that is a new stream. When there is no
// room for one more, the stream that has been quiet for longest is retired: its totals are added to
// `retired()` and its place is taken, so that the sums over a leg stay exact. If it speaks again it
// is a new stream. Plain data, trivially copyable; no allocation. One writer; a reader takes a
// copy.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "media/stream_account.hh"

namespace holdfast::media {

// Sums over streams that had to make room.
struct RetiredStreams {
  uint64_t streams = 0;
  uint64_t expected = 0;
  uint64_t received = 0;
  uint64_t lost = 0;
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  uint64_t strays = 0;
  uint64_t restarts = 0;

  void add(const StreamReport& r) {
    ++streams;
    expected += r.expected;
    received += r.received;
    lost += r.lost;
    duplicates += r.duplicates;
    reordered += r.reordered;
    strays += r.strays;
    restarts += r.restarts;
  }
};

template <uint32_t kCapacity>
class LegStreams {
  static_assert(kCapacity > 0);

 public:
  // The account of `ssrc`, new if need be. The reference holds until the next call.
  StreamAccount& of(uint32_t ssrc, uint32_t clock_rate_hz) {
    if (used_ != 0 && streams_[current_].ssrc() == ssrc) [[likely]]
      return streams_[current_];
    return find_or_add(ssrc, clock_rate_hz);
  }

  // Not in any order.
  std::span<const StreamAccount> streams() const { return {streams_.data(), used_}; }
  const RetiredStreams& retired() const { return retired_; }

 private:
  StreamAccount& find_or_add(uint32_t ssrc, uint32_t clock_rate_hz) {
    for (current_ = 0; current_ < used_; ++current_)
      if (streams_[current_].ssrc() == ssrc) return streams_[current_];
    if (used_ < kCapacity)
      ++used_;
    else
      retire_quietest();
    streams_[current_] = StreamAccount(ssrc, clock_rate_hz);
    return streams_[current_];
  }

  void retire_quietest() {
    const auto quietest = std::min_element(streams_.begin(), streams_.end(),
                                           [](const StreamAccount& a, const StreamAccount& b) {
                                             return a.last_arrival_ns() < b.last_arrival_ns();
                                           });
    retired_.add(quietest->report());
    current_ = static_cast<uint32_t>(quietest - streams_.begin());
  }

  std::array<StreamAccount, kCapacity> streams_{};
  RetiredStreams retired_;
  uint32_t used_ = 0;
  uint32_t current_ = 0;  // where the last packet belonged
};

}  // namespace holdfast::media
