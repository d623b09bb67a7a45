// SPDX-License-Identifier: Apache-2.0
// Lends pairs of media ports.
#include "dataplane/calls/port_allocator.hh"

#include <algorithm>
#include <cassert>

namespace holdfast::dataplane {

PortAllocator::PortAllocator(uint16_t first, std::span<PortMark> marks, uint64_t rest_ns)
    : first_(first), rest_ns_(rest_ns), marks_(marks) {
  assert(first % 2 == 0);
  for (uint32_t pair = 0; pair < marks.size(); ++pair) idle_.push_back(static_cast<Pair>(pair));
}

std::optional<uint16_t> PortAllocator::take(uint64_t now_ns) {
  if (idle_.empty() || !has_rested(idle_.front(), now_ns)) return std::nullopt;
  return take_tired();
}

std::optional<uint16_t> PortAllocator::take_tired() {
  if (idle_.empty()) return std::nullopt;
  const uint32_t pair = idle_.front();
  idle_.pop_front();
  marks_[pair].lent = 1;
  return static_cast<uint16_t>(first_ + 2 * pair);
}

// Where it is, or is to be: a process that goes on with thousands of calls looks up each port.
std::deque<PortAllocator::Pair>::iterator PortAllocator::place_of(uint32_t pair) {
  return std::partition_point(idle_.begin(), idle_.end(),
                              [&](uint32_t each) { return is_before(each, pair); });
}

std::deque<PortAllocator::Pair>::iterator PortAllocator::find_idle(uint16_t rtp_port,
                                                                   uint64_t now_ns, bool resumes) {
  if (!owns(rtp_port) || rtp_port % 2 != 0) return idle_.end();
  const uint32_t pair = (rtp_port - first_) / 2u;
  const bool its_own = resumes && marks_[pair].left != 0;
  if (marks_[pair].lent != 0 || (!its_own && !has_rested(pair, now_ns))) return idle_.end();
  return place_of(pair);
}

bool PortAllocator::can_take(uint16_t rtp_port, uint64_t now_ns, bool resumes) {
  return find_idle(rtp_port, now_ns, resumes) != idle_.end();
}

PortAllocator::Taken PortAllocator::take(uint16_t rtp_port, uint64_t now_ns, bool resumes) {
  const auto found = find_idle(rtp_port, now_ns, resumes);
  if (found == idle_.end()) {
    if (!owns(rtp_port) || rtp_port % 2 != 0) return Taken::not_ours;
    return marks_[(rtp_port - first_) / 2u].lent != 0 ? Taken::lent : Taken::resting;
  }
  marks_[*found].lent = 1;
  idle_.erase(found);
  return Taken::yes;
}

PortAllocator::Pair PortAllocator::end_loan(uint16_t rtp_port) {
  const auto pair = static_cast<Pair>((rtp_port - first_) / 2u);
  assert(owns(rtp_port) && marks_[pair].lent != 0);
  return pair;
}

void PortAllocator::give_back(uint16_t rtp_port, uint64_t now_ns) {
  const Pair pair = end_loan(rtp_port);
  PortMark ended;
  ended.end(now_ns);
  marks_[pair] = ended;
  idle_.insert(place_of(pair), pair);
}

void PortAllocator::give_back_unused(uint16_t rtp_port) {
  const Pair pair = end_loan(rtp_port);
  marks_[pair].lent = 0;
  idle_.insert(place_of(pair), pair);
}

void PortAllocator::rest_again(std::span<const LeftPort> ports) {
  for (const LeftPort& port : ports) {
    if (!owns(port.rtp_port) || port.rtp_port % 2 != 0) continue;
    PortMark& mark = marks_[(port.rtp_port - first_) / 2u];
    if (mark.lent != 0) continue;
    mark.end(std::max(port.ended_ns, mark.ended_ns()));
    mark.left = port.left ? 1 : 0;
  }
  std::sort(idle_.begin(), idle_.end(),
            [&](uint32_t one, uint32_t other) { return is_before(one, other); });
}

size_t PortAllocator::free(uint64_t now_ns) const {
  const auto first_tired = std::partition_point(
      idle_.begin(), idle_.end(), [&](uint32_t pair) { return has_rested(pair, now_ns); });
  return static_cast<size_t>(first_tired - idle_.begin());
}

std::optional<uint64_t> PortAllocator::ended_ns(size_t others) const {
  if (others >= idle_.size()) return std::nullopt;
  return marks_[idle_[others]].ended_ns();
}

}  // namespace holdfast::dataplane
