// SPDX-License-Identifier: Apache-2.0
// Marks and bytes one after the other in a circle of octets.
#include "dataplane/capture/capture_ring.hh"

#include <algorithm>
#include <bit>
#include <cstring>

namespace holdfast::dataplane {

CaptureRing::CaptureRing(size_t bytes, uint16_t snap)
    : mask_(std::bit_ceil(bytes) - 1),
      snap_(snap),
      bytes_(std::make_unique<uint8_t[]>(mask_ + 1)) {}  // zeroed, and so touched

void CaptureRing::put(size_t at, const void* from, size_t size) {
  if (size == 0) return;
  const size_t first = std::min(size, mask_ + 1 - (at & mask_));
  std::memcpy(&bytes_[at & mask_], from, first);
  std::memcpy(&bytes_[0], static_cast<const uint8_t*>(from) + first, size - first);
}

void CaptureRing::get(size_t at, void* to, size_t size) const {
  if (size == 0) return;
  const size_t first = std::min(size, mask_ + 1 - (at & mask_));
  std::memcpy(to, &bytes_[at & mask_], first);
  std::memcpy(static_cast<uint8_t*>(to) + first, &bytes_[0], size - first);
}

void CaptureRing::push(uint64_t ticks, uint32_t leg, bool out, std::span<const uint8_t> frame) {
  const size_t kept = std::min<size_t>(frame.size(), snap_);
  const size_t tail = tail_.load(std::memory_order_relaxed);
  const size_t used = tail - head_.load(std::memory_order_acquire);
  if (used + sizeof(CaptureMark) + kept > mask_ + 1) {
    missed_.add(1);
    return;
  }
  const CaptureMark mark{ticks, leg, static_cast<uint16_t>(kept),
                         static_cast<uint16_t>(frame.size()), out};
  put(tail, &mark, sizeof mark);
  put(tail + sizeof mark, frame.data(), kept);
  tail_.store(tail + sizeof mark + kept, std::memory_order_release);
}

bool CaptureRing::peek(CaptureMark& mark) const {
  const size_t head = head_.load(std::memory_order_relaxed);
  if (head == tail_.load(std::memory_order_acquire)) return false;
  get(head, &mark, sizeof mark);
  return true;
}

bool CaptureRing::pop(CaptureMark& mark, std::vector<uint8_t>& bytes) {
  if (!peek(mark)) return false;
  const size_t head = head_.load(std::memory_order_relaxed);
  bytes.resize(mark.kept);
  get(head + sizeof mark, bytes.data(), mark.kept);
  head_.store(head + sizeof mark + mark.kept, std::memory_order_release);
  return true;
}

}  // namespace holdfast::dataplane
