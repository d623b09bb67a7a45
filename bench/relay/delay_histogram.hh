// SPDX-License-Identifier: Apache-2.0
// Delays in nanoseconds, counted in buckets no wider than 1/64 of their value, so that a percentile
// is right to 2 % with bounded memory.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace holdfast::bench {

class DelayHistogram {
 public:
  void add(uint64_t ns) {
    ++buckets_[bucket_of(ns)];
    ++count_;
  }
  uint64_t count() const { return count_; }

  // Calls `take` with the upper edge of each bucket that is not empty, and what is in it.
  template <typename Take>
  void each(Take take) const {
    for (size_t i = 0; i < buckets_.size(); ++i)
      if (buckets_[i] > 0) take(upper_edge(i), buckets_[i]);
  }

  // The smallest bucket's upper edge that at least `part` (0 to 1) of the delays do not exceed; 0
  // when there are none.
  uint64_t at(double part) const {
    const auto wanted = static_cast<uint64_t>(static_cast<double>(count_) * part);
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > 0 && seen >= wanted) return upper_edge(i);
    }
    return 0;
  }

 private:
  static constexpr unsigned kSubBits = 6;
  static constexpr uint64_t kSub = 1U << kSubBits;
  static constexpr unsigned kTopBit = 40;  // 18 minutes: longer delays count as that

  static size_t bucket_of(uint64_t ns) {
    if (ns < kSub) return ns;
    if (ns >= 1ULL << kTopBit) return kBuckets - 1;
    const unsigned shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - kSubBits;
    return (shift + 1) * kSub + ((ns >> shift) - kSub);
  }
  static uint64_t upper_edge(size_t bucket) {
    if (bucket < kSub) return bucket;
    const size_t shift = bucket / kSub - 1;
    return ((bucket % kSub + kSub + 1) << shift) - 1;
  }

  static constexpr size_t kBuckets = (kTopBit - kSubBits + 1) * kSub;
  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
};

}  // namespace holdfast::bench
