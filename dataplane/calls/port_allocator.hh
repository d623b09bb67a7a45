// SPDX-License-Identifier: Apache-2.0
// Lends pairs of media ports (RTP even, RTCP next) of one media address and one lcore's slice.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace holdfast::dataplane {

// Slow thread only. Pairs are lent first in, first out, so that a port rests as long as the range
// allows before it is lent again, and late packets of an ended call find no leg instead of a
// stranger's.
class PortAllocator {
 public:
  // `first` is even; the slice is first, first + 1, ..., first + 2 * pairs - 1.
  PortAllocator(uint16_t first, uint32_t pairs);

  std::optional<uint16_t> take();
  // A particular even port; false when it is lent already or not of this slice.
  bool take(uint16_t rtp_port);
  void give_back(uint16_t rtp_port);

  bool owns(uint16_t udp_port) const {
    return udp_port >= first_ && (udp_port - first_) / 2u < lent_.size();
  }
  uint32_t lent() const { return lent_count_; }
  size_t free() const { return free_.size(); }

 private:
  uint16_t first_;
  uint32_t lent_count_ = 0;
  std::vector<bool> lent_;     // by pair
  std::deque<uint32_t> free_;  // pairs, longest rested first
};

}  // namespace holdfast::dataplane
