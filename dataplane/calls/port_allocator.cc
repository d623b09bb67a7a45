// SPDX-License-Identifier: Apache-2.0
// Lends pairs of media ports.
#include "dataplane/calls/port_allocator.hh"

#include <algorithm>
#include <cassert>

namespace holdfast::dataplane {

PortAllocator::PortAllocator(uint16_t first, uint32_t pairs) : first_(first), lent_(pairs, false) {
  assert(first % 2 == 0);
  for (uint32_t pair = 0; pair < pairs; ++pair) free_.push_back(pair);
}

std::optional<uint16_t> PortAllocator::take() {
  if (free_.empty()) return std::nullopt;
  const uint32_t pair = free_.front();
  free_.pop_front();
  lent_[pair] = true;
  ++lent_count_;
  return static_cast<uint16_t>(first_ + 2 * pair);
}

bool PortAllocator::take(uint16_t rtp_port) {
  if (!owns(rtp_port) || rtp_port % 2 != 0) return false;
  const uint32_t pair = (rtp_port - first_) / 2u;
  if (lent_[pair]) return false;
  free_.erase(std::find(free_.begin(), free_.end(), pair));
  lent_[pair] = true;
  ++lent_count_;
  return true;
}

void PortAllocator::give_back(uint16_t rtp_port) {
  const uint32_t pair = (rtp_port - first_) / 2u;
  assert(owns(rtp_port) && lent_[pair]);
  lent_[pair] = false;
  --lent_count_;
  free_.push_back(pair);
}

}  // namespace holdfast::dataplane
