// SPDX-License-Identifier: Apache-2.0
// How long the gaps of a stream were: exact (run length, count) pairs in a bounded table.
//
// Plain data, trivially copyable. One writer; a reader takes a copy.
#pragma once

#include <array>
#include <cstdint>

namespace holdfast::media {

// `count` gaps of exactly `length` packets each.
struct LossRun {
  uint32_t length = 0;
  uint32_t count = 0;
  friend bool operator==(const LossRun&, const LossRun&) = default;
};

// Gaps are told in ascending order of sequence number; neighbours join into one run, which stays
// open until something that is not its neighbour comes. When more than kLengths distinct lengths
// occur, the later ones share the pair `other`: runs and packets always add up, only their lengths
// are not told apart. So do runs beyond 65,535 packets. Of a length that occurs more often than
// 65,535 times there are several entries, so that it takes the place of others.
class LossRuns {
 public:
  static constexpr uint32_t kLengths = 24;

  // `count` packets from extended sequence number `first` on are lost.
  void add(uint64_t first, uint32_t count);
  // Nothing can be a neighbour of the open run any more.
  void close();

  // All packets told, those of the open run too.
  uint64_t packets() const;

  // Whether bytes from elsewhere can be a table: its parts are inside it.
  bool is_sound() const { return used_ <= kLengths; }

  // What is booked, in the order in which each length was first seen; not the open run. Returns how
  // many of `out` are filled.
  uint32_t lengths(std::array<LossRun, kLengths>& out) const;
  uint32_t other_runs() const { return other_runs_; }
  uint64_t other_packets() const { return other_packets_; }

 private:
  struct Entry {
    uint16_t length;
    uint16_t count;
  };
  std::array<Entry, kLengths> entries_{};
  uint64_t other_packets_ = 0;
  // The number after the open run's last: its low bits. That numbers come round to it takes years.
  uint32_t open_end_ = 0;
  uint32_t open_length_ = 0;
  uint32_t other_runs_ = 0;
  uint32_t used_ = 0;
};

static_assert(sizeof(LossRuns) == 120);

}  // namespace holdfast::media
