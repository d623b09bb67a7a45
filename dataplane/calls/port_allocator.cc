// SPDX-License-Identifier: Apache-2.0
// Lends pairs of media ports.
#include "dataplane/calls/port_allocator.hh"

#include <algorithm>
#include <cassert>

namespace holdfast::dataplane {

PortAllocator::PortAllocator(uint16_t first, uint32_t pairs, uint64_t rest_ns)
    : first_(first), rest_ns_(rest_ns), lent_(pairs, false) {
  assert(first % 2 == 0);
  for (uint32_t pair = 0; pair < pairs; ++pair) free_.push_back(pair);
}

void PortAllocator::wake(uint64_t now_ns) {
  while (!resting_.empty() && resting_.front().until_ns <= now_ns) {
    free_.push_back(resting_.front().pair);
    resting_.pop_front();
  }
}

std::optional<uint16_t> PortAllocator::take(uint64_t now_ns) {
  wake(now_ns);
  if (free_.empty()) return std::nullopt;
  const uint32_t pair = free_.front();
  free_.pop_front();
  lent_[pair] = true;
  ++lent_count_;
  return static_cast<uint16_t>(first_ + 2 * pair);
}

std::deque<uint32_t>::iterator PortAllocator::find_free(uint16_t rtp_port, uint64_t now_ns) {
  if (!owns(rtp_port) || rtp_port % 2 != 0) return free_.end();
  wake(now_ns);
  return std::find(free_.begin(), free_.end(), (rtp_port - first_) / 2u);
}

bool PortAllocator::can_take(uint16_t rtp_port, uint64_t now_ns) {
  return find_free(rtp_port, now_ns) != free_.end();
}

PortAllocator::Taken PortAllocator::take(uint16_t rtp_port, uint64_t now_ns) {
  const auto found = find_free(rtp_port, now_ns);
  if (found == free_.end()) {
    if (!owns(rtp_port) || rtp_port % 2 != 0) return Taken::not_ours;
    return lent_[(rtp_port - first_) / 2u] ? Taken::lent : Taken::resting;
  }
  lent_[*found] = true;
  ++lent_count_;
  free_.erase(found);
  return Taken::yes;
}

uint32_t PortAllocator::end_loan(uint16_t rtp_port) {
  const uint32_t pair = (rtp_port - first_) / 2u;
  assert(owns(rtp_port) && lent_[pair]);
  lent_[pair] = false;
  --lent_count_;
  return pair;
}

void PortAllocator::give_back(uint16_t rtp_port, uint64_t now_ns) {
  resting_.push_back({end_loan(rtp_port), now_ns + rest_ns_});
}

void PortAllocator::give_back_unused(uint16_t rtp_port) {
  free_.push_front(end_loan(rtp_port));
}

size_t PortAllocator::free(uint64_t now_ns) {
  wake(now_ns);
  return free_.size();
}

size_t PortAllocator::resting(uint64_t now_ns) {
  wake(now_ns);
  return resting_.size();
}

}  // namespace holdfast::dataplane
