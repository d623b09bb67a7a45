// SPDX-License-Identifier: Apache-2.0
// How long the gaps of a stream were: exact (run length, count) pairs in a bounded table.
//
// Plain data, trivially copyable. One writer; a reader takes a copy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace holdfast::media {

// `count` gaps of exactly `length` packets each.
struct LossRun {
  uint32_t length = 0;
  uint32_t count = 0;
  friend bool operator==(const LossRun&, const LossRun&) = default;
};

// Gaps are told in ascending order of sequence number; neighbours join into one run, which stays
// open until something that is not its neighbour comes. At most kLengths lengths are told apart,
// as far as they find room; runs beyond that share the pair `other`: runs and packets always add
// up, only their lengths are not told.
//
// The table is packed, in ascending order of length: of each its distance to the one before, and
// how often it came. A number stands less one in groups of three bits, the lowest first; a fourth
// bit says that more follow. So there is room for 24 lengths, none more than 8 above the one
// before, that came 512 times each; or for 18 at distances of up to 64.
class LossRuns {
 public:
  static constexpr uint32_t kLengths = 24;

  // `count` packets from extended sequence number `first` on are lost.
  void add(uint64_t first, uint32_t count);
  // Nothing can be a neighbour of the open run any more.
  void close();

  // All packets told, those of the open run too.
  uint64_t packets() const;

  // The writer may have died while it wrote the table. Then its lengths are lost: this makes
  // `packets` the sum, as other ones.
  bool is_torn() const { return used_ == kTorn; }
  void forget_lengths(uint64_t packets);

  // Whether bytes from elsewhere can be a table: its parts are inside it.
  bool is_sound() const;

  // What is booked, in ascending order of length; not the open run. Returns how many of `out` are
  // filled.
  uint32_t lengths(std::array<LossRun, kLengths>& out) const;
  uint32_t other_runs() const { return other_runs_; }
  uint64_t other_packets() const {
    return uint64_t{other_packets_high_} << 32 | other_packets_low_;
  }

 private:
  static constexpr size_t kBytes = 49;
  static constexpr uint8_t kGroups = 2 * kBytes;
  static constexpr uint8_t kReserved = 8;  // for counts to grow in: no new length takes them
  static constexpr uint8_t kTorn = UINT8_MAX;
  using Table = std::array<uint8_t, kBytes>;
  using Runs = std::array<LossRun, kLengths>;

  bool read(size_t& at, uint32_t& value) const;
  bool read(size_t& at, LossRun& run) const;
  bool book(uint32_t length);
  bool insert(uint32_t length);
  void set_other_packets(uint64_t packets) {
    other_packets_high_ = static_cast<uint16_t>(packets >> 32);
    other_packets_low_ = static_cast<uint32_t>(packets);
  }
  bool rewrite(const Runs& runs, uint32_t used, size_t limit);

  // The number after the open run's last: its low bits. That numbers come round to it takes years.
  uint32_t open_end_ = 0;
  uint32_t open_length_ = 0;
  uint32_t other_runs_ = 0;
  uint32_t other_packets_low_ = 0;
  uint16_t other_packets_high_ = 0;
  uint8_t used_ = 0;  // groups of the table; kTorn: it is being written
  Table table_{};
};

static_assert(sizeof(LossRuns) == 68);

}  // namespace holdfast::media
