// SPDX-License-Identifier: Apache-2.0
// Frames of the link stage: the pool, VLAN tags, and which frames a rule may damage.
#include "lab/link/frame.hh"

#include <cstring>
#include <optional>
#include <utility>

namespace holdfast::lab {
namespace {

constexpr size_t kMacBytes = 12;
constexpr uint16_t kTpidVlan = 0x8100;
constexpr uint16_t kTpidService = 0x88a8;
constexpr uint16_t kVlanIdMask = 0x0fff;
constexpr uint8_t kProtocolUdp = 17;

uint16_t load16(const uint8_t* p) {
  return static_cast<uint16_t>((p[0] << 8) | p[1]);
}
void store16(uint8_t* p, uint16_t value) {
  p[0] = static_cast<uint8_t>(value >> 8);
  p[1] = static_cast<uint8_t>(value);
}

// Offset of the UDP header, or nothing if this is not a UDP datagram's first part.
std::optional<size_t> udp_offset(std::span<const uint8_t> frame) {
  size_t at = kMacBytes;
  for (int tags = 0; tags < 2; ++tags) {
    if (frame.size() < at + 2) return {};
    const uint16_t type = load16(&frame[at]);
    if (type != kTpidVlan && type != kTpidService) break;
    at += kVlanTagBytes;
  }
  if (frame.size() < at + 2) return {};
  const uint16_t type = load16(&frame[at]);
  at += 2;
  if (type == 0x0800 && frame.size() >= at + 20 && (frame[at] >> 4) == 4) {
    const size_t header = static_cast<size_t>(frame[at] & 0x0f) * 4;
    const uint16_t fragment_offset = load16(&frame[at + 6]) & 0x1fff;
    if (frame[at + 9] != kProtocolUdp || header < 20 || fragment_offset != 0) return {};
    return at + header;
  }
  if (type == 0x86dd && frame.size() >= at + 40 && (frame[at] >> 4) == 6) {
    if (frame[at + 6] != kProtocolUdp) return {};
    return at + 40;
  }
  return {};
}

}  // namespace

// Slots are left untouched until first use, so that a large pool costs no memory while idle.
FramePool::FramePool(size_t frames) : slots_(std::make_unique_for_overwrite<Frame[]>(frames)) {
  free_.reserve(frames);
  for (size_t i = frames; i > 0; --i) free_.push_back(&slots_[i - 1]);
}

Frame* FramePool::take() {
  if (free_.empty()) return nullptr;
  Frame* frame = free_.back();
  free_.pop_back();
  frame->clear();
  return frame;
}

bool push_vlan(Frame& frame, uint16_t tci, uint16_t tpid) {
  if (frame.length < kMacBytes + 2 || frame.start < kVlanTagBytes) return false;
  std::memmove(frame.data() - kVlanTagBytes, frame.data(), kMacBytes);
  frame.start = static_cast<uint16_t>(frame.start - kVlanTagBytes);
  frame.length = static_cast<uint16_t>(frame.length + kVlanTagBytes);
  store16(frame.data() + kMacBytes, tpid);
  store16(frame.data() + kMacBytes + 2, tci);
  return true;
}

bool pop_vlan(Frame& frame, uint16_t id) {
  if (frame.length < kMacBytes + kVlanTagBytes + 2) return false;
  const uint8_t* tag = frame.data() + kMacBytes;
  if (load16(tag) != kTpidVlan || (load16(tag + 2) & kVlanIdMask) != id) return false;
  std::memmove(frame.data() + kVlanTagBytes, frame.data(), kMacBytes);
  frame.start = static_cast<uint16_t>(frame.start + kVlanTagBytes);
  frame.length = static_cast<uint16_t>(frame.length - kVlanTagBytes);
  return true;
}

bool matches(const Match& match, std::span<const uint8_t> frame) {
  if (match.kind == Match::Kind::all) return true;
  const auto udp = udp_offset(frame);
  if (!udp || frame.size() < *udp + 8) return false;
  for (const size_t at : {*udp + 2, *udp}) {  // the destination decides, then the source
    const uint16_t port = load16(&frame[at]);
    if (port < match.first_port || port > match.last_port) continue;
    return match.kind == Match::Kind::udp || port % 2 == 0;
  }
  return false;
}

}  // namespace holdfast::lab
