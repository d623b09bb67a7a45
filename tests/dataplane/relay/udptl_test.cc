// SPDX-License-Identifier: Apache-2.0
// Legs of fax: UDPTL goes through marked and counted, nothing else does, from its source alone.
#include <gtest/gtest.h>

#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

using test::Bytes;
using test::UdpFrame;
using test_rig::Rig;

constexpr LegIndex kLan = 1;
constexpr LegIndex kWan = 2;

// A UDPTL packet with that number and `size` octets of IFP.
Bytes udptl(uint16_t sequence, uint8_t size = 20) {
  Bytes bytes = {static_cast<uint8_t>(sequence >> 8), static_cast<uint8_t>(sequence), size};
  bytes.insert(bytes.end(), size, 0x06);
  bytes.insert(bytes.end(), {0x00, 0x00});  // no redundancy
  return bytes;
}

UdpFrame from_phone(Bytes payload, uint16_t port = 20000) {
  return {.source = *SocketAddress::parse("198.18.1.10:4020"),
          .destination = {*IpAddress::parse("198.18.1.2"), port},
          .payload = std::move(payload)};
}

void start_fax(Rig& rig) {
  LegSetup lan = rig.setup(0, 20000, nullptr), wan = rig.setup(1, 20100, "198.18.3.10:30000");
  for (LegSetup* leg : {&lan, &wan}) {
    leg->payload = PayloadKind::udptl;
    leg->media_class = MediaClass::fax;
  }
  rig.add_call(kLan, kWan, lan, wan);
}

TEST(Udptl, PassesByteForByteMarkedAndCounted) {
  Rig rig;
  start_fax(rig);
  rig.board().ports()[1].marks[static_cast<size_t>(MediaClass::fax)].media = Mark::of(30, 6);
  CoreRequest again;
  again.kind = CoreRequest::Kind::update;
  again.leg = kWan;
  again.setup = rig.snapshot(kWan).leg.setup;
  rig.request(again, kWan);
  uint64_t octets = 0;
  // Of the first octets, all kinds that RFC 7983 tells apart.
  for (const uint16_t sequence :
       std::initializer_list<uint16_t>{0, 0x0101, 0x1400, 0x4000, 0x80c8}) {
    UdpFrame frame = from_phone(udptl(sequence));
    frame.traffic_class = 2;  // ECT(0)
    octets += frame.payload.size();
    rig.arrive(0, test::build(frame));
    rig.run();
    const auto out = rig.departed(1);
    ASSERT_EQ(out.size(), 1u) << sequence;
    EXPECT_EQ(out[0][15], 30 << 2 | 2);
    EXPECT_TRUE(test::checksums_hold(out[0]));
    EXPECT_EQ(Bytes(out[0].begin() + 42, out[0].end()), udptl(sequence));
  }
  const LegSnapshot lan = rig.snapshot(kLan);
  EXPECT_EQ(lan.leg.counters.rx_packets, 5u);
  EXPECT_EQ(lan.leg.counters.rx_octets, octets);
  EXPECT_EQ(lan.stream_count, 0u);
  const LegCounters& wan = rig.snapshot(kWan).leg.counters;
  EXPECT_EQ(wan.tx_packets, 5u);
  EXPECT_EQ(wan.tx_octets, octets);
  EXPECT_TRUE(rig.drops(0).empty());
  rig.expect_balanced();
}

TEST(Udptl, NothingElseIsTakenAndNothingElseTakesTheSource) {
  Rig rig;
  start_fax(rig);
  const Bytes strays[] = {{}, {0, 1}, test::rtp(1), test::rtcp_rr(), udptl(3, 0), Bytes(30, 0xff)};
  for (const Bytes& stray : strays) {
    UdpFrame frame = from_phone(stray);
    frame.source = *SocketAddress::parse("198.18.1.66:4020");
    rig.arrive(0, test::build(frame));
  }
  rig.arrive(0, test::build(from_phone(udptl(1), 20001)));  // there is no RTCP of fax
  rig.run();
  EXPECT_EQ(rig.drops(0), (std::map<std::string, uint64_t>{{"unknown_payload", 7}}));
  EXPECT_TRUE(rig.departed(1).empty());

  rig.arrive(0, test::build(from_phone(udptl(1))));
  UdpFrame stranger = from_phone(udptl(2));
  stranger.source.port = 4021;
  rig.arrive(0, test::build(stranger));
  rig.run();
  EXPECT_EQ(rig.departed(1).size(), 1u);
  EXPECT_EQ(rig.drops(0),
            (std::map<std::string, uint64_t>{{"unknown_payload", 7}, {"wrong_source", 1}}));
  EXPECT_EQ(rig.snapshot(kLan).leg.paths[0].source.to_string(), "198.18.1.10:4020");
  rig.expect_balanced();
}

TEST(Udptl, ALegOfSoundTakesNone) {
  Rig rig;
  rig.add_call(kLan, kWan, rig.setup(0, 20000, nullptr), rig.setup(1, 20100, "198.18.3.10:30000"));
  rig.arrive(0, test::build(from_phone(udptl(0x4800))));
  rig.run();
  EXPECT_TRUE(rig.departed(1).empty());
  EXPECT_EQ(rig.snapshot(kLan).leg.counters.rx_packets, 0u);
}

}  // namespace
}  // namespace holdfast::dataplane
