// SPDX-License-Identifier: Apache-2.0
// The table of gap lengths: exact, whatever overflows.
#include "media/loss_runs.hh"

#include <gtest/gtest.h>

#include <map>
#include <random>

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

TEST(LossRuns, LongRunsAreTold) {
  LossRuns runs;
  runs.add(0, 65'535);
  runs.add(100'000, 40'000);
  runs.add(140'000, 40'000);
  runs.add(300'000, UINT32_MAX);
  runs.close();
  EXPECT_EQ(lengths_of(runs),
            (std::map<uint32_t, uint32_t>{{65'535, 1}, {80'000, 1}, {UINT32_MAX, 1}}));
  EXPECT_EQ(runs.other_runs(), 0U);
  EXPECT_EQ(runs.packets(), 145'535U + uint64_t{UINT32_MAX});
}

// Against a plain map: what the table says of a length is never more than what there was, all
// that it does not say is `other`, and whatever was told first keeps its place.
TEST(LossRuns, AnyRunsAddUp) {
  std::mt19937 random(7);
  for (const uint32_t longest : {3u, 8u, 24u, 60u, 1'500u, 70'000u, 4'000'000'000u}) {
    for (int round = 0; round < 40; ++round) {
      LossRuns runs;
      std::map<uint32_t, uint32_t> truth;
      uint64_t at = 1, packets = 0;
      const int count = 1 << (round % 12);
      for (int i = 0; i < count; ++i) {
        const uint32_t length = 1 + static_cast<uint32_t>(random()) % longest;
        runs.add(at, length);
        runs.close();
        at += length + 1;
        packets += length;
        ++truth[length];
        ASSERT_TRUE(runs.is_sound());
      }
      uint64_t told = runs.other_packets();
      uint64_t told_runs = runs.other_runs();
      for (const auto& [length, times] : lengths_of(runs)) {
        ASSERT_LE(times, truth[length]) << longest;
        told += uint64_t{length} * times;
        told_runs += times;
      }
      ASSERT_EQ(told, packets) << longest;
      ASSERT_EQ(runs.packets(), packets) << longest;
      ASSERT_EQ(told_runs, static_cast<uint64_t>(count)) << longest;
      if (longest <= LossRuns::kLengths) {
        ASSERT_EQ(runs.other_runs(), 0U) << longest << " " << count;
      }
    }
  }
}

TEST(LossRuns, TwentyFourLengthsMayCome512TimesEach) {
  LossRuns runs;
  for (uint32_t times = 0; times < 512; ++times) {
    for (uint32_t length = LossRuns::kLengths; length > 0; --length) {
      runs.add(0, 8 * length);
      runs.close();
    }
  }
  EXPECT_EQ(runs.other_runs(), 0U);
  EXPECT_EQ(lengths_of(runs).size(), LossRuns::kLengths);
  runs.add(0, 7);
  runs.close();
  EXPECT_EQ(runs.other_runs(), 1U) << "a twenty-fifth";
  EXPECT_EQ(runs.other_packets(), 7U);
}

// A process died while it wrote the table, or the memory was never one.
TEST(LossRuns, ATornTableKeepsItsSum) {
  LossRuns runs;
  runs.add(0, 3);
  runs.add(10, 5);
  runs.close();
  auto* const bytes = reinterpret_cast<uint8_t*>(&runs);
  constexpr size_t kUsedAt = 18;
  ASSERT_EQ(bytes[kUsedAt], 4u);
  bytes[kUsedAt] = UINT8_MAX;
  ASSERT_TRUE(runs.is_torn());
  EXPECT_TRUE(runs.is_sound());
  EXPECT_EQ(lengths_of(runs).size(), 0U);
  runs.forget_lengths(8);
  EXPECT_FALSE(runs.is_torn());
  EXPECT_EQ(runs.packets(), 8U);
  EXPECT_EQ(runs.other_runs(), 1U);
  runs.add(20, 5);
  runs.close();
  EXPECT_EQ(lengths_of(runs), (std::map<uint32_t, uint32_t>{{5, 1}}));
  EXPECT_EQ(runs.packets(), 13U);
}

TEST(LossRuns, BytesThatAreNoTableAreKnown) {
  std::mt19937 random(3);
  int sound = 0;
  for (int round = 0; round < 20'000; ++round) {
    LossRuns runs;
    auto* const bytes = reinterpret_cast<uint8_t*>(&runs);
    for (size_t i = 18; i < sizeof runs; ++i) bytes[i] = static_cast<uint8_t>(random());
    std::array<LossRun, LossRuns::kLengths> table;
    ASSERT_LE(runs.lengths(table), LossRuns::kLengths);
    static_cast<void>(runs.packets());
    runs.add(1, 7);
    runs.close();
    sound += runs.is_sound() ? 1 : 0;
  }
  EXPECT_LT(sound, 20'000);
  LossRuns half;
  half.add(0, 9);  // two groups, and one for the count
  half.close();
  auto* const bytes = reinterpret_cast<uint8_t*>(&half);
  bytes[18] = 2;
  EXPECT_FALSE(half.is_sound()) << "no count";
  bytes[18] = 1;
  EXPECT_FALSE(half.is_sound()) << "half a number";
}

}  // namespace
}  // namespace holdfast::media
