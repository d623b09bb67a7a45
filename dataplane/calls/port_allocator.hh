// SPDX-License-Identifier: Apache-2.0
// Lends pairs of media ports (RTP even, RTCP next) of one media address and one lcore's slice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "dataplane/state/port_mark.hh"

namespace holdfast::dataplane {

// Slow thread only. A pair that comes back rests, so that late packets of its call find no leg
// instead of a stranger's. The longest idle is lent first: each rests as long as the range allows,
// and never less than `rest_ns`. Times are of one steady clock, do not go back and are not 0.
class PortAllocator {
 public:
  enum class Taken : uint8_t { yes, lent, resting, not_ours };

  // `first` is even; the slice is first, first + 1, ..., first + 2 * marks.size() - 1. The marks
  // are by pair, new, and outlive the allocator.
  PortAllocator(uint16_t first, std::span<PortMark> marks, uint64_t rest_ns);

  // The longest idle pair, if it has rested; none: all that are not lent rest still.
  std::optional<uint16_t> take(uint64_t now_ns);
  // Whether it has rested or not; none: all are lent.
  std::optional<uint16_t> take_tired();
  // A particular even port. `resumes`: for the call that was left by the process before, which
  // alone may have it while it rests.
  Taken take(uint16_t rtp_port, uint64_t now_ns, bool resumes = false);
  bool can_take(uint16_t rtp_port, uint64_t now_ns, bool resumes = false);
  void give_back(uint16_t rtp_port, uint64_t now_ns);
  // One that no packet can have been sent to since it was taken: as if it had not been.
  void give_back_unused(uint16_t rtp_port);
  // What is not lent goes on resting from where the process before left it. Those outside the slice
  // are left out; all are of the allocator's address.
  void rest_again(std::span<const LeftPort> ports);

  bool owns(uint16_t udp_port) const {
    return udp_port >= first_ && (udp_port - first_) / 2u < marks_.size();
  }
  uint32_t lent() const { return static_cast<uint32_t>(marks_.size() - idle_.size()); }
  // Pairs that can be lent, and those that cannot yet.
  size_t free(uint64_t now_ns) const;
  size_t resting(uint64_t now_ns) const { return idle_.size() - free(now_ns); }
  // Of the pair that is lent after `others` more, when its last call ended (0: it had none). None:
  // so many are not idle.
  std::optional<uint64_t> ended_ns(size_t others) const;

 private:
  bool has_rested(uint32_t pair, uint64_t now_ns) const {
    const PortMark& mark = marks_[pair];
    return mark.ended_ticks == 0 || rest_ns_ == 0 || mark.ended_ns() + rest_ns_ <= now_ns;
  }
  // Whose last call ended first; of those that had none, or in one tick, the lower.
  bool is_before(uint32_t one, uint32_t other) const {
    const uint32_t one_ended = marks_[one].ended_ticks;
    const uint32_t other_ended = marks_[other].ended_ticks;
    return one_ended != other_ended ? one_ended < other_ended : one < other;
  }
  using Pair = uint16_t;  // a port is two of 65,536
  std::deque<Pair>::iterator place_of(uint32_t pair);
  std::deque<Pair>::iterator find_idle(uint16_t rtp_port, uint64_t now_ns, bool resumes);
  Pair end_loan(uint16_t rtp_port);

  uint16_t first_;
  uint64_t rest_ns_;
  std::span<PortMark> marks_;  // by pair
  std::deque<Pair> idle_;      // pairs that are not lent, as is_before() has them
};

}  // namespace holdfast::dataplane
