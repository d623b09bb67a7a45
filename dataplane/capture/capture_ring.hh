// SPDX-License-Identifier: Apache-2.0
// Copies of frames on their way from one lcore to the slow thread: bounded, without a lock,
// allocated before the first one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/relay/counters.hh"

namespace holdfast::dataplane {

// What is known of a copied frame beside its bytes.
struct CaptureMark {
  uint64_t ticks = 0;  // of the time-stamp counter when it was copied
  uint32_t leg = 0;
  uint16_t kept = 0;  // bytes of the copy
  uint16_t size = 0;  // bytes of the frame
  bool out = false;   // leaves by the leg; else it came for it
};

// One lcore pushes, the slow thread pops.
class CaptureRing {
 public:
  // `bytes` is rounded up to a power of two; all of it is touched here, so that push() meets no
  // page fault. `snap`: longest copy.
  CaptureRing(size_t bytes, uint16_t snap);

  // The lcore. A frame that finds no room is counted, not kept.
  void push(uint64_t ticks, uint32_t leg, bool out, std::span<const uint8_t> frame);
  // The lcore: a frame that was copied as leaving did not leave.
  void refuse() { refused_.add(1); }

  // The slow thread. False when nothing waits; peek() leaves it there.
  bool peek(CaptureMark& mark) const;
  bool pop(CaptureMark& mark, std::vector<uint8_t>& bytes);
  uint64_t missed() const { return missed_.read(); }
  uint64_t refused() const { return refused_.read(); }

 private:
  void put(size_t at, const void* from, size_t size);
  void get(size_t at, void* to, size_t size) const;

  static constexpr size_t kCacheLine = 64;
  const size_t mask_;
  const uint16_t snap_;
  const std::unique_ptr<uint8_t[]> bytes_;
  Counter missed_, refused_;
  alignas(kCacheLine) std::atomic<size_t> head_{0};  // octets popped since the beginning
  alignas(kCacheLine) std::atomic<size_t> tail_{0};  // octets pushed
};

}  // namespace holdfast::dataplane
