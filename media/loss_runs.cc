// SPDX-License-Identifier: Apache-2.0
// Books loss runs.
#include "media/loss_runs.hh"

namespace holdfast::media {

void LossRuns::add(uint64_t first, uint32_t count) {
  if (open_length_ != 0 && first != open_end_) close();
  open_length_ += count;
  open_end_ = first + count;
}

uint64_t LossRuns::packets() const {
  uint64_t sum = other_packets_ + open_length_;
  for (uint32_t i = 0; i < used_; ++i) sum += uint64_t{lengths_[i].length} * lengths_[i].count;
  return sum;
}

void LossRuns::close() {
  if (open_length_ == 0) return;
  const uint32_t length = open_length_;
  open_length_ = 0;
  for (uint32_t i = 0; i < used_; ++i) {
    if (lengths_[i].length == length) {
      ++lengths_[i].count;
      return;
    }
  }
  if (used_ < kLengths) {
    lengths_[used_++] = {length, 1};
    return;
  }
  ++other_runs_;
  other_packets_ += length;
}

}  // namespace holdfast::media
