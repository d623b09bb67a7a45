// SPDX-License-Identifier: Apache-2.0
// The streams of a leg: which packets are of which, and what becomes of too many.
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

TEST(Streams, AStreamThatBeganBeforeItsClockRateWasKnownGetsIt) {
  Rig rig;
  add_plain_call(rig);
  Bytes dynamic = test::rtp(1);
  dynamic[1] = 96;
  rig.arrive(0, test::build(from_phone(dynamic)));
  rig.run();
  EXPECT_EQ(rig.snapshot(kLan).streams[0].clock_hz(), 0u);
  CoreRequest r;
  r.kind = CoreRequest::Kind::update;
  r.leg = kLan;
  r.setup = rig.snapshot(kLan).leg.setup;
  r.setup.clock_rates[0] = {96, 48000};
  rig.request(r, kLan);
  EXPECT_EQ(rig.snapshot(kLan).streams[0].clock_hz(), 48000u);
}

TEST(Streams, AccountsPerStream) {
  Rig rig;
  add_plain_call(rig);
  uint32_t timestamp = 0;
  for (uint16_t seq = 65530; seq != 20; ++seq, timestamp += 160) {
    if (seq == 3 || seq == 4) continue;
    rig.arrive(0, test::build(from_phone(test::rtp(seq, timestamp))));
  }
  rig.arrive(0, test::build(from_phone(test::rtp(1, 0, 0xabcdef01))));
  rig.run();
  const LegSnapshot lan = rig.snapshot(kLan);
  ASSERT_EQ(lan.stream_count, 2u);
  EXPECT_EQ(lan.streams[0].account.ssrc(), 0xabcdef01u);
  const media::StreamReport report = lan.streams[1].account.report();
  EXPECT_EQ(report.expected, 26u);
  EXPECT_EQ(report.received, 24u);
  EXPECT_EQ(report.lost, 2u);
  ASSERT_EQ(report.runs_used, 1u);
  EXPECT_EQ(report.runs[0].length, 2u);
}

// A sender that changes its SSRC with every packet costs slots, never memory, and its sums stay
// whole.
TEST(Streams, FoldsStreamsBeyondTheBound) {
  Rig rig({.max_legs = 2});
  add_plain_call(rig);
  for (uint32_t ssrc = 1; ssrc <= 500; ++ssrc)
    rig.arrive(0, test::build(from_phone(test::rtp(9, 0, ssrc))));
  rig.run();
  const LegSnapshot lan = rig.snapshot(kLan);
  EXPECT_LE(lan.stream_count, kMaxStreamsPerLeg);
  EXPECT_EQ(lan.leg.folded.streams + lan.stream_count, 500u);
  EXPECT_EQ(lan.leg.folded.received + lan.stream_count, 500u);
  EXPECT_EQ(rig.departed(1).size(), 500u);
}

// However greedy others are, a leg has a slot of its own; one that gives way is in the sums.
TEST(Streams, EachLegHasASlotWhateverTheOthersTake) {
  constexpr uint32_t kLegs = 16;
  StreamPool pool(stream_slots(kLegs), kLegs);
  std::vector<Leg> legs(kLegs);
  for (uint32_t ssrc = 1; ssrc <= 5; ++ssrc) {
    for (Leg& leg : legs) {
      StreamSlot* slot = pool.find_or_add(leg, ssrc, 0);
      ASSERT_NE(slot, nullptr);
      slot->account.on_packet(1, 160, 1000);
    }
  }
  uint32_t slots = 0;
  for (const Leg& leg : legs) {
    EXPECT_GE(leg.stream_count, 1);
    EXPECT_EQ(leg.folded.streams + leg.stream_count, 5u);
    EXPECT_EQ(leg.folded.received + leg.stream_count, 5u);
    slots += leg.stream_count;
  }
  EXPECT_EQ(slots, stream_slots(kLegs));
  for (Leg& leg : legs) pool.release_all(leg);
  Leg& greedy = legs[3];
  for (uint32_t ssrc = 1; ssrc <= kMaxStreamsPerLeg; ++ssrc) pool.find_or_add(greedy, ssrc, 0);
  EXPECT_EQ(greedy.stream_count, 1 + kLegs / 8);
  LegSnapshot left;
  pool.snapshot(greedy, left);
  pool.restore(legs[4], {left.streams.data(), left.stream_count});
  EXPECT_EQ(legs[4].stream_count, 1);
  EXPECT_EQ(pool.find(legs[4], kMaxStreamsPerLeg), &pool[legs[4].streams]) << "the newest is kept";
}

}  // namespace
}  // namespace holdfast::dataplane
