// SPDX-License-Identifier: Apache-2.0
// RTCP XR blocks (RFC 3611): what is read from annotated bytes, and what lies about its length.
#include "media/rtcp_xr.hh"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace holdfast::media {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes operator+(Bytes a, const Bytes& b) {
  for (const uint8_t byte : b) a.push_back(byte);
  return a;
}

// An XR packet of SSRC 0x11223344 with these blocks.
Bytes xr(const Bytes& blocks) {
  const size_t words = 1 + blocks.size() / 4;
  return Bytes{0x80, 207, static_cast<uint8_t>(words >> 8), static_cast<uint8_t>(words), 0x11, 0x22,
               0x33, 0x44} +
         blocks;
}

const Bytes kVoip = {
    7,    0,    0,    8,     // VoIP metrics, 8 words
    0xde, 0xad, 0xbe, 0xef,  // of this SSRC
    26,   13,   128,  2,     // loss, discard, burst density, gap density
    0x01, 0x2c, 0x4e, 0x20,  // bursts of 300 ms, gaps of 20 s
    0x00, 0x50, 0x00, 0x78,  // round trip 80 ms, end system 120 ms
    0xe2, 0xc4, 55,   16,    // signal, noise, echo; Gmin
    93,   127,  42,   41,    // R, none outside, MOS-LQ 4.2, MOS-CQ 4.1
    0xb0, 0,    0x00, 0x3c,  // configuration; buffer nominal 60 ms
    0x00, 0x78, 0x00, 0xf0,  // maximum 120 ms, at most 240 ms
};
const Bytes kStatistics = {
    6,    0xe0, 0,    9,     // lost, duplicates and jitter are there; 9 words
    0xde, 0xad, 0xbe, 0xef,  //
    0xff, 0xf0, 0x00, 0x10,  // from 65520 to before 16
    0,    0,    0,    5,     // lost
    0,    0,    0,    2,     // duplicates
    0,    0,    0,    1,     // jitter: least
    0,    0,    1,    0,     // greatest
    0,    0,    0,    80,    // mean
    0,    0,    0,    9,     // deviation
    0,    0,    0,    0,     // no TTL
};
const Bytes kReferenceTime = {4, 0, 0, 2, 0x83, 0xaa, 0x7e, 0x80, 0x80, 0, 0, 0};
const Bytes kDelays = {
    5,    0,    0,    6,     // two sub-blocks
    0xde, 0xad, 0xbe, 0xef,  //
    0x7e, 0x80, 0x80, 0x00,  // LRR
    0x00, 0x01, 0x80, 0x00,  // 1.5 s
    0,    0,    0,    9,     //
    0,    0,    0,    0,     // none came
    0,    0,    0,    0,     //
};

std::vector<XrBlock> blocks_of(const Bytes& bytes) {
  std::vector<XrBlock> found;
  const auto compound = parse_rtcp(bytes);
  if (!compound) return found;
  for (const RtcpPacket packet : *compound) {
    XrBlocks blocks(packet);
    while (const auto block = blocks.next()) found.push_back(*block);
  }
  return found;
}

TEST(RtcpXr, VoipMetrics_4_7) {
  const Bytes bytes = xr(kVoip);
  const auto blocks = blocks_of(bytes);
  ASSERT_EQ(blocks.size(), 1u);
  ASSERT_TRUE(blocks[0].is(XrType::voip_metrics) && blocks[0].is_read() && blocks[0].fits());
  const XrVoipMetrics said = blocks[0].voip_metrics();
  EXPECT_EQ(said.ssrc, 0xdeadbeefu);
  const std::array<int, 8> octets = {
      said.loss_rate_q8, said.discard_rate_q8, said.burst_density_q8, said.gap_density_q8,
      said.gmin,         said.r_factor,        said.mos_lq_q10,       said.mos_cq_q10};
  EXPECT_EQ(octets, (std::array<int, 8>{26, 13, 128, 2, 16, 93, 42, 41}));
  EXPECT_EQ(said.ext_r_factor, XrVoipMetrics::kUnavailable);
  const std::array<int, 7> milliseconds = {said.burst_duration_ms,
                                           said.gap_duration_ms,
                                           said.round_trip_ms,
                                           said.end_system_delay_ms,
                                           said.jitter_buffer_nominal_ms,
                                           said.jitter_buffer_maximum_ms,
                                           said.jitter_buffer_absolute_maximum_ms};
  EXPECT_EQ(milliseconds, (std::array<int, 7>{300, 20'000, 80, 120, 60, 120, 240}));
}

TEST(RtcpXr, StatisticsSummary_4_6) {
  Bytes bytes = xr(kStatistics);
  XrStatistics said = blocks_of(bytes).at(0).statistics();
  EXPECT_EQ(said.ssrc, 0xdeadbeefu);
  EXPECT_EQ(said.begin_seq, 65'520);
  EXPECT_EQ(said.end_seq, 16);
  EXPECT_EQ(said.lost, 5u);
  EXPECT_EQ(said.duplicates, 2u);
  EXPECT_EQ(said.mean_jitter_ticks, 80u);
  bytes[9] = 0x40;  // duplicates only
  said = blocks_of(bytes).at(0).statistics();
  EXPECT_FALSE(said.lost || said.mean_jitter_ticks);
  EXPECT_EQ(said.duplicates, 2u);
}

TEST(RtcpXr, ReferenceTimeAndItsAnswers_4_4_4_5) {
  const Bytes bytes = xr(kReferenceTime + kDelays);
  const auto blocks = blocks_of(bytes);
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].reference_ntp(), 0x83aa'7e80'8000'0000u);
  ASSERT_EQ(blocks[1].delay_count(), 2u);
  EXPECT_EQ(blocks[1].delay(0).ssrc, 0xdeadbeefu);
  EXPECT_EQ(blocks[1].delay(0).last_rr_ntp_middle, 0x7e80'8000u);
  EXPECT_EQ(blocks[1].delay(0).delay_since_rr_q16, 0x18000u);
  EXPECT_EQ(blocks[1].delay(1).ssrc, 9u);
}

TEST(RtcpXr, OthersArePassedOver) {
  const Bytes bytes = xr(Bytes{1, 0, 0, 1, 1, 2, 3, 4} + kVoip + Bytes{200, 0, 0, 0});
  const auto blocks = blocks_of(bytes);
  ASSERT_EQ(blocks.size(), 3u);
  EXPECT_FALSE(blocks[0].is_read() || blocks[2].is_read());
  EXPECT_TRUE(blocks[1].is_read());
  EXPECT_EQ(blocks_of(xr({})).size(), 0u);
}

TEST(RtcpXr, ALengthThatItsTypeCannotHaveDoesNotFit) {
  struct Row {
    std::string name;
    Bytes block;
    bool fits;
  };
  const Row rows[] = {
      {"4.7 a word short", Bytes{7, 0, 0, 7} + Bytes(28, 0), false},
      {"4.7 a word more", Bytes{7, 0, 0, 9} + Bytes(36, 0), false},
      {"4.7 a header alone", {7, 0, 0, 0}, false},
      {"4.6 a word short", Bytes{6, 0xe0, 0, 8} + Bytes(32, 0), false},
      {"4.4 half a time", Bytes{4, 0, 0, 1} + Bytes(4, 0), false},
      {"4.5 a sub-block and a word", Bytes{5, 0, 0, 4} + Bytes(16, 0), false},
      {"4.5 no sub-block", {5, 0, 0, 0}, true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const Bytes bytes = xr(row.block);
    const auto blocks = blocks_of(bytes);
    ASSERT_EQ(blocks.size(), 1u);
    EXPECT_EQ(blocks[0].fits(), row.fits);
  }
  // One that runs past its packet is refused with the whole datagram.
  EXPECT_FALSE(parse_rtcp(xr(Bytes{7, 0, 0, 8} + Bytes(28, 0))));
}

}  // namespace
}  // namespace holdfast::media
