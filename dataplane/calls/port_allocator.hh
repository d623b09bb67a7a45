// SPDX-License-Identifier: Apache-2.0
// Lends pairs of media ports (RTP even, RTCP next) of one media address and one lcore's slice.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace holdfast::dataplane {

// Slow thread only. A pair that comes back rests, so that late packets of its call find no leg
// instead of a stranger's. Those that have rested are lent first in, first out: each rests as long
// as the range allows, and never less than `rest_ns`. Times are of one steady clock and do not go
// back.
class PortAllocator {
 public:
  enum class Taken : uint8_t { yes, lent, resting, not_ours };

  // `first` is even; the slice is first, first + 1, ..., first + 2 * pairs - 1.
  PortAllocator(uint16_t first, uint32_t pairs, uint64_t rest_ns);

  // The longest rested pair; none: all that are not lent rest still.
  std::optional<uint16_t> take(uint64_t now_ns);
  // A particular even port.
  Taken take(uint16_t rtp_port, uint64_t now_ns);
  bool can_take(uint16_t rtp_port, uint64_t now_ns);
  void give_back(uint16_t rtp_port, uint64_t now_ns);
  // One that no packet can have been sent to: need not rest.
  void give_back_unused(uint16_t rtp_port);

  bool owns(uint16_t udp_port) const {
    return udp_port >= first_ && (udp_port - first_) / 2u < lent_.size();
  }
  uint32_t lent() const { return lent_count_; }
  // Pairs that can be lent, and those that cannot yet.
  size_t free(uint64_t now_ns);
  size_t resting(uint64_t now_ns);

 private:
  struct Resting {
    uint32_t pair;
    uint64_t until_ns;
  };

  std::deque<uint32_t>::iterator find_free(uint16_t rtp_port, uint64_t now_ns);
  void wake(uint64_t now_ns);
  uint32_t end_loan(uint16_t rtp_port);

  uint16_t first_;
  uint64_t rest_ns_;
  uint32_t lent_count_ = 0;
  std::vector<bool> lent_;       // by pair
  std::deque<uint32_t> free_;    // pairs, longest rested first
  std::deque<Resting> resting_;  // in the order in which they wake
};

}  // namespace holdfast::dataplane
