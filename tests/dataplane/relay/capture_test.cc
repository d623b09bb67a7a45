// SPDX-License-Identifier: Apache-2.0
// Copies of frames of chosen legs: as they came, as they left, and of nobody else.
#include <gtest/gtest.h>

#include "dataplane/capture/capture_ring.hh"
#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

using test::Bytes;
using test::UdpFrame;
using test_rig::Rig;

constexpr size_t kRingBytes = 64 * 1024;

struct Copy {
  CaptureMark mark;
  Bytes bytes;
};

std::vector<Copy> drain(CaptureRing& ring) {
  std::vector<Copy> all;
  Copy one;
  while (ring.pop(one.mark, one.bytes)) all.push_back(one);
  return all;
}

void capture(Rig& rig, CaptureRing* ring, const std::vector<LegIndex>& legs) {
  CoreRequest r;
  r.kind = CoreRequest::Kind::capture;
  r.captured_legs = legs;
  r.capture = ring;
  rig.request(r, legs[0]);
}

Bytes from_phone(uint16_t seq, uint16_t to_port, const char* from = "198.18.1.10:4000") {
  return test::build(UdpFrame{.to = *MacAddress::parse("02:00:00:00:00:01"),
                              .source = *SocketAddress::parse(from),
                              .destination = {*IpAddress::parse("198.18.1.2"), to_port},
                              .payload = test::rtp(seq)});
}

// Calls 1-2 (lan 20000, wan 20002) and 3-4 (lan 20010, wan 20012).
void add_calls(Rig& rig) {
  rig.add_call(1, 2, rig.setup(0, 20000, "198.18.1.10:4000"),
               rig.setup(1, 20002, "198.18.3.10:30000"));
  rig.add_call(3, 4, rig.setup(0, 20010, "198.18.1.11:4000"),
               rig.setup(1, 20012, "198.18.3.11:30000"));
}

TEST(Capture, BothLegsOfACallAndNotTheOtherCall) {
  Rig rig;
  add_calls(rig);
  CaptureRing ring(kRingBytes, 1600);
  capture(rig, &ring, {1, 2});
  rig.arrive(0, from_phone(1, 20000));
  rig.arrive(0, from_phone(1, 20010, "198.18.1.11:4000"));
  rig.run();
  const auto left = rig.departed(1);
  ASSERT_EQ(left.size(), 2u);
  const auto copies = drain(ring);
  ASSERT_EQ(copies.size(), 2u);
  EXPECT_TRUE(copies[0].mark.leg == 1 && !copies[0].mark.out);
  EXPECT_EQ(copies[0].bytes, from_phone(1, 20000)) << "as it came, before any change";
  EXPECT_TRUE(copies[1].mark.leg == 2 && copies[1].mark.out);
  EXPECT_EQ(copies[1].bytes, left[0]) << "as it left";
  EXPECT_LE(copies[0].mark.ticks, copies[1].mark.ticks);
}

TEST(Capture, OneLegHasItsOwnSideOnly) {
  Rig rig;
  add_calls(rig);
  CaptureRing ring(kRingBytes, 1600);
  capture(rig, &ring, {2});
  rig.arrive(0, from_phone(1, 20000));
  rig.run();
  const auto copies = drain(ring);
  ASSERT_EQ(copies.size(), 1u);
  EXPECT_TRUE(copies[0].mark.out);
  EXPECT_EQ(copies[0].bytes, rig.departed(1).at(0));
}

TEST(Capture, WhatIsDroppedForTheLegIsThereAsItCame) {
  Rig rig;
  add_calls(rig);
  CaptureRing ring(kRingBytes, 1600);
  capture(rig, &ring, {1, 2});
  rig.arrive(0, from_phone(1, 20000));
  rig.run();
  drain(ring);
  rig.departed(1);
  const Bytes stranger = from_phone(9, 20000, "198.18.1.66:6666");
  Bytes broken = from_phone(2, 20000);
  broken.back() ^= 0xff;
  rig.arrive(0, stranger);
  rig.arrive(0, broken);
  rig.run();
  EXPECT_EQ(rig.drops(0),
            (std::map<std::string, uint64_t>{{"wrong_source", 1}, {"udp_bad_checksum", 1}}));
  const auto copies = drain(ring);
  ASSERT_EQ(copies.size(), 2u);
  EXPECT_EQ(copies[0].bytes, stranger);
  EXPECT_EQ(copies[1].bytes, broken);
  EXPECT_FALSE(copies[0].mark.out || copies[1].mark.out);
}

TEST(Capture, EndsWhenAskedAndWithTheCall) {
  Rig rig;
  add_calls(rig);
  CaptureRing ring(kRingBytes, 1600);
  capture(rig, &ring, {1, 2});
  capture(rig, nullptr, {1, 2});
  rig.arrive(0, from_phone(1, 20000));
  rig.run();
  EXPECT_TRUE(drain(ring).empty());

  capture(rig, &ring, {1, 2});
  std::array<LegSnapshot, 2> last;
  last[0].index = 1;
  last[1].index = 2;
  CoreRequest remove;
  remove.kind = CoreRequest::Kind::remove;
  remove.snapshots = last;
  rig.request(remove, 1);
  rig.departed(1);
  rig.add_call(1, 2, rig.setup(0, 20000, "198.18.1.10:4000"),
               rig.setup(1, 20002, "198.18.3.10:30000"));
  rig.arrive(0, from_phone(1, 20000));
  rig.run();
  EXPECT_EQ(rig.departed(1).size(), 1u);
  EXPECT_TRUE(drain(ring).empty()) << "the next call of the same legs is another call";
}

TEST(Capture, AJoinedFrameIsTheFrameThatWouldHaveBeen) {
  Rig rig;
  rig.add_call(1, 2, rig.setup(0, 20000, "198.18.1.10:4000"),
               rig.setup(1, 20002, "198.18.2.2:20012"));
  rig.add_call(3, 4, rig.setup(0, 20010, "198.18.1.11:4000"),
               rig.setup(1, 20012, "198.18.2.2:20002"));
  CaptureRing ring(kRingBytes, 1600);
  capture(rig, &ring, {1, 2, 3, 4});
  rig.arrive(0, from_phone(1, 20000));
  rig.run();
  const auto copies = drain(ring);
  ASSERT_EQ(copies.size(), 4u);
  const std::pair<LegIndex, bool> way[] = {{1, false}, {2, true}, {4, false}, {3, true}};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(copies[i].mark.leg, way[i].first) << i;
    EXPECT_EQ(copies[i].mark.out, way[i].second) << i;
  }
  EXPECT_EQ(copies[1].bytes, copies[2].bytes) << "what one leg sends is what the other gets";
  EXPECT_TRUE(test::checksums_hold(copies[1].bytes));
  EXPECT_EQ(copies[3].bytes, rig.departed(0).at(0));
}

TEST(Capture, WhatThePortRefusesIsToldApart) {
  Rig rig;
  add_calls(rig);
  CaptureRing ring(4 * 1024 * 1024, 1600);
  capture(rig, &ring, {1, 2});
  const size_t room = rig.wire_room(1);
  const size_t offered = room + 10;
  for (size_t i = 0; i < offered; ++i) {
    ASSERT_TRUE(rig.arrive(0, from_phone(static_cast<uint16_t>(i), 20000)));
    rig.run();
  }
  EXPECT_EQ(rig.drops(0)["tx_full"], 10u);
  EXPECT_EQ(ring.refused(), 10u);
  EXPECT_EQ(drain(ring).size(), 2 * offered);
}

TEST(Capture, AFullRingCostsTheCallNothing) {
  Rig rig;
  add_calls(rig);
  CaptureRing ring(1024, 1600);
  capture(rig, &ring, {1, 2});
  for (uint16_t i = 0; i < 20; ++i) rig.arrive(0, from_phone(i, 20000));
  rig.run();
  EXPECT_EQ(rig.departed(1).size(), 20u);
  EXPECT_EQ(drain(ring).size() + ring.missed(), 40u);
  EXPECT_GT(ring.missed(), 0u);
  rig.expect_balanced();
}

}  // namespace
}  // namespace holdfast::dataplane
