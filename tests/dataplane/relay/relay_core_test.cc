// SPDX-License-Identifier: Apache-2.0
// The packet loop on ring ports: who is relayed, how, and the name of every refusal.
#include "dataplane/relay/relay_core.hh"

#include <gtest/gtest.h>

#include <functional>

#include "tests/dataplane/relay/plain_call.hh"

namespace holdfast::dataplane {
namespace {

using test::Bytes;
using test::UdpFrame;
using test_rig::add_plain_call;
using test_rig::from_hq;
using test_rig::from_phone;
using test_rig::kLan;
using test_rig::kWan;
using test_rig::Rig;

TEST(RelayCore, RelaysBothWaysWithOurAddressesMarkingAndTheSendersEcn) {
  Rig rig;
  add_plain_call(rig);
  UdpFrame in = from_phone(test::rtp(7));
  in.traffic_class = 0x01;  // no DSCP, ECN 01
  rig.arrive(0, test::build(in));
  rig.run();
  const auto out = rig.departed(1);
  ASSERT_EQ(out.size(), 1u);
  UdpFrame want{.to = *MacAddress::parse("02:00:00:00:00:a1"),
                .from = *MacAddress::parse("02:00:00:00:00:02"),
                .source = *SocketAddress::parse("198.18.2.2:20100"),
                .destination = *SocketAddress::parse("198.18.3.10:30000"),
                .traffic_class = 46 << 2 | 1,
                .payload = test::rtp(7)};
  Bytes hand = test::build(want);
  for (const size_t i : {18u, 19u, 20u, 21u, 22u, 24u, 25u})
    hand[i] = out[0][i];  // identification, flags, TTL, sum
  EXPECT_EQ(out[0], hand);
  EXPECT_TRUE(test::checksums_hold(out[0]));

  rig.arrive(1, test::build(from_hq(test::rtp(9))));
  rig.arrive(1, test::build(from_hq(test::rtcp_rr(), 20101)));
  rig.run();
  const auto back = rig.departed(0);
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0][37], 4000 & 0xff);
  EXPECT_EQ(back[1][37], 4001 & 0xff) << "RTCP goes to the RTCP port";
  rig.expect_balanced();
}

TEST(RelayCore, DscpZeroLeavesPacketsUnmarked) {
  Rig rig;
  LegSetup wan = rig.setup(1, 20100, "198.18.3.10:30000");
  wan.dscp = 0;
  rig.add_call(kLan, kWan, rig.setup(0, 20000, "198.18.1.10:4000"), wan);
  rig.arrive(0, test::build(from_phone(test::rtp(7))));
  rig.run();
  EXPECT_EQ(rig.departed(1).at(0)[15], 0);
}

TEST(RelayCore, JoinsIpv4AndIpv6) {
  Rig rig;
  rig.add_call(kLan, kWan, rig.setup(0, 20000, "198.18.1.10:4000"),
               rig.setup(1, 20100, "[2001:db8:3::10]:30000", true));
  UdpFrame in = from_phone(test::rtp(7));
  for (const bool checksum : {true, false}) {
    in.udp_checksum = checksum;
    rig.arrive(0, test::build(in));
    rig.run();
    const auto out = rig.departed(1);
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0][12], 0x86);
    EXPECT_TRUE(test::checksums_hold(out[0])) << "a sum must be made where IPv4 had none";
  }
  UdpFrame back = from_hq(test::rtp(8));
  back.source = *SocketAddress::parse("[2001:db8:3::10]:30000");
  back.destination = *SocketAddress::parse("[2001:db8:2::2]:20100");
  rig.arrive(1, test::build(back));
  rig.run();
  const auto out = rig.departed(0);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0][12], 0x08);
  EXPECT_TRUE(test::checksums_hold(out[0]));
}

TEST(RelayCore, TagsOnTaggedPorts) {
  Rig rig({.vlan = 100});
  add_plain_call(rig);
  UdpFrame in = from_phone(test::rtp(7));
  in.vlan = 100;
  rig.arrive(0, test::build(in));
  rig.run();
  const auto out = rig.departed(1);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(Bytes(out[0].begin() + 12, out[0].begin() + 18),
            (Bytes{0x81, 0x00, 5 << 5, 100, 0x08, 0x00}));
}

TEST(RelayCore, RemarkingMutesNothing) {
  Rig rig;
  add_plain_call(rig);
  CoreRequest r;
  r.kind = CoreRequest::Kind::update;
  r.leg = kWan;
  r.setup = rig.snapshot(kWan).leg.setup;
  r.setup.dscp = 10;
  rig.request(r, kWan);
  rig.arrive(0, test::build(from_phone(test::rtp(1))));
  rig.run();
  const auto out = rig.departed(1);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0][15], 10 << 2);
}

TEST(RelayCore, RemovingTwiceIsRemovingOnce) {
  Rig rig;
  add_plain_call(rig);
  for (int round = 0; round < 2; ++round) {
    std::array<LegSnapshot, 2> last;
    last[0].index = kLan;
    last[1].index = kWan;
    CoreRequest r;
    r.kind = CoreRequest::Kind::remove;
    r.snapshots = last;
    rig.request(r, kLan);
    EXPECT_EQ(rig.core().legs_in_use(), 0u);
  }
}

TEST(RelayCore, MuxedRtcpGoesToTheRtpPortAndBack_RFC5761) {
  Rig rig;
  LegSetup lan = rig.setup(0, 20000, "198.18.1.10:4000");
  lan.rtcp_mux = true;
  rig.add_call(kLan, kWan, lan, rig.setup(1, 20100, "198.18.3.10:30000"));
  rig.arrive(0, test::build(from_phone(test::rtcp_rr())));
  rig.arrive(1, test::build(from_hq(test::rtcp_rr(), 20101)));
  rig.run();
  EXPECT_EQ(rig.departed(1).at(0)[37], 30001 & 0xff);
  EXPECT_EQ(rig.departed(0).at(0)[37], 4000 & 0xff);
}

struct BadPacket {
  const char* name;
  std::function<UdpFrame()> frame;
  const char* drop;
};

Bytes rtp_with(std::initializer_list<uint8_t> first_bytes, size_t size = 172) {
  Bytes p = test::rtp(1);
  std::copy(first_bytes.begin(), first_bytes.end(), p.begin());
  p.resize(size);
  return p;
}

const BadPacket kBadPackets[] = {
    {"RFC 3550 5.1 version 1", [] { return from_phone(rtp_with({0x40})); }, "turn"},
    {"version 3", [] { return from_phone(rtp_with({0xc0})); }, "unknown_payload"},
    {"11 bytes", [] { return from_phone(rtp_with({0x80}, 11)); }, "rtp_too_short"},
    {"nothing", [] { return from_phone({}); }, "unknown_payload"},
    {"15 CSRCs in 40 bytes", [] { return from_phone(rtp_with({0x8f}, 40)); }, "rtp_csrc_past_end"},
    {"extension past the end",
     [] {
       Bytes p = rtp_with({0x90}, 20);
       p[14] = 0xff;
       return from_phone(p);
     },
     "rtp_extension_past_end"},
    {"padding longer than the packet",
     [] {
       Bytes p = rtp_with({0xa0});
       p.back() = 255;
       return from_phone(p);
     },
     "rtp_bad_padding"},
    {"RTCP length past the end",
     [] {
       return from_phone({0x80, 200, 0, 9, 1, 2, 3, 4}, 20001);
     },
     "rtcp_length_past_end"},
    {"RTP on the RTCP port", [] { return from_phone(test::rtp(1), 20001); }, "rtp_on_rtcp_port"},
    {"RFC 8489 binding request",
     [] {
       return from_phone(rtp_with({0x00, 0x01, 0x00, 0x00}));
     },
     "stun"},
    {"RFC 9147 ClientHello",
     [] {
       return from_phone(rtp_with({22, 0xfe, 0xfd}));
     },
     "dtls"},
    {"ZRTP Hello",
     [] {
       return from_phone(rtp_with({0x10, 0x00}));
     },
     "zrtp"},
    {"no leg", [] { return from_phone(test::rtp(1), 20050); }, "no_leg"},
};

TEST(RelayCore, DropsBadPacketsByName) {
  for (const BadPacket& bad : kBadPackets) {
    Rig rig;
    add_plain_call(rig);
    rig.arrive(0, test::build(bad.frame()));
    rig.run();
    EXPECT_EQ(rig.drops(0), (std::map<std::string, uint64_t>{{bad.drop, 1}})) << bad.name;
    EXPECT_TRUE(rig.departed(1).empty()) << bad.name;
    EXPECT_EQ(rig.snapshot(kLan).leg.counters.rx_packets, 0u) << bad.name;
    rig.expect_balanced();
  }
}

TEST(RelayCore, DropsBadChecksumsAndOversizeByName) {
  Rig rig({.mtu = 600});
  add_plain_call(rig);
  Bytes spoilt = test::build(from_phone(test::rtp(1)));
  spoilt.back() ^= 0x55;
  rig.arrive(0, spoilt);
  rig.arrive(0, test::build(from_phone(test::rtp(2, 0, 0x11223344, 561))));  // 573 + 28 = 601
  rig.arrive(0, test::build(from_phone(test::rtp(3, 0, 0x11223344, 560))));
  rig.run();
  EXPECT_EQ(rig.drops(0),
            (std::map<std::string, uint64_t>{{"udp_bad_checksum", 1}, {"too_big", 1}}));
  EXPECT_EQ(rig.departed(1).size(), 1u);
  const LegSnapshot lan = rig.snapshot(kLan);
  EXPECT_EQ(lan.leg.counters.drops[leg_drop_index(DropReason::udp_bad_checksum)], 1u);
  rig.expect_balanced();
}

TEST(RelayCore, EveryBurstSizeBalances) {
  for (const size_t n : {1u, 31u, 32u, 33u, 67u, 500u}) {
    Rig rig;
    add_plain_call(rig);
    for (size_t i = 0; i < n; ++i) {
      rig.arrive(0, test::build(from_phone(test::rtp(static_cast<uint16_t>(i)))));
      rig.arrive(1, test::build(from_hq(i % 10 == 3 ? Bytes{9, 9, 9}
                                                    : test::rtp(static_cast<uint16_t>(i)))));
    }
    rig.run();
    EXPECT_EQ(rig.departed(1).size(), n);
    rig.expect_balanced();
  }
}

TEST(RelayCore, AFullPortDropsTheNewestByNameAndGoesOn) {
  Rig rig;
  add_plain_call(rig);
  size_t offered = 0;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 32; ++i, ++offered) {
      rig.arrive(0, test::build(from_phone(test::rtp(static_cast<uint16_t>(offered)))));
    }
    rig.run();
  }
  const size_t sent = rig.departed(1).size();
  EXPECT_LT(sent, offered);
  EXPECT_EQ(rig.drops(0)["tx_full"], offered - sent);
  EXPECT_EQ(rig.snapshot(kWan).leg.counters.tx_refused_packets, offered - sent);
  rig.expect_balanced();
  rig.arrive(0, test::build(from_phone(test::rtp(static_cast<uint16_t>(offered)))));
  rig.run();
  EXPECT_EQ(rig.departed(1).size(), 1u);
}

// An lcore that polled for it would poll for ever: a port may have lost its other end.
TEST(RelayCore, WhatAPortRefusesOfTheKernelsIsNothingToStayAwakeFor) {
  Rig rig({.owned = true});
  add_plain_call(rig);
  for (uint16_t seq = 0; rig.wire_room(1) > 0; ++seq) {
    rig.arrive(0, test::build(from_phone(test::rtp(seq))));
    rig.run();
  }
  rte_ring* from_kernel = rig.board().ports()[1].from_kernel.get();
  const Bytes arp(60, 0);
  constexpr unsigned kFrames = kBurst + 10;
  for (unsigned i = 0; i < kFrames; ++i)
    ASSERT_EQ(rte_ring_sp_enqueue(from_kernel, rig.prepare(1, arp).frame), 0);
  EXPECT_TRUE(rig.core().has_messages());
  EXPECT_FALSE(rig.core().has_refused());
  rig.core().poll(1'000'000'000);
  EXPECT_FALSE(rig.core().has_messages());
  EXPECT_TRUE(rig.core().has_refused());

  rig.departed(1);
  rig.run();
  EXPECT_EQ(rig.departed(1).size(), size_t{kFrames});
  EXPECT_FALSE(rig.core().has_messages());
  EXPECT_FALSE(rig.core().has_refused());
}

TEST(RelayCore, RemoveGivesTheLastCountsAndLeavesNoLeg) {
  Rig rig;
  add_plain_call(rig);
  rig.arrive(0, test::build(from_phone(test::rtp(1))));
  rig.run();
  std::array<LegSnapshot, 2> last;
  last[0].index = kLan;
  last[1].index = kWan;
  CoreRequest r;
  r.kind = CoreRequest::Kind::remove;
  r.snapshots = last;
  rig.request(r, kLan);
  EXPECT_EQ(last[0].leg.counters.rx_packets, 1u);
  EXPECT_EQ(last[1].leg.counters.tx_packets, 1u);
  EXPECT_EQ(rig.core().legs_in_use(), 0u);
  rig.arrive(0, test::build(from_phone(test::rtp(2))));
  rig.arrive(0, test::build(from_phone(test::rtp(2), 20060)));
  rig.run();
  EXPECT_EQ(rig.drops(0), (std::map<std::string, uint64_t>{{"call_ended", 1}, {"no_leg", 1}}));
}

TEST(RelayCore, TheRestIsTheKernelsOnAnOwnedPortOnly) {
  Bytes arp(60, 0);
  std::fill(arp.begin(), arp.begin() + 6, uint8_t{0xff});
  arp[12] = 8;
  arp[13] = 6;
  Rig owned({.owned = true});
  for (int i = 0; i < 100; ++i) owned.arrive(0, arp);
  owned.run();
  EXPECT_EQ(rte_ring_count(owned.board().ports()[0].to_kernel.get()), 63u);
  EXPECT_EQ(owned.drops(0)["to_kernel_full"], 37u);
  owned.expect_balanced();

  Rig shared;
  shared.arrive(0, arp);
  shared.run();
  EXPECT_EQ(shared.drops(0)["not_media"], 1u);
}

TEST(RelayCore, TwoLcoresHandOverByPort) {
  Rig rig({.cores = 2, .max_legs = 64});
  // Ports 20100 and up belong to core 1; the call's legs are both there, whichever port a frame
  // came by.
  const LegIndex lan = 33;
  const LegIndex wan = 34;
  rig.add_call(lan, wan, rig.setup(0, 20150, "198.18.1.10:4000"),
               rig.setup(1, 20160, "198.18.3.10:30000"));
  for (uint16_t i = 0; i < 100; ++i) {
    rig.arrive(0, test::build(from_phone(test::rtp(i), 20150)));
    rig.arrive(1, test::build(from_hq(test::rtp(i), 20160)));
  }
  rig.run();
  const auto to_hq = rig.departed(1);
  ASSERT_EQ(to_hq.size(), 100u);
  for (uint16_t i = 0; i < 100; ++i) EXPECT_EQ(to_hq[i][45], i) << "order within a stream";
  EXPECT_EQ(rig.departed(0).size(), 100u);
  rig.expect_balanced();
}

}  // namespace
}  // namespace holdfast::dataplane
