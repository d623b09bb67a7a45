// SPDX-License-Identifier: Apache-2.0
// RTCP that passes through is read: what endpoints say of the streams that they get, and round
// trips (RFC 3550 section 6.4.1).
#include "dataplane/relay/far_end.hh"

#include <gtest/gtest.h>

#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

using test::Bytes;
using test::UdpFrame;
using test_rig::Rig;

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kStart = 5'000 * kMs;
constexpr uint32_t kSecondQ16 = 65'536;
constexpr uint32_t kPhoneSsrc = 0xa;
constexpr uint32_t kHqSsrc = 0xb;

media::RtcpReportBlock block(uint32_t lsr, uint32_t dlsr_q16) {
  return {.ssrc = kPhoneSsrc,
          .cumulative_lost = 7,
          .highest_ext_seq = 65'600,
          .jitter_ticks = 24,
          .last_sr_ntp_middle = lsr,
          .delay_since_sr_q16 = dlsr_q16,
          .fraction_lost_q8 = 64};
}
constexpr uint64_t ntp(uint32_t middle) {
  return uint64_t{middle} << 16 | 0x1200'0000'0000'0034;
}

TEST(FarEnd, TheRoundTripIsWhatPassedLessTheDelay) {
  FarEnd far_end;
  far_end.on_sender_report(ntp(100), kStart);
  EXPECT_TRUE(far_end.on_report(block(100, kSecondQ16), 3, kStart + 1042 * kMs));
  EXPECT_EQ(far_end.round_trip_us(), 42'000u);
  EXPECT_EQ(far_end.lost_before_us(), 3u);
  EXPECT_EQ(far_end.cumulative_lost(), 7);
  EXPECT_EQ(far_end.age_ms(kStart + 2042 * kMs), 1000u);
}

TEST(FarEnd, ABlockMayNameTheReportBeforeTheLast) {
  FarEnd far_end;
  for (const uint32_t middle : {100u, 200u, 300u})
    far_end.on_sender_report(ntp(middle), kStart + middle * kMs);
  EXPECT_TRUE(far_end.on_report(block(200, 0), 0, kStart + 350 * kMs));
  EXPECT_EQ(far_end.round_trip_us(), 150'000u);
  EXPECT_TRUE(far_end.on_report(block(100, 0), 0, kStart + 360 * kMs));
  EXPECT_EQ(far_end.round_trip_us(), 150'000u) << "that one is forgotten";
  EXPECT_TRUE(far_end.on_report(block(0, 0), 0, kStart + 370 * kMs)) << "no SR reached it yet";
  EXPECT_EQ(far_end.round_trip_us(), 150'000u);
  EXPECT_EQ(far_end.reports(), 3u);
}

TEST(FarEnd, ADelayThatCannotBeIsNoRoundTrip) {
  FarEnd far_end;
  far_end.on_sender_report(ntp(100), kStart);
  EXPECT_TRUE(far_end.on_report(block(100, 5 * kSecondQ16), 0, kStart + 4997 * kMs))
      << "5 s of a clock that is slightly slow";
  EXPECT_EQ(far_end.round_trip_us(), 0u);
  EXPECT_FALSE(far_end.on_report(block(100, 6 * kSecondQ16), 0, kStart + 4997 * kMs));
  EXPECT_FALSE(far_end.on_report(block(100, UINT32_MAX), 0, kStart + 4997 * kMs));
  EXPECT_EQ(far_end.round_trip_us(), 0u);
}

TEST(FarEnd, AReferenceTimeAndItsAnswerMeasureTheRoundTripToo_RFC3611) {
  FarEnd far_end;
  EXPECT_FALSE(far_end.has_said_anything());
  far_end.on_sender_report(ntp(100), kStart);
  far_end.on_sender_report(ntp(100), kStart + 5 * kMs);  // SR and reference time of one datagram
  EXPECT_TRUE(far_end.on_delay({kPhoneSsrc, 100, kSecondQ16}, kStart + 1033 * kMs));
  EXPECT_EQ(far_end.round_trip_us(), 33'000u);
  EXPECT_TRUE(far_end.round_trip_by_xr() && far_end.has_said_anything());
  EXPECT_FALSE(far_end.on_delay({kPhoneSsrc, 100, UINT32_MAX}, kStart + 1033 * kMs));
  EXPECT_TRUE(far_end.on_report(block(100, kSecondQ16), 0, kStart + 1042 * kMs));
  EXPECT_FALSE(far_end.round_trip_by_xr()) << "the newest counts";
  EXPECT_EQ(far_end.round_trip_us(), 42'000u);
}

TEST(FarEnd, WhatDoesNotFitStaysAtItsGreatest) {
  FarEnd far_end;
  far_end.on_sender_report(ntp(1), kStart);
  auto huge = block(1, 0);
  huge.jitter_ticks = UINT32_MAX;
  EXPECT_TRUE(far_end.on_report(huge, UINT64_MAX, kStart + 60'000 * kMs));
  EXPECT_EQ(far_end.jitter_ticks(), 0xffffffu);
  EXPECT_EQ(far_end.lost_before_us(), 0xffffffu);
  EXPECT_EQ(far_end.round_trip_us(), 0xfffffeu);
  for (int i = 0; i < 3; ++i)
    far_end.on_statistics({kPhoneSsrc, 0, 1, 40'000, UINT32_MAX, {}}, kStart);
  EXPECT_EQ(far_end.summed_lost(), UINT16_MAX);
  EXPECT_EQ(far_end.summed_duplicates(), UINT16_MAX);
}

TEST(FarEnd, ClocksMayWrap) {
  FarEnd far_end;
  const uint64_t late = (uint64_t{1} << 32) * 1000 - 10 * kMs;  // microseconds wrap in 10 ms
  far_end.on_sender_report(ntp(1), late);
  EXPECT_TRUE(far_end.on_report(block(1, 0), 0, late + 30 * kMs));
  EXPECT_EQ(far_end.round_trip_us(), 30'000u);
}

void put32(Bytes& to, uint32_t value) {
  for (const unsigned shift : {24u, 16u, 8u, 0u})
    to.push_back(static_cast<uint8_t>(value >> shift));
}
// An SR (when it has an NTP time) or RR with report blocks.
Bytes report(uint32_t sender, uint64_t sr_ntp, const std::vector<media::RtcpReportBlock>& blocks) {
  const bool sr = sr_ntp != 0;
  const size_t words = (sr ? 6 : 1) + 6 * blocks.size();
  Bytes p = {static_cast<uint8_t>(0x80 | blocks.size()), static_cast<uint8_t>(sr ? 200 : 201), 0,
             static_cast<uint8_t>(words)};
  put32(p, sender);
  if (sr) {
    put32(p, static_cast<uint32_t>(sr_ntp >> 32));
    put32(p, static_cast<uint32_t>(sr_ntp));
    for (int i = 0; i < 3; ++i) put32(p, 0);
  }
  for (const auto& b : blocks) {
    put32(p, b.ssrc);
    put32(p, uint32_t{b.fraction_lost_q8} << 24 |
                 (static_cast<uint32_t>(b.cumulative_lost) & 0xffffff));
    put32(p, b.highest_ext_seq);
    put32(p, b.jitter_ticks);
    put32(p, b.last_sr_ntp_middle);
    put32(p, b.delay_since_sr_q16);
  }
  return p;
}

class Reading : public ::testing::Test {
 protected:
  static constexpr LegIndex kLan = 1, kWan = 2;

  Reading() {
    rig.add_call(kLan, kWan, rig.setup(0, 20000, "198.18.1.10:4000"),
                 rig.setup(1, 20100, "198.18.3.10:30000"));
  }
  void from_phone(Bytes payload, uint16_t to, uint64_t at_ns) {
    rig.arrive(0, test::build({.to = *MacAddress::parse("02:00:00:00:00:01"),
                               .source = *SocketAddress::parse(to % 2 == 0 ? "198.18.1.10:4000"
                                                                           : "198.18.1.10:4001"),
                               .destination = {*IpAddress::parse("198.18.1.2"), to},
                               .payload = std::move(payload)}));
    rig.run(at_ns);
  }
  void from_hq(Bytes payload, uint16_t to, uint64_t at_ns) {
    rig.arrive(1, test::build({.to = *MacAddress::parse("02:00:00:00:00:02"),
                               .source = *SocketAddress::parse(to % 2 == 0 ? "198.18.3.10:30000"
                                                                           : "198.18.3.10:30001"),
                               .destination = {*IpAddress::parse("198.18.2.2"), to},
                               .payload = std::move(payload)}));
    rig.run(at_ns);
  }

  Rig rig;
};

TEST_F(Reading, ABlockGoesToTheStreamItIsAboutAndIsForwarded) {
  for (const uint16_t seq : {uint16_t{1}, uint16_t{2}, uint16_t{5}})
    from_phone(test::rtp(seq, seq * 160u, kPhoneSsrc), 20000, kStart + seq * 20 * kMs);
  from_phone(report(kPhoneSsrc, ntp(100), {}), 20001, kStart + 200 * kMs);
  from_hq(report(kHqSsrc, 0, {block(100, kSecondQ16 / 2)}), 20101, kStart + 760 * kMs);

  const LegSnapshot lan = rig.snapshot(kLan);
  ASSERT_EQ(lan.stream_count, 1u);
  const FarEnd& said = lan.streams[0].far_end;
  EXPECT_EQ(said.reports(), 1u);
  EXPECT_EQ(said.round_trip_us(), 60'000u);
  EXPECT_EQ(said.lost_before_us(), 2u) << "3 and 4 were lost before us";
  EXPECT_EQ(said.fraction_lost_q8(), 64);
  EXPECT_EQ(rig.departed(0).size(), 1u);
  EXPECT_EQ(rig.departed(1).size(), 4u);
  const LegCounters& counters = rig.snapshot(kWan).leg.counters;
  EXPECT_EQ(counters.reports_unknown_ssrc + counters.reports_bad_delay + counters.reports_unread,
            0u);
}

TEST_F(Reading, BlocksAboutNobodyAreCounted) {
  from_phone(test::rtp(1, 160, kPhoneSsrc), 20000, kStart);
  auto strange = block(0, 0);
  strange.ssrc = 0x99;
  from_hq(report(kHqSsrc, 0, {strange, block(0, 0)}), 20101, kStart);
  // What the phone says of its own stream is about nobody, too.
  from_phone(report(kPhoneSsrc, 0, {block(0, 0)}), 20001, kStart);
  EXPECT_EQ(rig.snapshot(kWan).leg.counters.reports_unknown_ssrc, 1u);
  EXPECT_EQ(rig.snapshot(kLan).leg.counters.reports_unknown_ssrc, 1u);
  EXPECT_EQ(rig.snapshot(kLan).streams[0].far_end.reports(), 1u);
}

TEST_F(Reading, LyingDelaysAreCounted) {
  from_phone(test::rtp(1, 160, kPhoneSsrc), 20000, kStart);
  from_phone(report(kPhoneSsrc, ntp(100), {}), 20001, kStart);
  from_hq(report(kHqSsrc, 0, {block(100, UINT32_MAX)}), 20101, kStart + kMs);
  EXPECT_EQ(rig.snapshot(kWan).leg.counters.reports_bad_delay, 1u);
}

TEST_F(Reading, OneDatagramIsReadSoFarAndNoFurther) {
  from_phone(test::rtp(1, 160, kPhoneSsrc), 20000, kStart);
  Bytes flood;
  for (int i = 0; i < 2; ++i) {
    const Bytes full = report(kHqSsrc, 0, std::vector(30, block(0, 0)));
    flood.insert(flood.end(), full.begin(), full.end());
  }
  from_hq(flood, 20101, kStart);
  EXPECT_EQ(rig.snapshot(kLan).streams[0].far_end.reports(), 30u);
  EXPECT_EQ(rig.snapshot(kWan).leg.counters.reports_unread, 30u);
  EXPECT_EQ(rig.departed(0).size(), 1u) << "forwarded all the same";
}

// One XR of HQ with these blocks.
Bytes extended(const Bytes& blocks) {
  Bytes p = {0x80, 207, 0, static_cast<uint8_t>(1 + blocks.size() / 4)};
  put32(p, kHqSsrc);
  p.insert(p.end(), blocks.begin(), blocks.end());
  return p;
}
Bytes voip_block(uint32_t ssrc) {
  Bytes b = {7, 0, 0, 8};
  put32(b, ssrc);
  const uint8_t rest[] = {26, 13, 128, 2,  0x01, 0x2c, 0x4e, 0x20, 0,    80,   0,    120, 0,   0, 0,
                          16, 93, 127, 42, 41,   0xb0, 0,    0x00, 0x3c, 0x00, 0x78, 0,   0xf0};
  b.insert(b.end(), std::begin(rest), std::end(rest));
  return b;
}

TEST_F(Reading, ExtendedReportsGoToTheStreamTheyAreAbout_RFC3611) {
  from_phone(test::rtp(1, 160, kPhoneSsrc), 20000, kStart);
  from_hq(test::rtp(1, 160, kHqSsrc), 20100, kStart);
  Bytes blocks = voip_block(kPhoneSsrc);
  for (const uint8_t byte : voip_block(0x99)) blocks.push_back(byte);
  Bytes statistics = {6, 0x80, 0, 9};
  put32(statistics, kPhoneSsrc);
  for (const uint32_t word : {uint32_t{0x00010064}, 5u, 7u, 0u, 0u, 0u, 0u, 0u})
    put32(statistics, word);
  blocks.insert(blocks.end(), statistics.begin(), statistics.end());
  blocks.insert(blocks.end(), {7, 0, 0, 1, 0, 0, 0, 0});  // VoIP metrics of eight octets
  from_hq(extended(blocks), 20101, kStart);
  EXPECT_EQ(rig.departed(0).size(), 2u) << "forwarded whole, with the media";

  const FarEnd said = rig.snapshot(kLan).streams[0].far_end;
  EXPECT_EQ(said.reports(), 0u);
  ASSERT_TRUE(said.has_voip() && said.has_statistics());
  EXPECT_EQ(said.voip().burst_duration_ms, 300);
  EXPECT_EQ(said.voip().jitter_buffer_ms, 60);
  EXPECT_EQ(said.r_factor(), 93);
  EXPECT_EQ(said.mos_cq_q10(), 41);
  EXPECT_EQ(said.summed_lost(), 5);
  EXPECT_EQ(said.summed_duplicates(), 0) << "its flag is not set";
  EXPECT_EQ(rig.snapshot(kWan).leg.counters.reports_unknown_ssrc, 1u);
  EXPECT_EQ(rig.snapshot(kWan).leg.counters.reports_bad_length, 1u);
}

TEST_F(Reading, ReferenceTimesThatPassAreAnsweredByTheFarEnd_RFC3611) {
  from_phone(test::rtp(1, 160, kPhoneSsrc), 20000, kStart);
  from_hq(test::rtp(1, 160, kHqSsrc), 20100, kStart);
  Bytes time = {4, 0, 0, 2};
  put32(time, 0x12345678);
  put32(time, 0x9abcdef0);
  from_hq(extended(time), 20101, kStart + 100 * kMs);  // of its own stream, to the phone
  Bytes delay = {5, 0, 0, 3};
  put32(delay, kHqSsrc);
  put32(delay, 0x56789abc);
  put32(delay, kSecondQ16);
  Bytes answer = extended(delay);
  from_phone(answer, 20001, kStart + 1121 * kMs);
  const FarEnd said = rig.snapshot(kWan).streams[0].far_end;
  EXPECT_EQ(said.round_trip_us(), 21'000u);
  EXPECT_TRUE(said.round_trip_by_xr());
}

TEST_F(Reading, OneDatagramsExtendedReportsAreReadSoFarToo) {
  from_phone(test::rtp(1, 160, kPhoneSsrc), 20000, kStart);
  Bytes blocks;
  for (int i = 0; i < 34; ++i)
    for (const uint8_t byte : voip_block(kPhoneSsrc)) blocks.push_back(byte);
  Bytes flood = extended(blocks);
  flood[2] = static_cast<uint8_t>((1 + blocks.size() / 4) >> 8);
  from_hq(flood, 20101, kStart);
  EXPECT_EQ(rig.snapshot(kWan).leg.counters.reports_unread, 2u);
}

TEST_F(Reading, ANewStreamBeginsWithoutTheOldOnesReports) {
  from_phone(test::rtp(1, 160, kPhoneSsrc), 20000, kStart);
  from_hq(report(kHqSsrc, 0, {block(0, 0)}), 20101, kStart);
  for (uint32_t ssrc = 100; ssrc < 100 + kMaxStreamsPerLeg; ++ssrc)
    from_phone(test::rtp(1, 160, ssrc), 20000, kStart);
  from_phone(test::rtp(1, 160, kPhoneSsrc), 20000, kStart);
  EXPECT_EQ(rig.snapshot(kLan).streams[0].far_end.reports(), 0u);
}

}  // namespace
}  // namespace holdfast::dataplane
