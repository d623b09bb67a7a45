// SPDX-License-Identifier: Apache-2.0
// The breaker, with time handed in.
#include "provision-proxy/upstream/origin_health.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

using enum OriginEvidence;

constexpr uint64_t kStart = 1'000'000, kInterval = 10'000;

TEST(OriginHealth, StartsClosedAndAdmits) {
  OriginHealth health(kStart);
  EXPECT_EQ(health.state(), OriginState::closed);
  EXPECT_TRUE(health.admits());
  EXPECT_EQ(health.probe_due_ms(), UINT64_MAX);
  EXPECT_FALSE(health.take_probe(kStart + 100 * kInterval)) << "nothing to probe for";
  EXPECT_FALSE(health.reason());
  EXPECT_TRUE(health.take_transitions().empty());
}

struct Row {
  OriginEvidence evidence;
  bool opens_untried;    // nothing has succeeded yet
  bool opens_after_one;  // something succeeded since the request was sent
};

TEST(OriginHealth, EachEvidenceHasItsWeight) {
  const Row rows[] = {
      {answered, false, false},      {gateway_error, false, false}, {refused, true, true},
      {unreachable, true, true},     {no_address, true, true},      {tls_failed, true, true},
      {connect_silent, true, false}, {silent, true, false},         {closed_early, false, false},
      {stalled, false, false},       {cut_short, false, false},     {nonsense, false, false},
  };
  static_assert(std::size(rows) == static_cast<size_t>(OriginEvidence::count));
  for (const auto& row : rows) {
    OriginHealth untried(kStart);
    untried.observed(kStart + 2000, row.evidence, kStart);
    EXPECT_EQ(untried.state() == OriginState::open, row.opens_untried) << name_of(row.evidence);
    EXPECT_EQ(untried.seen(row.evidence), 1U);
    OriginHealth spoke(kStart);
    spoke.observed(kStart + 500, answered, kStart + 100);  // another request
    spoke.observed(kStart + 2000, row.evidence, kStart);
    EXPECT_EQ(spoke.state() == OriginState::open, row.opens_after_one) << name_of(row.evidence);
  }
}

TEST(OriginHealth, ThreeClosedInARowOpenAndAreLookedAtAtOnce) {
  OriginHealth health(kStart);
  health.observed(kStart, answered, kStart - 1);
  uint64_t now = kStart;
  for (int i = 0; i < 2; ++i) {
    health.observed(now + 5, closed_early, now + 1);
    now += 10;
    EXPECT_TRUE(health.admits());
  }
  health.observed(now + 5, closed_early, now + 1);
  EXPECT_EQ(health.state(), OriginState::open);
  EXPECT_EQ(health.reason(), closed_early);
  EXPECT_EQ(health.probe_due_ms(), now + 5) << "it may be about one file";
  ASSERT_TRUE(health.take_probe(now + 5));
  health.observed(now + 6, closed_early, now + 5, true);
  EXPECT_EQ(health.state(), OriginState::open) << "it is not";
  EXPECT_EQ(health.probe_due_ms(), now + 6 + kInterval);
}

TEST(OriginHealth, ASuccessInBetweenBeginsTheRowAnew) {
  OriginHealth health(kStart);
  uint64_t now = kStart;
  for (int i = 0; i < 10; ++i, now += 10) {
    health.observed(now + 1, closed_early, now);
    health.observed(now + 4, closed_early, now + 3);
    health.observed(now + 6, i % 2 == 0 ? answered : gateway_error, now + 5);
  }
  EXPECT_EQ(health.entered(OriginState::open), 0U);
  // One that was sent before the success says nothing after it.
  health.observed(now + 1, answered, now);
  for (int i = 2; i < 8; ++i) health.observed(now + 2, closed_early, now);
  EXPECT_TRUE(health.admits());
}

// An origin that restarts closes all that is under way.
TEST(OriginHealth, WhatIsClosedTogetherCountsOnce) {
  OriginHealth health(kStart);
  for (uint64_t i = 0; i < 100; ++i) health.observed(kStart + 50 + i, closed_early, kStart + i / 4);
  EXPECT_TRUE(health.admits());
  health.observed(kStart + 300, closed_early, kStart + 200);
  EXPECT_TRUE(health.admits());
  health.observed(kStart + 302, closed_early, kStart + 301);
  EXPECT_FALSE(health.admits());
}

TEST(OriginHealth, AfterItIsBackTheRowBeginsAnew) {
  OriginHealth health(kStart);
  for (const uint64_t at : {1U, 3U, 5U})
    health.observed(kStart + at + 1, closed_early, kStart + at);
  ASSERT_TRUE(health.take_probe(kStart + 6));
  health.observed(kStart + 7, answered, kStart + 6, true);
  ASSERT_TRUE(health.admits());
  for (const uint64_t at : {8U, 10U}) health.observed(kStart + at + 1, closed_early, kStart + at);
  EXPECT_TRUE(health.admits());
}

TEST(OriginHealth, SilenceOpensWhenTheLastSuccessIsOlderThanTheRequest) {
  OriginHealth health(kStart);
  health.observed(kStart + 100, answered, kStart);
  health.observed(kStart + 2101, silent, kStart + 101);
  EXPECT_EQ(health.state(), OriginState::open);
  EXPECT_EQ(health.reason(), silent);
}

TEST(OriginHealth, ASuccessAtTheVeryTimeOfSendingCounts) {
  OriginHealth health(kStart);
  health.observed(kStart + 100, answered, kStart);
  health.observed(kStart + 2100, silent, kStart + 100);
  EXPECT_EQ(health.state(), OriginState::closed);
}

TEST(OriginHealth, ProbesEachIntervalOneAtATime) {
  OriginHealth health(kStart);
  health.observed(kStart, refused, kStart);
  EXPECT_EQ(health.probe_due_ms(), kStart + kInterval);
  EXPECT_FALSE(health.take_probe(kStart + kInterval - 1));
  EXPECT_TRUE(health.take_probe(kStart + kInterval));
  EXPECT_EQ(health.state(), OriginState::half_open);
  EXPECT_FALSE(health.admits());
  EXPECT_EQ(health.probe_due_ms(), UINT64_MAX);
  EXPECT_FALSE(health.take_probe(kStart + kInterval + 1000)) << "one is under way";
  health.observed(kStart + kInterval + 2000, silent, kStart + kInterval, true);
  EXPECT_EQ(health.state(), OriginState::open);
  EXPECT_EQ(health.reason(), silent) << "it refuses no more, but it is silent";
  EXPECT_EQ(health.probe_due_ms(), kStart + 2 * kInterval + 2000);
  EXPECT_TRUE(health.take_probe(kStart + 3 * kInterval));
  health.observed(kStart + 3 * kInterval + 5, answered, kStart + 3 * kInterval, true);
  EXPECT_EQ(health.state(), OriginState::closed);
  EXPECT_EQ(health.probes(), 2U);
}

TEST(OriginHealth, AProbeThatShowsNothingLeavesItOpen) {
  for (const auto evidence : {closed_early, stalled, cut_short, nonsense}) {
    OriginHealth health(kStart);
    health.observed(kStart, refused, kStart);
    ASSERT_TRUE(health.take_probe(kStart + kInterval));
    health.observed(kStart + kInterval, evidence, kStart + kInterval, true);
    EXPECT_EQ(health.state(), OriginState::open);
  }
  OriginHealth health(kStart);
  health.observed(kStart, refused, kStart);
  ASSERT_TRUE(health.take_probe(kStart + kInterval));
  health.probe_lost(kStart + kInterval + 1);
  EXPECT_EQ(health.state(), OriginState::open);
  EXPECT_EQ(health.probe_due_ms(), kStart + 2 * kInterval + 1);
}

TEST(OriginHealth, AnAnswerThatComesAfterAllCloses) {
  OriginHealth health(kStart);
  health.observed(kStart, refused, kStart);
  health.observed(kStart + 10, answered, kStart - 100);  // was under way
  EXPECT_EQ(health.state(), OriginState::closed);
}

TEST(OriginHealth, FailuresOfOthersDoNotDecideForTheProbe) {
  OriginHealth health(kStart);
  health.observed(kStart, silent, kStart - 2000);
  ASSERT_TRUE(health.take_probe(kStart + kInterval));
  health.observed(kStart + kInterval + 1, refused, kStart - 1000);
  EXPECT_EQ(health.state(), OriginState::half_open);
}

TEST(OriginHealth, TellsEachTransitionOnce) {
  OriginHealth health(kStart);
  health.observed(kStart + 1, refused, kStart);
  health.observed(kStart + 2, refused, kStart);  // no news
  ASSERT_TRUE(health.take_probe(kStart + 1 + kInterval));
  health.observed(kStart + 2 + kInterval, answered, 0, true);
  const auto told = health.take_transitions();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0].to, OriginState::open);
  EXPECT_EQ(told[0].evidence, refused);
  EXPECT_EQ(told[0].at_ms, kStart + 1);
  EXPECT_EQ(told[1].to, OriginState::half_open);
  EXPECT_EQ(told[2].from, OriginState::half_open);
  EXPECT_EQ(told[2].to, OriginState::closed);
  EXPECT_EQ(told[2].evidence, answered);
  EXPECT_TRUE(health.take_transitions().empty());
  EXPECT_EQ(health.entered(OriginState::open), 1U);
}

TEST(OriginHealth, TransitionsThatNobodyTakesStayBounded) {
  OriginHealth health(kStart);
  for (uint64_t i = 0; i < 1000; ++i) {
    health.observed(kStart + i, refused, kStart + i);
    health.observed(kStart + i, answered, kStart + i);
  }
  EXPECT_EQ(health.take_transitions().size(), 64U);
}

TEST(OriginHealth, TimeThatRunsBackwardsIsHeldStill) {
  OriginHealth health(kStart);
  health.observed(kStart + 500, refused, kStart);
  EXPECT_EQ(health.since_ms(), kStart + 500);
  health.observed(kStart, answered, kStart);
  EXPECT_EQ(health.since_ms(), kStart + 500);
}

TEST(OriginHealth, WeightsAreTheOperators) {
  HealthOptions options;
  options.weights[static_cast<size_t>(gateway_error)] = EvidenceWeight::failure;
  options.weights[static_cast<size_t>(tls_failed)] = EvidenceWeight::nothing;
  options.probe_interval_ms = 50;
  OriginHealth health(kStart, options);
  health.observed(kStart, tls_failed, kStart);
  EXPECT_EQ(health.state(), OriginState::closed);
  health.observed(kStart, gateway_error, kStart);
  EXPECT_EQ(health.state(), OriginState::open);
  ASSERT_TRUE(health.take_probe(kStart + 50));
  health.observed(kStart + 60, gateway_error, kStart + 50, true);
  EXPECT_EQ(health.state(), OriginState::open) << "the gateway answers, but not the origin";
}

}  // namespace
}  // namespace holdfast::provision
