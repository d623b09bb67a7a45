// SPDX-License-Identifier: Apache-2.0
// Who may send to a leg: learned, locked, learned again.
#include <gtest/gtest.h>

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

TEST(Sources, LearnsTheFirstValidSourceThenLocksToIt_RFC4961) {
  Rig rig;
  rig.add_call(kLan, kWan, rig.setup(0, 20000, nullptr), rig.setup(1, 20100, "198.18.3.10:30000"));
  rig.arrive(1, test::build(from_hq(test::rtp(1))));
  rig.run();
  EXPECT_EQ(rig.drops(1)["no_remote"], 1u) << "nowhere to send yet";

  rig.arrive(0, test::build(from_phone({1, 2, 3})));  // not media: teaches nothing
  rig.arrive(0, test::build(from_phone(test::rtp(1))));
  UdpFrame stranger = from_phone(test::rtp(2));
  stranger.source.port = 4002;
  rig.arrive(0, test::build(stranger));
  stranger.source = *SocketAddress::parse("198.18.1.11:4000");
  rig.arrive(0, test::build(stranger));
  rig.run();
  EXPECT_EQ(rig.departed(1).size(), 1u);
  EXPECT_EQ(rig.drops(0)["wrong_source"], 2u);

  // The answer goes where the phone sent from, through the station its frames came from, without
  // asking anybody.
  rig.arrive(1, test::build(from_hq(test::rtp(2))));
  rig.arrive(1, test::build(from_hq(test::rtcp_rr(), 20101)));
  rig.run();
  const auto out = rig.departed(0);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(Bytes(out[0].begin(), out[0].begin() + 6), (Bytes{2, 0, 0, 0, 0, 0x99}));
  EXPECT_EQ(out[1][37], 4001 & 0xff) << "RTCP's port is derived until it is learned";

  PathEvent event;
  ASSERT_TRUE(rig.core().events().pop(event));
  EXPECT_EQ(event.leg, kLan);
  EXPECT_EQ(event.destination.to_string(), "198.18.1.10:4000");
  rig.expect_balanced();
}

TEST(Sources, RelearnsAfterAnUpdate) {
  Rig rig;
  add_plain_call(rig);
  rig.arrive(0, test::build(from_phone(test::rtp(1))));
  rig.run();
  CoreRequest r;
  r.kind = CoreRequest::Kind::update;
  r.leg = kLan;
  r.setup = rig.snapshot(kLan).leg.setup;
  r.relearn = true;
  rig.request(r, kLan);
  UdpFrame moved = from_phone(test::rtp(2));
  moved.source = *SocketAddress::parse("198.18.1.11:5000");
  rig.arrive(0, test::build(moved));
  rig.arrive(0, test::build(from_phone(test::rtp(3))));
  rig.run();
  EXPECT_EQ(rig.departed(1).size(), 2u);
  EXPECT_EQ(rig.drops(0)["wrong_source"], 1u) << "the old source is a stranger now";
  // Told of no other remote, it goes on to where the endpoint was found until it learns again: the
  // address of SDP may be one behind NAT.
  rig.request(r, kLan);
  rig.arrive(1, test::build(from_hq(test::rtp(1))));
  rig.run();
  EXPECT_EQ(rig.departed(0).at(0)[37], 5000 & 0xff);
  // Of another, it goes there at once.
  r.setup.remote[0] = *SocketAddress::parse("198.18.1.12:6002");
  rig.request(r, kLan);
  rig.resolve(kLan);
  rig.arrive(1, test::build(from_hq(test::rtp(2))));
  rig.run();
  EXPECT_EQ(rig.departed(0).at(0)[37], 6002 & 0xff);
}

TEST(Sources, AClearedRemoteGetsNothingUntilASourceIsLearned) {
  Rig rig;
  add_plain_call(rig);
  rig.arrive(0, test::build(from_phone(test::rtp(1))));
  rig.run();
  CoreRequest r;
  r.kind = CoreRequest::Kind::update;
  r.leg = kLan;
  r.setup = rig.snapshot(kLan).leg.setup;
  r.setup.remote = {};
  r.relearn = r.unset = true;
  rig.request(r, kLan);
  rig.arrive(1, test::build(from_hq(test::rtp(1))));
  rig.arrive(1, test::build(from_hq(test::rtcp_rr(), 20101)));
  rig.run();
  EXPECT_EQ(rig.drops(1), (std::map<std::string, uint64_t>{{"no_remote", 2}}));

  UdpFrame moved = from_phone(test::rtp(2));
  moved.source = *SocketAddress::parse("198.18.1.11:5000");
  rig.arrive(0, test::build(moved));
  rig.run();
  rig.arrive(1, test::build(from_hq(test::rtp(2))));
  rig.run();
  EXPECT_EQ(rig.departed(0).at(0)[37], 5000 & 0xff);
  rig.expect_balanced();
}

TEST(Sources, RtcpIsTakenFromTheHostOfRtpOnly) {
  Rig rig;
  add_plain_call(rig);
  rig.arrive(0, test::build(from_phone(test::rtp(1))));
  UdpFrame stranger = from_phone(test::rtcp_rr(), 20001);
  stranger.source = *SocketAddress::parse("198.18.1.66:4001");
  rig.arrive(0, test::build(stranger));
  UdpFrame phone = from_phone(test::rtcp_rr(), 20001);
  phone.source.port = 4011;  // not where it was expected, but from the phone
  rig.arrive(0, test::build(phone));
  rig.run();
  EXPECT_EQ(rig.drops(0), (std::map<std::string, uint64_t>{{"wrong_source", 1}}));
  EXPECT_EQ(rig.departed(1).size(), 2u);
}

TEST(Sources, StrictLegsTakeOnlyTheirRemote) {
  Rig rig;
  LegSetup lan = rig.setup(0, 20000, "198.18.1.77:4000");
  lan.strict_source = true;
  rig.add_call(kLan, kWan, lan, rig.setup(1, 20100, "198.18.3.10:30000"));
  rig.arrive(0, test::build(from_phone(test::rtp(1))));
  rig.run();
  EXPECT_EQ(rig.drops(0)["wrong_source"], 1u);
}

// The slow thread takes none for a while: what its queue does not hold is told when it does.
TEST(Sources, EveryNewDestinationIsToldInTheEnd) {
  Rig rig;
  add_plain_call(rig);
  CoreRequest r;
  r.kind = CoreRequest::Kind::update;
  r.leg = kLan;
  r.setup = rig.snapshot(kLan).leg.setup;
  r.relearn = true;
  UdpFrame moved = from_phone(test::rtp(1));
  for (uint16_t n = 0; n < 3000; ++n) {  // RTP's and RTCP's place are told each time
    rig.request(r, kLan);
    moved.source.port = static_cast<uint16_t>(5000 + 2 * n);
    rig.arrive(0, test::build(moved));
    rig.run();
    for (const Bytes& frame : rig.departed(1)) ASSERT_FALSE(frame.empty());
  }
  PathEvent event;
  size_t told = 0;
  while (rig.core().events().pop(event)) ++told;
  EXPECT_LT(told, 6000u) << "the queue is bounded";
  EXPECT_NE(event.destination, moved.source);
  EXPECT_TRUE(rig.core().has_messages());
  rig.run();
  std::map<PathKind, SocketAddress> newest;
  while (rig.core().events().pop(event)) newest[event.path] = event.destination;
  EXPECT_EQ(newest[PathKind::rtp], moved.source);
  EXPECT_EQ(newest[PathKind::rtcp].port, moved.source.port + 1);
  rig.run();
  EXPECT_FALSE(rig.core().has_messages());
}

}  // namespace
}  // namespace holdfast::dataplane
