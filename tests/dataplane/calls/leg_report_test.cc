// SPDX-License-Identifier: Apache-2.0
// What of a leg's snapshot the operator is told.
#include "dataplane/calls/leg_report.hh"

#include <gtest/gtest.h>

#include <memory>

#include "dataplane/relay/stream_pool.hh"

namespace holdfast::dataplane {
namespace {

control::LegReport report_of(const Leg& leg, const StreamPool& pool) {
  const auto snapshot = std::make_unique<LegSnapshot>();
  pool.snapshot(leg, *snapshot);
  const auto peer = std::make_unique<LegSnapshot>();
  return leg_report(*snapshot, *peer, "lan", {});
}

struct Sent {
  const char* name;
  uint64_t rtp, rtcp, refused;  // given to the port; what it did not take of both
  uint64_t rtp_left, rtcp_left;
};

TEST(LegReport, SentIsWhatLeft) {
  constexpr Sent kRows[] = {
      {"all left", 10, 2, 0, 10, 2},
      {"some refused", 10, 2, 3, 7, 2},
      {"all refused", 10, 2, 12, 0, 0},
      {"RTCP alone refused", 0, 2, 1, 0, 1},
      {"a refusal that was told before the rest was counted", 1, 1, 3, 0, 0},
  };
  const StreamPool pool(1, 1);
  for (const Sent& row : kRows) {
    Leg leg;
    leg.counters.tx_packets = row.rtp;
    leg.counters.rtcp_tx_packets = row.rtcp;
    leg.counters.tx_refused_packets = row.refused;
    const auto report = report_of(leg, pool);
    EXPECT_EQ(report.tx.packets, row.rtp_left) << row.name;
    EXPECT_EQ(report.rtcp_sent, row.rtcp_left) << row.name;
  }
}

TEST(LegReport, FoldedAndUnaccountedAreTold) {
  StreamPool pool(kMaxStreamsPerLeg, 1);
  Leg leg;
  for (uint32_t ssrc = 1; ssrc <= kMaxStreamsPerLeg + 3; ++ssrc) {
    StreamSlot* slot = pool.find_or_add(leg, ssrc, 0);
    ASSERT_NE(slot, nullptr);
    for (const uint16_t seq : std::initializer_list<uint16_t>{1, 2, 2, 4})
      slot->account.on_packet(seq, seq * 160u, seq);
  }
  leg.counters.unaccounted_packets = 5;
  const auto report = report_of(leg, pool);
  EXPECT_EQ(report.streams.size(), kMaxStreamsPerLeg);
  EXPECT_EQ(report.streams_left_out, 3U);
  EXPECT_EQ(report.folded.streams, 3U);
  EXPECT_EQ(report.folded.expected, 12U);
  EXPECT_EQ(report.folded.received, 9U);
  EXPECT_EQ(report.folded.lost, 3U);
  EXPECT_EQ(report.folded.duplicates, 3U);
  EXPECT_EQ(report.unaccounted_packets, 5U);
}

TEST(LegReport, StraysAreTold) {
  StreamPool pool(1, 1);
  Leg leg;
  StreamSlot* slot = pool.find_or_add(leg, 1, 0);
  for (const uint16_t seq : std::initializer_list<uint16_t>{1, 2, 40'000, 3, 4})
    slot->account.on_packet(seq, seq * 160u, seq * 20'000'000u);
  EXPECT_EQ(report_of(leg, pool).streams[0].strays, 1U);
}

TEST(LegReport, TheClockIsThatOfThePayloadTypeOrNotKnown) {
  struct Row {
    const char* name;
    uint8_t payload_type;
    uint32_t hz;
  };
  constexpr Row kRows[] = {
      {"RFC 3551 6: PCMU", 0, 8000},          {"RFC 3551 6: reserved", 1, 0},
      {"RFC 3551 6: G.722 (4.5.2)", 9, 8000}, {"RFC 3551 6: L16", 10, 44100},
      {"RFC 3551 6: G.729", 18, 8000},        {"RFC 3551 6: reserved", 19, 0},
      {"RFC 3551 6: unassigned", 24, 0},      {"RFC 3551 6: H.261", 31, 90000},
      {"RFC 3551 6: H.263", 34, 90000},       {"RFC 3551 6: unassigned", 35, 0},
      {"RFC 3551 6: unassigned", 95, 0},      {"dynamic, not given", 96, 0},
      {"dynamic, not given", 127, 0},         {"dynamic, in clock_rates", 111, 48000},
  };
  for (const Row& row : kRows) {
    StreamPool pool(1, 1);
    Leg leg;
    leg.setup.clock_rates[0] = {111, 48000};
    ASSERT_NE(pool.find_or_add(leg, 1, row.payload_type), nullptr);
    EXPECT_EQ(report_of(leg, pool).streams[0].clock_hz, row.hz)
        << row.name << ' ' << +row.payload_type;
  }
}

// RFC 3611 section 4.7.5: 127 is no score, and what is beyond its scale is none either.
TEST(LegReport, OfExtendedReportsOnlyWhatTheEndpointKnowsIsTold) {
  StreamPool pool(1, 1);
  Leg heard;  // what arrives there the other leg's endpoint reports on
  StreamSlot* slot = pool.find_or_add(heard, 7, 0);
  media::XrVoipMetrics said{};
  said.ssrc = 7;
  said.loss_rate_q8 = 64;
  said.r_factor = 93;
  said.mos_lq_q10 = media::XrVoipMetrics::kUnavailable;
  said.mos_cq_q10 = 9;
  slot->far_end.on_voip_metrics(said, 0);
  const auto snapshot = std::make_unique<LegSnapshot>(), peer = std::make_unique<LegSnapshot>();
  pool.snapshot(heard, *peer);
  snapshot->leg.counters.reports_bad_length = 2;
  const control::LegReport report = leg_report(*snapshot, *peer, "wan", {});
  ASSERT_EQ(report.far_end.size(), 1U);
  EXPECT_EQ(report.far_end[0].reports, 0U);
  EXPECT_FALSE(report.far_end[0].statistics || report.far_end[0].round_trip_ms);
  ASSERT_TRUE(report.far_end[0].voip);
  const control::VoipMetrics& voip = *report.far_end[0].voip;
  EXPECT_EQ(voip.loss_rate, 0.25);
  EXPECT_EQ(voip.r_factor, 93);
  EXPECT_FALSE(voip.mos_lq || voip.mos_cq || voip.round_trip_ms);
  ASSERT_EQ(report.far_end_ignored.size(), 1U);
  EXPECT_EQ(report.far_end_ignored[0].name, "bad_length");
}

}  // namespace
}  // namespace holdfast::dataplane
