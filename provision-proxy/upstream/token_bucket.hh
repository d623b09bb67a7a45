// SPDX-License-Identifier: Apache-2.0
// A bucket of bytes that fills at a rate: the limit of bandwidth over all transfers.
//
// Bytes are spent after they have come, so it may run into debt by one piece; over any time no more
// than burst + rate x time + one piece go through. Pure: monotonic microseconds are handed in; time
// that runs backwards is held still.
#pragma once

#include <cstdint>

namespace holdfast::provision {

class TokenBucket {
 public:
  // `bytes_per_s` 0: no limit. Starts full.
  TokenBucket(uint64_t bytes_per_s, uint64_t burst_bytes, uint64_t now_us);

  bool limited() const { return rate_ > 0; }
  bool ready(uint64_t now_us);
  void spend(uint64_t bytes, uint64_t now_us);
  // Until it is ready; 0 if it is.
  uint64_t wait_us(uint64_t now_us);

 private:
  void fill(uint64_t now_us);

  uint64_t rate_, burst_;
  int64_t level_;      // in bytes; below 1 it is not ready
  uint64_t part_ = 0;  // of a byte, in millionths
  uint64_t filled_us_;
};

}  // namespace holdfast::provision
