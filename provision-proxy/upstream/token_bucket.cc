// SPDX-License-Identifier: Apache-2.0
// Whole bytes and millionths of one, so that nothing is lost to rounding.
#include "provision-proxy/upstream/token_bucket.hh"

#include <algorithm>

namespace holdfast::provision {
namespace {

constexpr uint64_t kSecondUs = 1'000'000;
constexpr uint64_t kMaxRate = 125'000'000'000;  // 1 Tbit/s: products stay within 64 bits
constexpr uint64_t kMaxBytes = uint64_t{1} << 40U;

}  // namespace

TokenBucket::TokenBucket(uint64_t bytes_per_s, uint64_t burst_bytes, uint64_t now_us)
    : rate_(std::min(bytes_per_s, kMaxRate)),
      burst_(std::clamp<uint64_t>(burst_bytes, 1, kMaxBytes)),
      level_(static_cast<int64_t>(burst_)),
      filled_us_(now_us) {}

bool TokenBucket::ready(uint64_t now_us) {
  if (!limited()) return true;
  fill(now_us);
  return level_ > 0;
}

void TokenBucket::spend(uint64_t bytes, uint64_t now_us) {
  if (!limited()) return;
  fill(now_us);
  level_ -= static_cast<int64_t>(std::min(bytes, kMaxBytes));
  level_ = std::max(level_, -static_cast<int64_t>(kMaxBytes));
}

uint64_t TokenBucket::wait_us(uint64_t now_us) {
  if (ready(now_us)) return 0;
  const auto missing = static_cast<uint64_t>(1 - level_);
  const uint64_t whole_s = missing / rate_;  // apart, so that the product stays small
  const uint64_t rest = (missing % rate_) * kSecondUs;
  const uint64_t us = whole_s * kSecondUs + (rest > part_ ? (rest - part_ + rate_ - 1) / rate_ : 0);
  return std::max<uint64_t>(us, 1);
}

void TokenBucket::fill(uint64_t now_us) {
  if (now_us <= filled_us_) return;
  const uint64_t passed_us = now_us - filled_us_;
  filled_us_ = now_us;
  const uint64_t whole_s = passed_us / kSecondUs;
  const uint64_t room = static_cast<uint64_t>(static_cast<int64_t>(burst_) - level_);
  if (whole_s > room / rate_) {  // fills it, and would overflow if it were multiplied out
    level_ = static_cast<int64_t>(burst_);
    part_ = 0;
    return;
  }
  const uint64_t parts = passed_us % kSecondUs * rate_ + part_;
  const uint64_t bytes = whole_s * rate_ + parts / kSecondUs;
  part_ = parts % kSecondUs;
  if (bytes >= room) {
    level_ = static_cast<int64_t>(burst_);
    part_ = 0;
  } else {
    level_ += static_cast<int64_t>(bytes);
  }
}

}  // namespace holdfast::provision
