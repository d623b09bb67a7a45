// SPDX-License-Identifier: Apache-2.0
// The order of SRV records, and servers joined with their addresses.
#include "control/names/server_list.hh"

#include <gtest/gtest.h>

#include <random>

namespace holdfast::names {
namespace {

std::vector<std::string> targets(const std::vector<SrvRecord>& records) {
  std::vector<std::string> names;
  for (const auto& r : records) names.push_back(r.target);
  return names;
}

TEST(OrderSrv, PriorityComesFirst) {
  const auto order =
      order_srv({{20, 0, 5060, "c"}, {10, 5, 5060, "a"}, {15, 0, 5060, "b"}}, std::mt19937(1));
  EXPECT_EQ(targets(order), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(OrderSrv, ASwitchoverPairComesEitherWayAlikeOften) {
  const Random random = std::mt19937(7);
  int first = 0;
  for (int i = 0; i < 2000; ++i)
    first += order_srv({{0, 0, 8060, "a"}, {0, 0, 8060, "b"}}, random)[0].target == "a";
  EXPECT_GT(first, 900);
  EXPECT_LT(first, 1100);
}

TEST(OrderSrv, WeightIsTheChanceToComeFirst) {
  const Random random = std::mt19937(7);
  int heavy = 0, none = 0;
  for (int i = 0; i < 4000; ++i) {
    const auto order =
        order_srv({{0, 0, 1, "none"}, {0, 25, 1, "light"}, {0, 75, 1, "heavy"}}, random);
    ASSERT_EQ(order.size(), 3U);
    heavy += order[0].target == "heavy";
    none += order[0].target == "none";
  }
  EXPECT_NEAR(heavy, 3000, 150);
  EXPECT_GT(none, 0) << "RFC 2782: a very small chance, but one";
  EXPECT_LT(none, 120);
}

TEST(OrderSrv, NothingAndOneAreThemselves) {
  EXPECT_TRUE(order_srv({}, std::mt19937(1)).empty());
  EXPECT_EQ(order_srv({{1, 65535, 1, "a"}}, std::mt19937(1))[0].target, "a");
}

const auto v4 = *IpAddress::parse("198.18.3.10"), v6 = *IpAddress::parse("2001:db8:3::10");

TEST(UpstreamsOf, EachServerWithEachAddressIpv6First) {
  const auto list = upstreams_of({{"a", 5060, 0}, {"b", 8060, 1}, {"gone", 5060, 2}},
                                 {{"a", {v4, v6}}, {"b", {v4}}}, sip::Transport::tcp,
                                 config::AddressFamilies::kBoth);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0].address.to_string(), "[2001:db8:3::10]:5060");
  EXPECT_EQ(list[1].address.to_string(), "198.18.3.10:5060");
  EXPECT_EQ(list[2].address.to_string(), "198.18.3.10:8060");
  EXPECT_EQ(list[2].priority, 1);
  EXPECT_EQ(list[2].host, "b");
  EXPECT_EQ(list[0].transport, sip::Transport::tcp);
}

TEST(UpstreamsOf, FamiliesLiteralsAndDoubles) {
  const auto only4 = upstreams_of({{"a", 5060, 0}, {"2001:db8:3::11", 5060, 0}}, {{"a", {v4, v6}}},
                                  sip::Transport::udp, config::AddressFamilies::kIpv4);
  ASSERT_EQ(only4.size(), 1U);
  EXPECT_TRUE(only4[0].address.ip.is_v4());
  const auto twice = upstreams_of({{"a", 5060, 0}, {"198.18.3.10", 5060, 0}}, {{"a", {v4}}},
                                  sip::Transport::udp, config::AddressFamilies::kBoth);
  EXPECT_EQ(twice.size(), 1U);
  std::vector<NamedServer> many;
  for (uint16_t port = 1; port <= 20; ++port) many.push_back({"198.18.3.10", port, 0});
  EXPECT_EQ(upstreams_of(many, {}, sip::Transport::udp, config::AddressFamilies::kBoth).size(),
            sip::kMaxUpstreams);
}

TEST(SrvQuestion, PutsTheServiceInFrontUnlessItIsThere) {
  EXPECT_EQ(srv_question("centre.example", sip::Transport::udp), "_sip._udp.centre.example");
  EXPECT_EQ(srv_question("centre.example", sip::Transport::tcp), "_sip._tcp.centre.example");
  EXPECT_EQ(srv_question("centre.example", sip::Transport::tls), "_sips._tcp.centre.example");
  EXPECT_EQ(srv_question("_sip._udp.c", sip::Transport::tcp), "_sip._udp.c");
}

TEST(SmallestTtl, AnyBytesAreBorne) {
  EXPECT_EQ(smallest_ttl({}), 0U);
  // One question (a single root name), two answers with TTL 300 and 60.
  std::vector<uint8_t> message = {0, 1, 0x81, 0x80, 0, 1, 0, 2, 0,  0,  0, 0,  // head
                                  0, 0, 1,    0,    1,                         // . A IN
                                  0, 0, 1,    0,    1, 0, 0, 1, 44, 0,  2, 9,
                                  9, 0, 0,    1,    0, 1, 0, 0, 0,  60, 0, 0};
  EXPECT_EQ(smallest_ttl(message), 60U);
  for (size_t size = 0; size < message.size(); ++size)
    EXPECT_LE(smallest_ttl(std::span(message).first(size)), 300U);
  message[12] = 0xc0;  // a pointer to nowhere near
  (void)smallest_ttl(message);
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> noise(random() % 64);
    for (auto& byte : noise) byte = static_cast<uint8_t>(random());
    (void)smallest_ttl(noise);
  }
}

}  // namespace
}  // namespace holdfast::names
