// SPDX-License-Identifier: Apache-2.0
// Media ports: lent in order, rested before they are lent again, never twice at once.
#include "dataplane/calls/port_allocator.hh"

#include <gtest/gtest.h>

namespace holdfast::dataplane {
namespace {

using Taken = PortAllocator::Taken;

constexpr uint64_t kRest = 60;

TEST(PortAllocator, LendsEvenPortsUntilTheSliceIsEmpty) {
  PortAllocator ports(20000, 3, kRest);
  EXPECT_EQ(ports.take(0), 20000);
  EXPECT_EQ(ports.take(0), 20002);
  EXPECT_EQ(ports.take(0), 20004);
  EXPECT_EQ(ports.take(0), std::nullopt);
  EXPECT_EQ(ports.lent(), 3u);
}

TEST(PortAllocator, APortRestsAsLongAsTheOthersLast) {
  PortAllocator ports(20000, 3, 0);
  ports.give_back(*ports.take(0), 0);
  EXPECT_EQ(ports.take(0), 20002);
  EXPECT_EQ(ports.take(0), 20004);
  EXPECT_EQ(ports.take(0), 20000);
}

TEST(PortAllocator, NoPortIsLentBeforeItsTimeHoweverFewThereAre) {
  PortAllocator ports(20000, 2, kRest);
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
  PortAllocator ports(20000, 2, kRest);
  EXPECT_EQ(ports.take(0), 20000);
  ports.give_back_unused(20000);
  EXPECT_EQ(ports.lent(), 0u);
  EXPECT_EQ(ports.take(0), 20000);
}

TEST(PortAllocator, AParticularPortOnlyOnce) {
  PortAllocator ports(20000, 3, 0);
  EXPECT_EQ(ports.take(20002, 0), Taken::yes);
  EXPECT_EQ(ports.take(20002, 0), Taken::lent);
  EXPECT_EQ(ports.take(20003, 0), Taken::not_ours) << "odd";
  EXPECT_EQ(ports.take(20006, 0), Taken::not_ours) << "behind the slice";
  EXPECT_EQ(ports.take(19998, 0), Taken::not_ours) << "before it";
  EXPECT_EQ(ports.take(0), 20000);
  EXPECT_EQ(ports.take(0), 20004);
  EXPECT_EQ(ports.take(0), std::nullopt);
  ports.give_back(20002, 0);
  EXPECT_EQ(ports.take(0), 20002);
}

TEST(PortAllocator, TheLastPairOfAll) {
  PortAllocator ports(65534, 1, kRest);
  EXPECT_TRUE(ports.owns(65535));
  EXPECT_EQ(ports.take(0), 65534);
}

}  // namespace
}  // namespace holdfast::dataplane
