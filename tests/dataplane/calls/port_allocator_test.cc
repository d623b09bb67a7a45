// SPDX-License-Identifier: Apache-2.0
// Media ports: lent in order, rested before they are lent again, never twice at once.
#include "dataplane/calls/port_allocator.hh"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::dataplane {
namespace {

using Taken = PortAllocator::Taken;

constexpr uint64_t kRest = 60;

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
  ports.give_back(*ports.take(1), 1);
  EXPECT_EQ(ports.take(1), 20002);
  EXPECT_EQ(ports.take(1), 20004);
  EXPECT_EQ(ports.take(1), 20000);
}

TEST(PortAllocator, NoPortIsLentBeforeItsTimeHoweverFewThereAre) {
  std::vector<PortMark> marks(2);
  PortAllocator ports(20000, marks, kRest);
  EXPECT_EQ(ports.take(100), 20000);
  EXPECT_EQ(ports.take(100), 20002);
  ports.give_back(20002, 100);
  ports.give_back(20000, 130);
  EXPECT_EQ(ports.resting(159), 2u);
  EXPECT_EQ(ports.take(159), std::nullopt);
  EXPECT_EQ(ports.take(20002, 159), Taken::resting);
  EXPECT_FALSE(ports.can_take(20002, 159));
  EXPECT_EQ(ports.free(160), 1u);
  EXPECT_EQ(ports.take(160), 20002);
  EXPECT_EQ(ports.take(189), std::nullopt);
  EXPECT_EQ(ports.take(20000, 190), Taken::yes);
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
  for (uint64_t now = 1; now <= 3; ++now) (void)ports.take(now);
  ports.give_back(20004, 110);
  ports.give_back(20000, 120);
  EXPECT_EQ(ports.ended_ns(0), 110u);
  EXPECT_EQ(ports.ended_ns(1), 120u);
  EXPECT_EQ(ports.ended_ns(2), std::nullopt);
  EXPECT_EQ(ports.take(130), std::nullopt);
  EXPECT_EQ(ports.take_tired(), 20004);
  EXPECT_EQ(ports.take_tired(), 20000);
  EXPECT_EQ(ports.take_tired(), std::nullopt) << "what is lent is not lent twice";
  ports.give_back_unused(20000);
  ports.give_back_unused(20004);
  EXPECT_EQ(ports.free(169), 0u);
  EXPECT_EQ(ports.take(170), 20004) << "as if it had not been taken";
  EXPECT_EQ(ports.take(179), std::nullopt);
  EXPECT_EQ(ports.take(180), 20000);
}

TEST(PortAllocator, AnotherProcessLetsThemRestForWhatIsLeft) {
  std::vector<PortMark> marks(5);
  PortAllocator ports(20000, marks, kRest);
  EXPECT_EQ(ports.take(20008, 200), Taken::yes) << "its call goes on";
  const std::vector<LeftPort> before{{{}, 20000, 190, false}, {{}, 20002, 150, false},
                                     {{}, 20006, 195, true},  {{}, 20008, 195, true},
                                     {{}, 20010, 190, false}, {{}, 20001, 190, false}};
  ports.rest_again(before);
  EXPECT_EQ(ports.lent(), 1u);
  EXPECT_EQ(ports.resting(200), 3u);
  EXPECT_EQ(marks[0].ended_ns, 190u) << "for the process after this one";
  EXPECT_EQ(ports.take(200), 20004) << "the only one that had no call";
  EXPECT_EQ(ports.take(209), std::nullopt);
  EXPECT_EQ(ports.take(210), 20002);
  EXPECT_EQ(ports.take(249), std::nullopt);
  EXPECT_EQ(ports.take(250), 20000);
  EXPECT_EQ(ports.take(254), std::nullopt);
  EXPECT_EQ(ports.take(255), 20006);
}

TEST(PortAllocator, WhatACallWasLeftWithIsItsOwnAtOnce) {
  std::vector<PortMark> marks(3);
  PortAllocator ports(20000, marks, kRest);
  const std::vector<LeftPort> before{{{}, 20000, 190, false}, {{}, 20002, 195, true}};
  ports.rest_again(before);
  EXPECT_EQ(ports.take(20002, 200), Taken::resting) << "for everybody else";
  EXPECT_EQ(ports.take(20000, 200, true), Taken::resting) << "its call was over";
  EXPECT_EQ(ports.take(20002, 200, true), Taken::yes);
  ports.give_back_unused(20002);
  EXPECT_TRUE(ports.can_take(20002, 200, true)) << "still";
  EXPECT_EQ(ports.take(20002, 200, true), Taken::yes);
  ports.give_back(20002, 210);
  EXPECT_EQ(ports.take(20002, 220, true), Taken::resting) << "now the call is over";
}

// Each is found where it is, whatever went and came before.
TEST(PortAllocator, ParticularPortsInAnyOrder) {
  constexpr uint16_t kPairs = 101;
  std::vector<PortMark> marks(kPairs);
  PortAllocator ports(20000, marks, kRest);
  const auto port = [](uint32_t i) { return static_cast<uint16_t>(20000 + 2 * (37 * i % kPairs)); };
  for (uint32_t i = 0; i < kPairs; ++i) {
    ASSERT_EQ(ports.take(port(i), 1), Taken::yes) << i;
    ASSERT_EQ(ports.take(port(i), 1), Taken::lent) << i;
    if (i % 3 == 0) ports.give_back_unused(port(i));
    if (i % 3 == 1) ports.give_back(port(i), 10 + i / 10);
  }
  EXPECT_EQ(ports.lent(), kPairs / 3);
  const uint64_t later = 10 + kPairs + kRest;
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
  ports.give_back(20002, 1);
  EXPECT_EQ(ports.take(1), 20002);
}

TEST(PortAllocator, TheLastPairOfAll) {
  std::vector<PortMark> marks(1);
  PortAllocator ports(65534, marks, kRest);
  EXPECT_TRUE(ports.owns(65535));
  EXPECT_EQ(ports.take(0), 65534);
}

}  // namespace
}  // namespace holdfast::dataplane
