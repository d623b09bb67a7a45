// SPDX-License-Identifier: Apache-2.0
// Ranges of ports as masks. What a card makes of the rules cannot be tried without one.
#include "dataplane/ports/flow_steer.hh"

#include <gtest/gtest.h>

namespace holdfast::dataplane {
namespace {

TEST(CoverPorts, EachPortOfTheRangeByOneMaskAndNoOther) {
  const std::pair<uint16_t, uint16_t> rows[] = {{20000, 29999}, {20000, 24999}, {25000, 29999},
                                                {20000, 52767}, {2, 65535},     {1024, 2047},
                                                {65534, 65535}, {20000, 20001}, {32767, 32768}};
  for (const auto& [first, last] : rows) {
    const auto masks = cover_ports(first, last);
    EXPECT_LE(masks.size(), 30u);
    for (uint32_t port = 0; port <= 65535; ++port) {
      size_t hits = 0;
      for (const PortMask& each : masks) hits += (port & each.mask) == each.port;
      ASSERT_EQ(hits, port >= first && port <= last ? 1u : 0u) << port;
    }
  }
}

TEST(CoverPorts, AWholeBlockIsOneMask) {
  EXPECT_EQ(cover_ports(1024, 2047), (std::vector<PortMask>{{1024, 0xfc00}}));
  EXPECT_EQ(cover_ports(0, 65535), (std::vector<PortMask>{{0, 0}}));
}

TEST(SteerFlows, APortWithoutRulesSaysSo) {
  PortFilter filter;
  filter.addresses = {{*IpAddress::parse("198.18.1.2"), 0}};
  const QueueSlice slices[] = {{20000, 20099, 0}, {20100, 20199, 1}};
  EXPECT_NE(steer_flows(RTE_MAX_ETHPORTS - 1, filter, slices), "") << "there is no such device";
}

}  // namespace
}  // namespace holdfast::dataplane
