// SPDX-License-Identifier: Apache-2.0
// Media ports: lent in order, rested before they are lent again, never twice at once.
#include "dataplane/calls/port_allocator.hh"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::dataplane {
namespace {

using Taken = PortAllocator::Taken;

// Times are in ticks, which is how exactly they are kept.
constexpr uint64_t operator""_t(unsigned long long ticks) {
  return ticks * PortMark::kTickNs;
}

constexpr uint64_t kRest = 60_t;

TEST(PortAllocator, LendsEvenPortsUntilTheSliceIsEmpty) {
  std::vector<PortMark> marks(3);
  PortAllocator ports(20000, marks, kRest);
  EXPECT_EQ(ports.take(0), 20000);
  EXPECT_EQ(ports.take(0), 20002);
  EXPECT_EQ(ports.take(0), 20004);
  EXPECT_EQ(ports.take(0), std::nullopt);
  EXPECT_EQ(ports.lent(), 3u);
}

TEST(PortAllocator, APortRestsAsLongAsTheOthersLast) {
  std::vector<PortMark> marks(3);
  PortAllocator ports(20000, marks, 0);
  ports.give_back(*ports.take(1_t), 1_t);
  EXPECT_EQ(ports.take(1_t), 20002);
  EXPECT_EQ(ports.take(1_t), 20004);
  EXPECT_EQ(ports.take(1_t), 20000);
}

TEST(PortAllocator, NoPortIsLentBeforeItsTimeHoweverFewThereAre) {
  std::vector<PortMark> marks(2);
  PortAllocator ports(20000, marks, kRest);
  EXPECT_EQ(ports.take(100_t), 20000);
  EXPECT_EQ(ports.take(100_t), 20002);
  ports.give_back(20002, 100_t);
  ports.give_back(20000, 130_t);
  EXPECT_EQ(ports.resting(159_t), 2u);
  EXPECT_EQ(ports.take(159_t), std::nullopt);
  EXPECT_EQ(ports.take(20002, 159_t), Taken::resting);
  EXPECT_FALSE(ports.can_take(20002, 159_t));
  EXPECT_EQ(ports.free(160_t), 1u);
  EXPECT_EQ(ports.take(160_t), 20002);
  EXPECT_EQ(ports.take(189_t), std::nullopt);
  EXPECT_EQ(ports.take(20000, 190_t), Taken::yes);
}

TEST(PortAllocator, BetweenTicksAPortRestsLongerAndNeverShorter) {
  std::vector<PortMark> marks(2);
  PortAllocator ports(20000, marks, kRest);
  EXPECT_EQ(ports.take(1), 20000);
  ports.give_back(20000, 1);
  EXPECT_EQ(ports.ended_ns(1), 1_t) << "the first moment is one";
  EXPECT_EQ(ports.take(20002, 1), Taken::yes);
  ports.give_back(20002, 10_t + 1);
  EXPECT_EQ(ports.ended_ns(1), 11_t);
  EXPECT_EQ(ports.take(20002, 71_t - 1), Taken::resting);
  EXPECT_EQ(ports.take(20002, 71_t), Taken::yes);
}

// Eight years after boot.
TEST(PortAllocator, WhenTicksEndPortsDoNotRest) {
  const uint64_t last_ns = PortMark::kLastTick * PortMark::kTickNs;
  std::vector<PortMark> marks(1);
  PortAllocator ports(20000, marks, kRest);
  EXPECT_EQ(ports.take(last_ns + 100_t), 20000);
  ports.give_back(20000, last_ns + 100_t);
  EXPECT_EQ(ports.ended_ns(0), last_ns);
  EXPECT_EQ(ports.take(last_ns + 100_t), 20000);
}

TEST(PortAllocator, WhatWasNeverToldToAnybodyNeedNotRest) {
  std::vector<PortMark> marks(2);
  PortAllocator ports(20000, marks, kRest);
  EXPECT_EQ(ports.take(0), 20000);
  ports.give_back_unused(20000);
  EXPECT_EQ(ports.lent(), 0u);
  EXPECT_EQ(ports.take(0), 20000);
}

TEST(PortAllocator, TheTiredAreLentFromTheLongestIdleOnAndGoBackToTheirPlace) {
  std::vector<PortMark> marks(3);
  PortAllocator ports(20000, marks, kRest);
  for (int i = 0; i < 3; ++i) (void)ports.take(1_t);
  ports.give_back(20004, 110_t);
  ports.give_back(20000, 120_t);
  EXPECT_EQ(ports.ended_ns(0), 110_t);
  EXPECT_EQ(ports.ended_ns(1), 120_t);
  EXPECT_EQ(ports.ended_ns(2), std::nullopt);
  EXPECT_EQ(ports.take(130_t), std::nullopt);
  EXPECT_EQ(ports.take_tired(), 20004);
  EXPECT_EQ(ports.take_tired(), 20000);
  EXPECT_EQ(ports.take_tired(), std::nullopt) << "what is lent is not lent twice";
  ports.give_back_unused(20000);
  ports.give_back_unused(20004);
  EXPECT_EQ(ports.free(169_t), 0u);
  EXPECT_EQ(ports.take(170_t), 20004) << "as if it had not been taken";
  EXPECT_EQ(ports.take(179_t), std::nullopt);
  EXPECT_EQ(ports.take(180_t), 20000);
}

TEST(PortAllocator, AnotherProcessLetsThemRestForWhatIsLeft) {
  std::vector<PortMark> marks(5);
  PortAllocator ports(20000, marks, kRest);
  EXPECT_EQ(ports.take(20008, 200_t), Taken::yes) << "its call goes on";
  const std::vector<LeftPort> before{{{}, 20000, 190_t, false}, {{}, 20002, 150_t, false},
                                     {{}, 20006, 195_t, true},  {{}, 20008, 195_t, true},
                                     {{}, 20010, 190_t, false}, {{}, 20001, 190_t, false}};
  ports.rest_again(before);
  EXPECT_EQ(ports.lent(), 1u);
  EXPECT_EQ(ports.resting(200_t), 3u);
  EXPECT_EQ(marks[0].ended_ns(), 190_t) << "for the process after this one";
  EXPECT_EQ(ports.take(200_t), 20004) << "the only one that had no call";
  EXPECT_EQ(ports.take(209_t), std::nullopt);
  EXPECT_EQ(ports.take(210_t), 20002);
  EXPECT_EQ(ports.take(249_t), std::nullopt);
  EXPECT_EQ(ports.take(250_t), 20000);
  EXPECT_EQ(ports.take(254_t), std::nullopt);
  EXPECT_EQ(ports.take(255_t), 20006);
}

TEST(PortAllocator, WhatACallWasLeftWithIsItsOwnAtOnce) {
  std::vector<PortMark> marks(3);
  PortAllocator ports(20000, marks, kRest);
  const std::vector<LeftPort> before{{{}, 20000, 190_t, false}, {{}, 20002, 195_t, true}};
  ports.rest_again(before);
  EXPECT_EQ(ports.take(20002, 200_t), Taken::resting) << "for everybody else";
  EXPECT_EQ(ports.take(20000, 200_t, true), Taken::resting) << "its call was over";
  EXPECT_EQ(ports.take(20002, 200_t, true), Taken::yes);
  ports.give_back_unused(20002);
  EXPECT_TRUE(ports.can_take(20002, 200_t, true)) << "still";
  EXPECT_EQ(ports.take(20002, 200_t, true), Taken::yes);
  ports.give_back(20002, 210_t);
  EXPECT_EQ(ports.take(20002, 220_t, true), Taken::resting) << "now the call is over";
}

// Each is found where it is, whatever went and came before.
TEST(PortAllocator, ParticularPortsInAnyOrder) {
  constexpr uint16_t kPairs = 101;
  std::vector<PortMark> marks(kPairs);
  PortAllocator ports(20000, marks, kRest);
  const auto port = [](uint32_t i) { return static_cast<uint16_t>(20000 + 2 * (37 * i % kPairs)); };
  for (uint32_t i = 0; i < kPairs; ++i) {
    ASSERT_EQ(ports.take(port(i), 1_t), Taken::yes) << i;
    ASSERT_EQ(ports.take(port(i), 1_t), Taken::lent) << i;
    if (i % 3 == 0) ports.give_back_unused(port(i));
    if (i % 3 == 1) ports.give_back(port(i), 10_t + i / 10 * 1_t);
  }
  EXPECT_EQ(ports.lent(), kPairs / 3);
  const uint64_t later = 10_t + kPairs * 1_t + kRest;
  for (uint32_t i = 0; i < kPairs; ++i)
    ASSERT_EQ(ports.take(port(i), later), i % 3 == 2 ? Taken::lent : Taken::yes) << i;
  EXPECT_EQ(ports.lent(), kPairs);
}

TEST(PortAllocator, AParticularPortOnlyOnce) {
  std::vector<PortMark> marks(3);
  PortAllocator ports(20000, marks, 0);
  EXPECT_EQ(ports.take(20002, 0), Taken::yes);
  EXPECT_EQ(ports.take(20002, 0), Taken::lent);
  EXPECT_EQ(ports.take(20003, 0), Taken::not_ours) << "odd";
  EXPECT_EQ(ports.take(20006, 0), Taken::not_ours) << "behind the slice";
  EXPECT_EQ(ports.take(19998, 0), Taken::not_ours) << "before it";
  EXPECT_EQ(ports.take(0), 20000);
  EXPECT_EQ(ports.take(0), 20004);
  EXPECT_EQ(ports.take(0), std::nullopt);
  ports.give_back(20002, 1_t);
  EXPECT_EQ(ports.take(1_t), 20002);
}

TEST(PortAllocator, TheLastPairOfAll) {
  std::vector<PortMark> marks(1);
  PortAllocator ports(65534, marks, kRest);
  EXPECT_TRUE(ports.owns(65535));
  EXPECT_EQ(ports.take(0), 65534);
}

}  // namespace
}  // namespace holdfast::dataplane
