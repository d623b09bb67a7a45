// SPDX-License-Identifier: Apache-2.0
// The table of gap lengths: exact, whatever overflows.
#include "media/loss_runs.hh"

#include <gtest/gtest.h>

#include <map>

#include "tests/media/rtp_line.hh"

namespace holdfast::media {
namespace {

using test::Line;

TEST(StreamAccount, LossRunTableOverflowStillAddsUp) {
  Line line;
  int64_t n = 0;
  uint64_t lost = 0;
  for (int64_t length = 1; length <= 40; ++length) {
    line.many(n, n + 10);
    n += 10 + length;
    lost += static_cast<uint64_t>(length);
  }
  line.many(n, n + 600);
  const StreamReport r = line.account.report();
  EXPECT_EQ(r.lost, lost);
  EXPECT_EQ(r.runs_used, LossRuns::kLengths);
  EXPECT_EQ(r.other_runs, 40 - LossRuns::kLengths);
  EXPECT_EQ(r.other_packets, 25U * 16 + 15 * 16 / 2);  // 25 + 26 + ... + 40
}

std::map<uint32_t, uint32_t> lengths_of(const LossRuns& runs) {
  std::array<LossRun, LossRuns::kLengths> table;
  std::map<uint32_t, uint32_t> lengths;
  for (uint32_t i = 0; i < runs.lengths(table); ++i) lengths[table[i].length] += table[i].count;
  return lengths;
}

TEST(LossRuns, NeighboursAreOneRun) {
  LossRuns runs;
  runs.add(10, 2);
  runs.add(12, 3);
  runs.add(20, 1);
  EXPECT_EQ(runs.packets(), 6U);
  runs.close();
  EXPECT_EQ(lengths_of(runs), (std::map<uint32_t, uint32_t>{{1, 1}, {5, 1}}));
  runs.add(uint64_t{1} << 32, 1);
  runs.add((uint64_t{1} << 32) + 1, 1);
  runs.close();
  EXPECT_EQ(lengths_of(runs)[2], 1U) << "beyond 32 bits";
}

TEST(LossRuns, ALengthThatOutgrowsItsCountIsToldAsOne) {
  LossRuns runs;
  constexpr uint32_t kRuns = 2 * 65'535 + 10;
  for (uint32_t n = 0; n < kRuns; ++n) {
    runs.add(uint64_t{n} * 10, 3);
    if (n % 2 == 0) runs.add(uint64_t{n} * 10 + 5, 1);
  }
  runs.close();
  EXPECT_EQ(lengths_of(runs), (std::map<uint32_t, uint32_t>{{3, kRuns}, {1, kRuns / 2}}));
  EXPECT_EQ(runs.packets(), 3 * uint64_t{kRuns} + kRuns / 2);
  EXPECT_EQ(runs.other_runs(), 0U);
}

TEST(LossRuns, WhatIsLongerThanSixteenBitsIsOther) {
  LossRuns runs;
  runs.add(0, 65'535);
  runs.add(100'000, 40'000);
  runs.add(140'000, 40'000);
  runs.close();
  EXPECT_EQ(lengths_of(runs), (std::map<uint32_t, uint32_t>{{65'535, 1}}));
  EXPECT_EQ(runs.other_runs(), 1U);
  EXPECT_EQ(runs.other_packets(), 80'000U);
  EXPECT_EQ(runs.packets(), 145'535U);
}

}  // namespace
}  // namespace holdfast::media
