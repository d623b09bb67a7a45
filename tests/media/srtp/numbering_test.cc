// SPDX-License-Identifier: Apache-2.0
// Packet indices: none is given out twice whatever a source does, and the ends of what there is.
#include "media/srtp/numbering.hh"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <random>
#include <set>

namespace holdfast::media {
namespace {

// A key that has no lifetime of its own.
std::unique_ptr<SrtpInbound> unlimited() {
  auto state = std::make_unique<SrtpInbound>();
  state->lifetime_packets = uint64_t{1} << 48;
  return state;
}

TEST(SrtpNumbering, NoIndexIsGivenOutTwice) {
  std::mt19937 random(5);
  for (int round = 0; round < 20; ++round) {
    auto state = std::make_unique<SrtpOutbound>();
    state->lifetime_packets = uint64_t{1} << 48;
    std::set<std::pair<uint32_t, uint64_t>> used;
    auto source = static_cast<uint16_t>(random());
    SrtpCheckpoint checkpoint;
    for (int i = 0; i < 5000; ++i) {
      switch (random() % 40) {
        case 0:
          source = static_cast<uint16_t>(random());
          break;
        case 1:
          source = static_cast<uint16_t>(source - random() % 600);
          break;
        case 2:
          source = static_cast<uint16_t>(source + random() % 4000);
          break;
        case 3:  // memory is lost; what is kept of it is as old as it may be
          if (i < 3) break;
          *state = {};
          state->lifetime_packets = uint64_t{1} << 48;
          checkpoint = advanced(checkpoint);
          restore(*state, checkpoint);
          break;
        default:
          ++source;
      }
      uint64_t index = 0;
      const uint32_t ssrc =
          i < 3 ? static_cast<uint32_t>(i) + 1 : 1 + static_cast<uint32_t>(random() % 3);
      if (number_rtp(*state, ssrc, source, index) == SrtpVerdict::srtp_ok) {
        ASSERT_TRUE(used.emplace(ssrc, index).second) << "index " << index;
      }
      if (i == 2 || i % 1000 == 0) checkpoint = checkpoint_of(*state);
    }
    EXPECT_GT(used.size(), 4000u);
  }
}

// Nor while nothing is kept yet: SSRCs that begin, sources that restart and memory that is lost,
// all before the first checkpoint, as often as that may be.
TEST(SrtpNumbering, NothingTwiceBeforeTheFirstCheckpoint) {
  std::mt19937 random(6);
  size_t given = 0;
  for (int round = 0; round < 60; ++round) {
    auto state = std::make_unique<SrtpOutbound>();
    state->lifetime_packets = uint64_t{1} << 48;
    std::set<std::pair<uint32_t, uint64_t>> used;
    std::array<uint16_t, 3> source{};
    for (uint16_t& each : source) each = static_cast<uint16_t>(random());
    SrtpCheckpoint kept;
    for (uint32_t life = 0; life <= kYoungLosses; ++life) {
      if (life > 0) {
        kept = advanced(kept);
        *state = {};
        state->lifetime_packets = uint64_t{1} << 48;
        restore(*state, kept);
      }
      for (int i = 0; i < 2000; ++i) {
        const uint32_t ssrc = static_cast<uint32_t>(random() % 3);
        uint16_t& number = source[ssrc];
        if (random() % 50 == 0)  // anywhere, or back to what it said in another life
          number = static_cast<uint16_t>(random() % 2 == 0 ? random() : number - random() % 3000);
        else
          number = static_cast<uint16_t>(number + (random() % 9 == 0 ? random() % 3000 : 1));
        uint64_t index = 0;
        if (number_rtp(*state, ssrc, number, index) != SrtpVerdict::srtp_ok) continue;
        ASSERT_LT(index, 0x1'0000u) << "a receiver that begins with it takes ROC 0";
        ASSERT_TRUE(used.emplace(ssrc, index).second) << "index " << index << " in life " << life;
      }
    }
    given += used.size();
    kept = advanced(kept);
    *state = {};
    state->lifetime_packets = 1;
    restore(*state, kept);
    uint64_t index = 0;
    EXPECT_EQ(number_rtp(*state, 0, 1, index), SrtpVerdict::srtp_key_expired);
  }
  EXPECT_GT(given, 200'000u);
}

// Of a source that is known, too, what it may leave out is less than the jump over a loss.
TEST(SrtpNumbering, ASourceLeavesOutSoMuchBetweenTwoCheckpoints) {
  auto state = std::make_unique<SrtpOutbound>();
  state->lifetime_packets = 1000;
  const auto given = [&](uint32_t source) {
    uint64_t index = 0;
    EXPECT_EQ(number_rtp(*state, 1, static_cast<uint16_t>(source), index), SrtpVerdict::srtp_ok);
    return index;
  };
  EXPECT_EQ(given(0xfff0), 0x7ff0u) << "in the lower half";
  EXPECT_EQ(given(0xfff1), 0x7ff1u);
  EXPECT_EQ(given(0xfff1 + 2001), 0x7ff1u + 2001);
  EXPECT_EQ(given(0xfff1 + 4002), 0x7ff1u + 2002) << "as after a restart";
  EXPECT_EQ(given(0xfff1 + 4003), 0x7ff1u + 2003);
  checkpointed(*state);
  EXPECT_EQ(given(0xfff1 + 6003), 0x7ff1u + 4003);
}

// A late packet of the source keeps its own number, once.
TEST(SrtpNumbering, LatePacketsKeepTheirPlace) {
  auto state = std::make_unique<SrtpOutbound>();
  state->lifetime_packets = 100;
  uint64_t index = 0;
  for (const uint16_t sequence : std::initializer_list<uint16_t>{100, 101, 104, 102})
    ASSERT_EQ(number_rtp(*state, 1, sequence, index), SrtpVerdict::srtp_ok);
  EXPECT_EQ(index, 102u);
  EXPECT_EQ(number_rtp(*state, 1, 102, index), SrtpVerdict::srtp_sent_before);
  ASSERT_EQ(number_rtp(*state, 1, 103, index), SrtpVerdict::srtp_ok);
  EXPECT_EQ(index, 103u);
  // Late by more than there are numbers before the first.
  auto young = std::make_unique<SrtpOutbound>();
  young->lifetime_packets = 100;
  ASSERT_EQ(number_rtp(*young, 1, 2, index), SrtpVerdict::srtp_ok);
  EXPECT_EQ(number_rtp(*young, 1, 65530, index), SrtpVerdict::srtp_sent_before);
}

TEST(SrtpNumbering, IndicesEnd) {
  auto out = std::make_unique<SrtpOutbound>();
  out->lifetime_packets = ~uint64_t{0};
  uint64_t index = 0;
  ASSERT_EQ(number_rtp(*out, 1, 65534, index), SrtpVerdict::srtp_ok);
  out->streams[0].index = kMaxSrtpIndex - 1;
  ASSERT_EQ(number_rtp(*out, 1, 65535, index), SrtpVerdict::srtp_ok);
  EXPECT_EQ(index, kMaxSrtpIndex);
  EXPECT_EQ(number_rtp(*out, 1, 0, index), SrtpVerdict::srtp_key_expired);
  uint32_t rtcp = 0;
  out->streams[0].rtcp_index = kMaxSrtcpIndex - 1;
  ASSERT_EQ(number_rtcp(*out, 1, rtcp), SrtpVerdict::srtp_ok);
  EXPECT_EQ(rtcp, kMaxSrtcpIndex);
  EXPECT_EQ(number_rtcp(*out, 1, rtcp), SrtpVerdict::srtp_key_expired);

  auto in = unlimited();
  ASSERT_EQ(accept_rtp(*in, 1, kMaxSrtpIndex), SrtpVerdict::srtp_ok);
  SrtpIndex guess;
  EXPECT_EQ(judge_rtp(*in, 1, 3, guess), SrtpVerdict::srtp_key_expired);
}

// What was judged before the key had run out is refused when it comes to be counted.
TEST(SrtpNumbering, ALifetimeCountsWhatIsAuthentic) {
  auto in = std::make_unique<SrtpInbound>();
  in->lifetime_packets = 2;
  SrtpIndex guess;
  for (uint16_t sequence = 1; sequence <= 4; ++sequence) {
    EXPECT_EQ(judge_rtp(*in, 1, sequence, guess), SrtpVerdict::srtp_ok);
    EXPECT_EQ(judge_rtcp(*in, 1, sequence, guess), SrtpVerdict::srtp_ok);
  }
  EXPECT_EQ(accept_rtp(*in, 1, 1), SrtpVerdict::srtp_ok);
  EXPECT_EQ(accept_rtp(*in, 1, 1), SrtpVerdict::srtp_replayed);
  EXPECT_EQ(accept_rtp(*in, 2, 2), SrtpVerdict::srtp_ok) << "another SSRC, the same key";
  EXPECT_EQ(accept_rtp(*in, 1, 3), SrtpVerdict::srtp_key_expired);
  EXPECT_EQ(judge_rtp(*in, 1, 3, guess), SrtpVerdict::srtp_key_expired);
  EXPECT_EQ(accept_rtcp(*in, 1, 1), SrtpVerdict::srtp_ok);
  EXPECT_EQ(accept_rtcp(*in, 1, 2), SrtpVerdict::srtp_ok);
  EXPECT_EQ(accept_rtcp(*in, 1, 3), SrtpVerdict::srtp_key_expired);
  EXPECT_EQ(judge_rtcp(*in, 1, 3, guess), SrtpVerdict::srtp_key_expired);
}

TEST(SrtpNumbering, FarFromTheHighest) {
  auto state = unlimited();
  SrtpIndex guess;
  judge_rtp(*state, 9, 0, guess);
  EXPECT_TRUE(guess.far);
  ASSERT_EQ(accept_rtp(*state, 9, 0x1'0000), SrtpVerdict::srtp_ok);
  const std::pair<uint16_t, bool> rows[] = {{1, false},      {0x3fff, false}, {0x4000, true},
                                            {0x8000, true},  {0xc000, true},  {0xc001, false},
                                            {0xffff, false}, {0, false}};
  for (const auto& [sequence, far] : rows) {
    judge_rtp(*state, 9, sequence, guess);
    EXPECT_EQ(guess.far, far) << sequence;
  }
}

// RFC 3711 appendix A, and a packet that cannot be of a ROC below zero.
TEST(SrtpNumbering, RocIsEstimated) {
  struct Row {
    uint64_t highest;
    uint16_t sequence;
    uint64_t index;
  };
  const Row rows[] = {
      {0x0'ffff, 0x0000, 0x1'0000}, {0x1'0000, 0xffff, 0x0'ffff}, {0x1'7fff, 0xffff, 0x1'ffff},
      {0x1'8000, 0x0000, 0x1'0000}, {0x1'8001, 0x0000, 0x2'0000}, {0x1'0005, 0x8005, 0x1'8005},
      {0x1'0005, 0x8006, 0x0'8006}, {0x0'0005, 0xfff0, 0x0'fff0}, {0x5'4321, 0x4322, 0x5'4322}};
  for (const Row& row : rows) {
    auto state = unlimited();
    ASSERT_EQ(accept_rtp(*state, 9, row.highest), SrtpVerdict::srtp_ok);
    SrtpIndex guess;
    judge_rtp(*state, 9, row.sequence, guess);
    EXPECT_EQ(guess.index, row.index) << row.highest << " then " << row.sequence;
  }
}

// A checkpoint comes from a file: whatever stands there, no index wraps.
TEST(SrtpState, ACheckpointWithoutSenseGivesNoIndex) {
  SrtpCheckpoint checkpoint;
  checkpoint.stream_count = 99;
  for (SrtpCheckpoint::Stream& stream : checkpoint.streams)
    stream = {~uint64_t{0}, 7, ~uint32_t{0}, true, true};
  auto out = std::make_unique<SrtpOutbound>();
  out->lifetime_packets = kMaxSrtpIndex;
  restore(*out, advanced(checkpoint));
  EXPECT_EQ(out->stream_count, kMaxSrtpSsrcs);
  uint64_t index = 0;
  uint32_t rtcp = 0;
  EXPECT_EQ(number_rtp(*out, 7, 1, index), SrtpVerdict::srtp_key_expired);
  EXPECT_EQ(number_rtcp(*out, 7, rtcp), SrtpVerdict::srtp_key_expired);
  auto in = unlimited();
  restore(*in, checkpoint);
  SrtpIndex guess;
  EXPECT_EQ(judge_rtp(*in, 7, 1, guess), SrtpVerdict::srtp_key_expired);
  EXPECT_EQ(judge_rtcp(*in, 7, kMaxSrtcpIndex, guess), SrtpVerdict::srtp_replayed);
}

TEST(SrtpState, SizesOfALeg) {
  std::printf("inbound %zu bytes, outbound %zu bytes\n", sizeof(SrtpInbound), sizeof(SrtpOutbound));
  EXPECT_LE(sizeof(SrtpInbound) + sizeof(SrtpOutbound), 5088u);
}

}  // namespace
}  // namespace holdfast::media
