// SPDX-License-Identifier: Apache-2.0
// A rate with a bound on its bursts.
#pragma once

#include <algorithm>
#include <cstdint>

namespace holdfast::dataplane {

// One thread. Starts full. What is spent last may overdraw it, and is earned back before any more
// is spent: so a bucket smaller than a frame still lets one pass.
class TokenBucket {
 public:
  // `per_s` is at most 10^10.
  TokenBucket(uint64_t per_s, uint64_t size)
      : per_s_(per_s), size_(static_cast<int64_t>(std::max<uint64_t>(1, size))), tokens_(size_) {}

  void refill(uint64_t now_ns) {
    // Parts of a token stay in the time that is not yet counted.
    const uint64_t passed_ns = std::min(now_ns - last_ns_, kNsPerS);
    const auto earned = static_cast<int64_t>(passed_ns * per_s_ / kNsPerS);
    if (earned == 0) return;
    const bool full = passed_ns == kNsPerS || tokens_ + earned >= size_;
    last_ns_ = full ? now_ns : last_ns_ + static_cast<uint64_t>(earned) * kNsPerS / per_s_;
    tokens_ = std::min(size_, tokens_ + earned);
  }
  bool has() const { return tokens_ > 0; }
  void spend(uint64_t tokens) { tokens_ -= static_cast<int64_t>(tokens); }

 private:
  static constexpr uint64_t kNsPerS = 1'000'000'000;
  uint64_t per_s_;
  int64_t size_;
  int64_t tokens_;
  uint64_t last_ns_ = 0;
};

}  // namespace holdfast::dataplane
