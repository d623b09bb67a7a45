// SPDX-License-Identifier: Apache-2.0
// Which of the last numbers of a stream have come: a ring of bits.
//
// Plain data, trivially copyable, addressed by extended (64-bit) sequence numbers. A number that
// was never expected (before the first one of a run) counts as come, so that it is never a hole.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace holdfast::media {

// kBits: how many numbers it remembers, a multiple of 64.
template <uint32_t kBits>
class BitWindow {
 public:
  static_assert(kBits > 0 && kBits % 64 == 0);
  static constexpr uint32_t kSize = kBits;

  BitWindow() { reset(); }
  void reset() { words_.fill(~uint64_t{0}); }  // nothing is missing

  // `ext` must be one of the kSize numbers that end with the highest.
  bool has(uint64_t ext) const { return (words_[word(ext)] & bit(ext)) != 0; }
  void set(uint64_t ext) { words_[word(ext)] |= bit(ext); }

  // Makes `count` numbers from `first` on holes. count <= kSize.
  void clear(uint64_t first, uint32_t count) {
    for_each_word(first, count, [this](uint64_t at, uint64_t mask) { words_[word(at)] &= ~mask; });
  }

  // Makes `count` numbers from `first` on no holes. count <= kSize.
  void fill(uint64_t first, uint32_t count) {
    for_each_word(first, count, [this](uint64_t at, uint64_t mask) { words_[word(at)] |= mask; });
  }

  // Calls on_run(first, count) for each unbroken run of holes among `count` numbers from `first`
  // on, in ascending order. A run that crosses a word boundary comes in pieces. count <= kSize.
  template <typename OnRun>
  void for_each_hole_run(uint64_t first, uint32_t count, OnRun on_run) const {
    for_each_word(first, count, [&](uint64_t at, uint64_t mask) {
      uint64_t holes = ~words_[word(at)] & mask;
      while (holes != 0) {
        const auto start = static_cast<uint32_t>(std::countr_zero(holes));
        const auto length = static_cast<uint32_t>(std::countr_one(holes >> start));
        on_run((at & ~uint64_t{63}) + start, length);
        holes &= holes + (uint64_t{1} << start);  // the carry wipes the lowest run of ones
      }
    });
  }

 private:
  static constexpr uint64_t word(uint64_t ext) { return (ext / 64) % (kSize / 64); }
  static constexpr uint64_t bit(uint64_t ext) { return uint64_t{1} << (ext % 64); }

  // Calls visit(number in the word, mask of the bits meant) once for each word that is touched.
  template <typename Visit>
  static void for_each_word(uint64_t first, uint32_t count, Visit visit) {
    while (count > 0) {
      const auto offset = static_cast<uint32_t>(first % 64);
      const uint32_t n = count < 64 - offset ? count : 64 - offset;
      const uint64_t low = n == 64 ? ~uint64_t{0} : (uint64_t{1} << (n & 63)) - 1;
      visit(first, low << offset);
      first += n;
      count -= n;
    }
  }

  std::array<uint64_t, kSize / 64> words_;
};

// Ten seconds of 20 ms packets: nothing that comes later is of use to a listener.
using ReceiveWindow = BitWindow<512>;

}  // namespace holdfast::media
