// SPDX-License-Identifier: Apache-2.0
// Percentiles of the bench's histogram against sorted lists.
#include "bench/relay/delay_histogram.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

namespace holdfast::bench {
namespace {

TEST(DelayHistogram, EmptyAndOne) {
  DelayHistogram histogram;
  EXPECT_EQ(histogram.at(0.5), 0U);
  histogram.add(63);
  for (const double part : {0.0, 0.5, 1.0}) EXPECT_EQ(histogram.at(part), 63U) << part;
}

TEST(DelayHistogram, EveryValueIsWithinTwoPercent) {
  for (uint64_t ns = 1; ns < 1ULL << 40; ns = ns * 5 / 4 + 1) {
    DelayHistogram histogram;
    histogram.add(ns);
    EXPECT_GE(histogram.at(1), ns);
    EXPECT_LE(histogram.at(1), ns + ns / 50 + 1) << ns;
  }
}

TEST(DelayHistogram, LongestDelaysStayInBounds) {
  DelayHistogram histogram;
  for (const uint64_t ns : {1ULL << 40, 1ULL << 63, ~0ULL}) histogram.add(ns);
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_GE(histogram.at(0.5), (1ULL << 40) - 1);
}

TEST(DelayHistogram, EachBucketIsHandedOutOnceWithItsEdge) {
  DelayHistogram histogram;
  for (const uint64_t ns : {5U, 5U, 70U, 1'000'000U}) histogram.add(ns);
  std::vector<std::pair<uint64_t, uint64_t>> seen;
  histogram.each([&](uint64_t edge, uint64_t count) { seen.emplace_back(edge, count); });
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0], std::pair(uint64_t{5}, uint64_t{2}));
  EXPECT_EQ(seen[1].second, 1U);
  EXPECT_EQ(seen[2], std::pair(histogram.at(1), uint64_t{1}));
}

TEST(DelayHistogram, PercentilesAgreeWithASortedList) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> delays(10, 2);
  DelayHistogram histogram;
  std::vector<uint64_t> sorted;
  for (int i = 0; i < 20'000; ++i) {
    sorted.push_back(static_cast<uint64_t>(delays(random)));
    histogram.add(sorted.back());
  }
  std::sort(sorted.begin(), sorted.end());
  for (const double part : {0.5, 0.99, 0.999}) {
    const uint64_t wanted = sorted[static_cast<size_t>(part * 20'000) - 1];
    EXPECT_GE(histogram.at(part), wanted) << part;
    EXPECT_LE(histogram.at(part), wanted + wanted / 50 + 1) << part;
  }
}

}  // namespace
}  // namespace holdfast::bench
