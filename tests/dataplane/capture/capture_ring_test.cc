// SPDX-License-Identifier: Apache-2.0
// What goes in comes out, in order, or is counted; between two threads too.
#include "dataplane/capture/capture_ring.hh"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

namespace holdfast::dataplane {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes numbered(size_t size, uint8_t first) {
  Bytes bytes(size);
  std::iota(bytes.begin(), bytes.end(), first);
  return bytes;
}

TEST(CaptureRing, FramesComeOutAsTheyWentIn) {
  CaptureRing ring(1024, 1600);
  CaptureMark mark;
  Bytes bytes;
  EXPECT_FALSE(ring.pop(mark, bytes));
  ring.push(7, 3, true, numbered(200, 1));
  ring.push(8, 4, false, {});
  ASSERT_TRUE(ring.peek(mark));
  EXPECT_EQ(mark.ticks, 7u);
  ASSERT_TRUE(ring.pop(mark, bytes));
  EXPECT_EQ(bytes, numbered(200, 1));
  EXPECT_TRUE(mark.leg == 3 && mark.out && mark.kept == 200 && mark.size == 200);
  ASSERT_TRUE(ring.pop(mark, bytes));
  EXPECT_TRUE(mark.leg == 4 && !mark.out && bytes.empty());
  EXPECT_FALSE(ring.peek(mark));
}

TEST(CaptureRing, LongFramesAreCutAndKeepTheirSize) {
  CaptureRing ring(1024, 60);
  ring.push(1, 1, false, numbered(214, 5));
  CaptureMark mark;
  Bytes bytes;
  ASSERT_TRUE(ring.pop(mark, bytes));
  EXPECT_EQ(bytes, numbered(60, 5));
  EXPECT_EQ(mark.size, 214);
}

TEST(CaptureRing, WhatFindsNoRoomIsCountedAndTheRestStaysWhole) {
  constexpr size_t kFrame = 100;
  constexpr size_t kFit = 1024 / (sizeof(CaptureMark) + kFrame);
  CaptureRing ring(1000, 1600);  // rounded up to 1024
  for (uint8_t i = 0; i < kFit + 3; ++i) ring.push(i, 1, false, numbered(kFrame, i));
  EXPECT_EQ(ring.missed(), 3u);
  CaptureMark mark;
  Bytes bytes;
  for (uint8_t i = 0; i < kFit; ++i) {
    ASSERT_TRUE(ring.pop(mark, bytes));
    EXPECT_EQ(bytes, numbered(kFrame, i));
  }
  EXPECT_FALSE(ring.pop(mark, bytes));
  ring.push(9, 1, false, numbered(kFrame, 9));  // there is room again
  EXPECT_TRUE(ring.pop(mark, bytes));
  EXPECT_EQ(ring.missed(), 3u);
}

TEST(CaptureRing, EveryPlaceOfTheSeamHolds) {
  for (size_t shift = 0; shift < 256; ++shift) {
    CaptureRing ring(256, 1600);
    CaptureMark mark;
    Bytes bytes;
    ring.push(0, 0, false, Bytes(shift % 200));
    ASSERT_TRUE(ring.pop(mark, bytes));
    ring.push(0, 0, false, Bytes(shift / 2));
    ASSERT_TRUE(ring.pop(mark, bytes));
    ring.push(shift, 5, true, numbered(150, 3));
    ASSERT_TRUE(ring.pop(mark, bytes));
    EXPECT_EQ(mark.ticks, shift);
    EXPECT_EQ(bytes, numbered(150, 3)) << shift;
  }
}

TEST(CaptureRing, TwoThreadsLoseNothingUncounted) {
  constexpr uint64_t kFrames = 50'000;
  CaptureRing ring(4096, 1600);
  std::thread producer([&] {
    for (uint64_t i = 0; i < kFrames; ++i)
      ring.push(i, 1, false, numbered(i % 190, static_cast<uint8_t>(i)));
  });
  uint64_t popped = 0, next = 0;
  CaptureMark mark;
  Bytes bytes;
  const auto drain = [&] {
    while (ring.pop(mark, bytes)) {
      ASSERT_GE(mark.ticks, next);
      ASSERT_EQ(bytes, numbered(mark.ticks % 190, static_cast<uint8_t>(mark.ticks)));
      next = mark.ticks + 1;
      ++popped;
    }
  };
  while (popped + ring.missed() < kFrames) {
    drain();
    std::this_thread::yield();
  }
  producer.join();
  drain();
  EXPECT_EQ(popped + ring.missed(), kFrames);
  EXPECT_GT(popped, 0u);
}

}  // namespace
}  // namespace holdfast::dataplane
