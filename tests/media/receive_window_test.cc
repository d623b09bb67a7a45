// SPDX-License-Identifier: Apache-2.0
// The ring of bits: every start and length over word and ring boundaries.
#include "media/receive_window.hh"

#include <gtest/gtest.h>

#include <set>

namespace holdfast::media {
namespace {

std::set<uint64_t> holes_of(const ReceiveWindow& window, uint64_t first, uint32_t count) {
  std::set<uint64_t> holes;
  uint64_t last = 0;
  window.for_each_hole_run(first, count, [&](uint64_t at, uint32_t length) {
    EXPECT_GT(length, 0U);
    EXPECT_GE(at, last) << "runs come in ascending order";
    last = at + length;
    for (uint32_t i = 0; i < length; ++i) holes.insert(at + i);
  });
  return holes;
}

TEST(ReceiveWindow, ANewOneMissesNothing) {
  const ReceiveWindow window;
  EXPECT_TRUE(holes_of(window, 65'536, ReceiveWindow::kSize).empty());
}

TEST(ReceiveWindow, ClearsExactlyWhatIsAsked) {
  for (uint64_t first = 65'536 + 500; first < 65'536 + 580; ++first)
    for (const uint32_t count : {0U, 1U, 2U, 63U, 64U, 65U, 128U, 511U, 512U}) {
      ReceiveWindow window;
      window.clear(first, count);
      std::set<uint64_t> want;
      for (uint32_t i = 0; i < count; ++i) want.insert(first + i);
      EXPECT_EQ(holes_of(window, first, ReceiveWindow::kSize), want) << first << " " << count;
    }
}

TEST(ReceiveWindow, EveryOtherOne) {
  ReceiveWindow window;
  window.clear(100'000, 512);
  std::set<uint64_t> want;
  for (uint64_t ext = 100'000; ext < 100'512; ++ext) {
    if (ext % 2 == 0)
      window.set(ext);
    else
      want.insert(ext);
    EXPECT_EQ(window.has(ext), ext % 2 == 0);
  }
  EXPECT_EQ(holes_of(window, 100'000, 512), want);
}

}  // namespace
}  // namespace holdfast::media
