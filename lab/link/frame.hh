// SPDX-License-Identifier: Apache-2.0
// An Ethernet frame in the link stage: fixed slots from a bounded pool, VLAN tags, and matching.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lab/link/rules.hh"

namespace holdfast::lab {

inline constexpr size_t kVlanTagBytes = 4;
// Room for the tag that the kernel keeps in metadata and for one more that a rule pushes.
inline constexpr size_t kFrameHeadroom = 2 * kVlanTagBytes;
inline constexpr size_t kMaxFrameBytes = 2036;  // a slot of 2 KiB; the lab's links have MTU 1500

struct Frame {
  uint16_t start = kFrameHeadroom;
  uint16_t length = 0;
  uint8_t bytes[kFrameHeadroom + kMaxFrameBytes];

  uint8_t* data() { return bytes + start; }
  const uint8_t* data() const { return bytes + start; }
  std::span<const uint8_t> view() const { return {data(), length}; }
  // An empty slot again, ready to receive at data().
  void clear() {
    start = kFrameHeadroom;
    length = 0;
  }
};
static_assert(sizeof(Frame) == 2048);

// Hands out slots; one owner, no locks. All memory is reserved at the start.
class FramePool {
 public:
  explicit FramePool(size_t frames);
  Frame* take();  // nullptr when all are in use; the slot is clear
  void give(Frame* frame) { free_.push_back(frame); }
  size_t available() const { return free_.size(); }

 private:
  std::unique_ptr<Frame[]> slots_;
  std::vector<Frame*> free_;
};

// Puts an 802.1Q tag behind the MAC addresses. False when the frame is too short or has no room.
bool push_vlan(Frame& frame, uint16_t tci, uint16_t tpid = 0x8100);
// Takes the outer 802.1Q tag off if its id is `id`; false, and no change, if it is not.
bool pop_vlan(Frame& frame, uint16_t id);

// Whether damage may meet this frame. Looks through up to two VLAN tags; IPv6 extension headers
// and later fragments hide the ports, so such frames match only `all`.
bool matches(const Match& match, std::span<const uint8_t> frame);

}  // namespace holdfast::lab
