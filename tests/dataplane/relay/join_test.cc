// SPDX-License-Identifier: Apache-2.0
// Legs that send to addresses of our own: joined inside, never sent out.
#include <gtest/gtest.h>

#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

using test::Bytes;
using test::UdpFrame;
using test_rig::Rig;
using test_rig::RigOptions;
using Drops = std::map<std::string, uint64_t>;

UdpFrame from_phone(int number, Bytes payload, uint16_t to_port) {
  return {.to = *MacAddress::parse("02:00:00:00:00:01"),
          .source = *SocketAddress::parse("198.18.1." + std::to_string(number) +
                                          (to_port % 2 == 0 ? ":4000" : ":4001")),
          .destination = {*IpAddress::parse("198.18.1.2"), to_port},
          .payload = std::move(payload)};
}

// Two calls, each from a phone to the centre, which has told each one's WAN leg of the other's.
struct TwoCalls {
  LegIndex lan_a = 1, wan_a = 2, lan_b = 3, wan_b = 4;
  uint16_t lan_port_a = 20000, wan_port_a = 20002, lan_port_b = 20010, wan_port_b = 20012;
  std::string wan_address = "198.18.2.2";
  bool wan_is_v6 = false;
  bool learn_b = false;  // call b's WAN leg is told nothing and learns

  std::string wan_end(uint16_t port) const {
    return (wan_is_v6 ? "[2001:db8:2::2]:" : "198.18.2.2:") + std::to_string(port);
  }
  void add(Rig& rig) const {
    const std::string end_a = wan_end(wan_port_a);
    const std::string end_b = wan_end(wan_port_b);
    rig.add_call(lan_a, wan_a, rig.setup(0, lan_port_a, "198.18.1.10:4000"),
                 rig.setup(1, wan_port_a, end_b.c_str(), wan_is_v6));
    rig.add_call(lan_b, wan_b, rig.setup(0, lan_port_b, "198.18.1.11:4000"),
                 rig.setup(1, wan_port_b, learn_b ? nullptr : end_a.c_str(), wan_is_v6));
  }
};

// RTP and RTCP of both phones, `rounds` times.
void talk(Rig& rig, const TwoCalls& calls, uint16_t rounds) {
  for (uint16_t n = 1; n <= rounds; ++n) {
    const auto rtcp = [](uint16_t port) { return static_cast<uint16_t>(port + 1); };
    rig.arrive(0, test::build(from_phone(10, test::rtp(n, n * 160u, 0xa), calls.lan_port_a)));
    rig.arrive(0, test::build(from_phone(11, test::rtp(n, n * 160u, 0xb), calls.lan_port_b)));
    rig.run();
    rig.arrive(0, test::build(from_phone(10, test::rtcp_rr(0xa), rtcp(calls.lan_port_a))));
    rig.arrive(0, test::build(from_phone(11, test::rtcp_rr(0xb), rtcp(calls.lan_port_b))));
    rig.run();
  }
}

void expect_joined(Rig& rig, const TwoCalls& calls, uint16_t rounds) {
  EXPECT_TRUE(rig.departed(1).empty()) << "local audio crossed the WAN";
  const auto out = rig.departed(0);
  ASSERT_EQ(out.size(), 4u * rounds);
  for (const Bytes& frame : out) {
    EXPECT_TRUE(test::checksums_hold(frame));
    const int phone = frame[33];
    const bool rtcp = frame[43] == 201;
    const uint8_t ssrc = rtcp ? frame[49] : frame[53];
    EXPECT_EQ(ssrc, phone == 11 ? 0xa : 0xb) << "each hears the other";
    EXPECT_EQ(frame[37], (4000 + (rtcp ? 1 : 0)) & 0xff);
  }
  EXPECT_EQ(rig.sum(0, &PortCounters::joined), 4u * rounds);
  for (const LegIndex leg : {calls.wan_a, calls.wan_b}) {
    const LegSnapshot seen = rig.snapshot(leg);
    EXPECT_EQ(seen.leg.counters.rx_packets, rounds);
    EXPECT_EQ(seen.leg.counters.tx_packets, rounds);
    EXPECT_EQ(seen.leg.counters.joined_rx_packets, 2u * rounds);
    EXPECT_EQ(seen.leg.counters.joined_tx_packets, 2u * rounds);
    ASSERT_EQ(seen.stream_count, 1u);
    EXPECT_EQ(seen.streams[0].account.report().received, rounds);
    EXPECT_EQ(seen.streams[0].dscp_in, 46);
  }
  EXPECT_TRUE(rig.drops(0).empty() && rig.drops(1).empty());
  rig.expect_balanced();
}

TEST(Join, TwoCallsThroughOurOwnAddressesMeetInside) {
  Rig rig;
  const TwoCalls calls;
  calls.add(rig);
  talk(rig, calls, 5);
  expect_joined(rig, calls, 5);
}

TEST(Join, OverIpv6BetweenIpv4Phones) {
  Rig rig;
  const TwoCalls calls{.wan_is_v6 = true};
  calls.add(rig);
  talk(rig, calls, 5);
  expect_joined(rig, calls, 5);
}

TEST(Join, AcrossLcoresByTheirInboxes) {
  Rig rig({.cores = 2});
  const TwoCalls calls{.lan_b = 33, .wan_b = 34, .lan_port_b = 20110, .wan_port_b = 20112};
  calls.add(rig);
  talk(rig, calls, 5);
  expect_joined(rig, calls, 5);
}

TEST(Join, OnATaggedPort) {
  Rig rig({.vlan = 100});
  const TwoCalls calls;
  calls.add(rig);
  UdpFrame in = from_phone(10, test::rtp(1, 160, 0xa), calls.lan_port_a);
  in.vlan = 100;
  rig.arrive(0, test::build(in));
  rig.run();
  EXPECT_EQ(rig.departed(0).size(), 1u);
  rig.expect_balanced();
}

TEST(Join, ALegWithoutARemoteLearnsTheOtherLeg) {
  Rig rig;
  const TwoCalls calls{.learn_b = true};
  calls.add(rig);
  talk(rig, calls, 5);
  EXPECT_EQ(rig.drops(0), (Drops{{"no_remote", 1}})) << "b spoke before a was learned";
  EXPECT_EQ(rig.departed(0).size(), 19u);
  EXPECT_TRUE(rig.departed(1).empty());
  PathEvent event;
  ASSERT_TRUE(rig.core().events().pop(event));
  EXPECT_EQ(event.destination.to_string(), "198.18.2.2:20002");
}

TEST(Join, AnAddressOfTheOtherInterfaceIsOursToo) {
  Rig rig;
  rig.add_call(1, 2, rig.setup(0, 20000, "198.18.1.10:4000"),
               rig.setup(1, 20002, "198.18.2.2:20012"));
  // The far call's leg is reached at its WAN address and goes out at the WAN.
  rig.add_call(3, 4, rig.setup(1, 20012, "198.18.2.2:20002"),
               rig.setup(1, 20014, "198.18.3.10:30000"));
  rig.arrive(0, test::build(from_phone(10, test::rtp(1), 20000)));
  rig.run();
  EXPECT_EQ(rig.departed(1).size(), 1u);
  EXPECT_EQ(rig.sum(0, &PortCounters::relayed), 1u);
  rig.expect_balanced();
}

// Whoever writes our address into his packets does not reach a joined leg, nor teaches one.
TEST(Join, NoWireHasPacketsOfOurOwnAddress) {
  for (const bool learn : {false, true}) {
    Rig rig;
    const TwoCalls calls{.learn_b = learn};
    calls.add(rig);
    UdpFrame forged{.to = *MacAddress::parse("02:00:00:00:00:02"),
                    .source = *SocketAddress::parse("198.18.2.2:20002"),
                    .destination = *SocketAddress::parse("198.18.2.2:20012"),
                    .payload = test::rtp(9)};
    rig.arrive(1, test::build(forged));
    rig.run();
    EXPECT_EQ(rig.drops(1), (Drops{{"wrong_source", 1}}));
    EXPECT_TRUE(rig.departed(0).empty());
  }
}

TEST(Join, ALateStrangerDoesNotTakeAJoinedLeg) {
  Rig rig;
  const TwoCalls calls;
  calls.add(rig);
  UdpFrame ringback{.to = *MacAddress::parse("02:00:00:00:00:02"),
                    .source = *SocketAddress::parse("198.18.3.10:30000"),
                    .destination = *SocketAddress::parse("198.18.2.2:20002"),
                    .payload = test::rtp(9)};
  rig.arrive(1, test::build(ringback));
  rig.run();
  EXPECT_EQ(rig.drops(1), (Drops{{"wrong_source", 1}}));
  talk(rig, calls, 3);
  EXPECT_EQ(rig.departed(0).size(), 12u);
}

TEST(Join, APortOfOursWithoutALegIsNoLeg) {
  for (const uint32_t cores : {1u, 2u}) {
    Rig rig({.cores = cores});
    rig.add_call(1, 2, rig.setup(0, 20000, "198.18.1.10:4000"),
                 rig.setup(1, 20002, "198.18.2.2:20180"));
    rig.arrive(0, test::build(from_phone(10, test::rtp(1), 20000)));
    rig.run();
    EXPECT_EQ(rig.drops(0), (Drops{{"no_leg", 1}}));
    EXPECT_TRUE(rig.departed(1).empty());
    rig.expect_balanced();
  }
}

// RTCP beside RTP opens a way in to two legs that are each other's RTCP remotes.
TEST(Join, ALoopOfLegsEnds) {
  Rig rig;
  LegSetup lan = rig.setup(0, 20000, "198.18.1.10:4000");
  LegSetup wan = rig.setup(1, 20002, "198.18.3.10:30000");
  lan.rtcp_explicit = wan.rtcp_explicit = true;
  lan.remote[1] = *SocketAddress::parse("198.18.2.2:20003");
  wan.remote[1] = *SocketAddress::parse("198.18.1.2:20001");
  rig.add_call(1, 2, lan, wan);
  rig.arrive(0, test::build(from_phone(10, test::rtcp_rr(), 20000)));
  rig.run();
  EXPECT_EQ(rig.drops(0), (Drops{{"join_loop", 1}}));
  EXPECT_EQ(rig.sum(0, &PortCounters::joined), 1u);
  rig.expect_balanced();
}

TEST(Join, ALegThatMovesAwayLeavesTheJoin) {
  Rig rig;
  const TwoCalls calls;
  calls.add(rig);
  CoreRequest r;
  r.kind = CoreRequest::Kind::update;
  r.leg = calls.wan_a;
  r.setup = rig.snapshot(calls.wan_a).leg.setup;
  r.setup.remote = {*SocketAddress::parse("198.18.3.10:30000"),
                    *SocketAddress::parse("198.18.3.10:30001")};
  r.relearn = true;
  rig.request(r, calls.wan_a);
  rig.arrive(0, test::build(from_phone(10, test::rtp(1), calls.lan_port_a)));
  rig.run();
  EXPECT_EQ(rig.drops(0), (Drops{{"no_next_hop", 1}})) << "the way there is to be asked for";
  rig.resolve(calls.wan_a);
  rig.arrive(0, test::build(from_phone(10, test::rtp(2), calls.lan_port_a)));
  rig.run();
  EXPECT_EQ(rig.departed(1).size(), 1u);
  EXPECT_TRUE(rig.departed(0).empty());
}

TEST(Join, AFullInboxIsInTheBooksOfTheLegThatSent) {
  Rig rig({.cores = 2});
  const TwoCalls calls{.lan_b = 33, .wan_b = 34, .lan_port_b = 20110, .wan_port_b = 20112};
  calls.add(rig);
  constexpr uint32_t kOffered = 4500;  // more than an inbox holds
  for (uint32_t n = 0; n < kOffered; ++n) {
    ASSERT_TRUE(rig.arrive(
        0, test::build(from_phone(10, test::rtp(static_cast<uint16_t>(n), n * 160), 20000))));
    rig.core(0).poll(1'000'000'000 + n);
  }
  uint64_t departed = 0;
  for (bool busy = true; busy;) {
    busy = !rig.core(1).poll(2'000'000'000).idle();
    busy = !rig.core(0).poll(2'000'000'000).idle() || busy;
    departed += rig.departed(0).size();
  }
  const uint64_t dropped = rig.drops(0)["handover_full"];
  EXPECT_GT(dropped, 0u);
  const LegSnapshot wan = rig.snapshot(calls.wan_a);
  EXPECT_EQ(wan.leg.counters.drops[leg_drop_index(DropReason::handover_full)], dropped);
  EXPECT_EQ(wan.leg.counters.tx_refused_packets, dropped);
  EXPECT_EQ(departed + dropped, kOffered);
  rig.expect_balanced();
}

}  // namespace
}  // namespace holdfast::dataplane
