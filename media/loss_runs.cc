// SPDX-License-Identifier: Apache-2.0
// Books loss runs.
#include "media/loss_runs.hh"

namespace holdfast::media {

void LossRuns::add(uint64_t first, uint32_t count) {
  if (open_length_ != 0 && static_cast<uint32_t>(first) != open_end_) close();
  open_length_ += count;
  open_end_ = static_cast<uint32_t>(first + count);
}

uint64_t LossRuns::packets() const {
  uint64_t sum = other_packets_ + open_length_;
  for (uint32_t i = 0; i < used_; ++i) sum += uint64_t{entries_[i].length} * entries_[i].count;
  return sum;
}

uint32_t LossRuns::lengths(std::array<LossRun, kLengths>& out) const {
  uint32_t filled = 0;
  for (uint32_t i = 0; i < used_; ++i) {
    const Entry& entry = entries_[i];
    uint32_t at = 0;
    while (at < filled && out[at].length != entry.length) ++at;
    if (at == filled) out[filled++] = {entry.length, 0};
    out[at].count += entry.count;
  }
  return filled;
}

void LossRuns::close() {
  if (open_length_ == 0) return;
  const uint32_t length = open_length_;
  open_length_ = 0;
  if (length <= UINT16_MAX) {
    for (uint32_t i = 0; i < used_; ++i) {
      if (entries_[i].length == length && entries_[i].count < UINT16_MAX) {
        ++entries_[i].count;
        return;
      }
    }
    if (used_ < kLengths) {
      entries_[used_++] = {static_cast<uint16_t>(length), 1};
      return;
    }
  }
  ++other_runs_;
  other_packets_ += length;
}

}  // namespace holdfast::media
