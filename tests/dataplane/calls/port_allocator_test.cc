// SPDX-License-Identifier: Apache-2.0
// Media ports: lent in order, rested before they are lent again, never twice at once.
#include "dataplane/calls/port_allocator.hh"

#include <gtest/gtest.h>

namespace holdfast::dataplane {
namespace {

TEST(PortAllocator, LendsEvenPortsUntilTheSliceIsEmpty) {
  PortAllocator ports(20000, 3);
  EXPECT_EQ(ports.take(), 20000);
  EXPECT_EQ(ports.take(), 20002);
  EXPECT_EQ(ports.take(), 20004);
  EXPECT_EQ(ports.take(), std::nullopt);
  EXPECT_EQ(ports.lent(), 3u);
}

TEST(PortAllocator, APortRestsAsLongAsTheOthersLast) {
  PortAllocator ports(20000, 3);
  ports.give_back(*ports.take());
  EXPECT_EQ(ports.take(), 20002);
  EXPECT_EQ(ports.take(), 20004);
  EXPECT_EQ(ports.take(), 20000);
}

TEST(PortAllocator, AParticularPortOnlyOnce) {
  PortAllocator ports(20000, 3);
  EXPECT_TRUE(ports.take(20002));
  EXPECT_FALSE(ports.take(20002));
  EXPECT_FALSE(ports.take(20003)) << "odd";
  EXPECT_FALSE(ports.take(20006)) << "behind the slice";
  EXPECT_FALSE(ports.take(19998)) << "before it";
  EXPECT_EQ(ports.take(), 20000);
  EXPECT_EQ(ports.take(), 20004);
  EXPECT_EQ(ports.take(), std::nullopt);
  ports.give_back(20002);
  EXPECT_EQ(ports.take(), 20002);
}

TEST(PortAllocator, TheLastPairOfAll) {
  PortAllocator ports(65534, 1);
  EXPECT_TRUE(ports.owns(65535));
  EXPECT_EQ(ports.take(), 65534);
}

}  // namespace
}  // namespace holdfast::dataplane
