// SPDX-License-Identifier: Apache-2.0
// The relay bench's frames: right when they should be, wrong in one way when they should not.
#include "bench/relay/frames.hh"
#include "bench/relay/inspector.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "media/endian.hh"
#include "tests/dataplane/test_frames.hh"

namespace holdfast::bench {
namespace {

test::Bytes bytes_of(const Frame& frame, size_t size = kFrameBytes) {
  return {frame.begin(), frame.begin() + static_cast<long>(size)};
}

// What the appliance would send for `frame`, made without its code.
test::Bytes relayed(const Frame& frame, size_t from, uint32_t call) {
  const size_t to = 1 - from;
  test::UdpFrame out;
  out.from = side_of(to).appliance_mac;
  out.to = side_of(to).gateway_mac;
  out.source = local_of(to, call);
  out.destination = remote_of(to, call);
  out.traffic_class = kExpectedDscp << 2;
  out.payload.assign(frame.begin() + kRtpAt, frame.end());
  return test::build(out);
}

const char* inspect(Inspector& inspector, const test::Bytes& frame, size_t side) {
  return inspector.inspect(frame.data(), frame.size(), side);
}

TEST(BenchPlan, NoTwoLegsShareAnAddress) {
  std::set<std::string> seen;
  for (size_t side = 0; side < kSides; ++side) {
    for (uint32_t call = 0; call < kMaxCalls; ++call) {
      EXPECT_TRUE(seen.insert(local_of(side, call).to_string()).second) << call;
      EXPECT_TRUE(seen.insert(remote_of(side, call).to_string()).second) << call;
    }
  }
}

TEST(BenchFrames, ChecksumsHoldFromFirstToWrap) {
  for (const uint32_t call : {0U, 1U, 199U, 200U, kMaxCalls - 1}) {
    Frame frame = first_frame(1, call, 65'000);
    for (int i = 0; i < 1'100; ++i) {
      ASSERT_TRUE(test::checksums_hold(bytes_of(frame))) << call << " after " << i;
      stamp(frame.data(), 0x0123456789abcdef * static_cast<uint64_t>(i));
      ASSERT_TRUE(test::checksums_hold(bytes_of(frame))) << call << " stamped " << i;
      advance(frame.data(), 1);
    }
    EXPECT_EQ(load_be16(&frame[kRtpAt + 2]), static_cast<uint16_t>(65'000 + 1'100));
    EXPECT_EQ(load_be32(&frame[kRtpAt + 4]), (65'000U + 1'100U) * kTicksPerPacket);
  }
}

TEST(BenchFrames, StampIsReadBack) {
  Frame frame = first_frame(0, 3, 7);
  stamp(frame.data(), 0xfedcba9876543210);
  EXPECT_EQ(stamp_of(frame.data()), 0xfedcba9876543210U);
}

TEST(BenchFrames, ReaddressedFramesGoToThePortAndStayWhole) {
  for (const uint16_t port : {uint16_t{1'024}, uint16_t{10'000}, uint16_t{65'534}}) {
    Frame frame = first_frame(1, 42, 9);
    readdress(frame, port);
    EXPECT_EQ(load_be16(&frame[36]), port);
    EXPECT_TRUE(test::checksums_hold(bytes_of(frame))) << port;
    advance(frame.data(), 3);
    EXPECT_TRUE(test::checksums_hold(bytes_of(frame))) << port;
  }
}

TEST(BenchFrames, EachDefectIsNamedOnceAndMarked) {
  std::set<std::string_view> names;
  for (const Defect& defect : defects()) {
    EXPECT_TRUE(names.insert(defect.drop).second) << defect.drop;
    for (size_t side = 0; side < kSides; ++side) {
      const BadFrame bad = bad_frame(defect, side, planned_targets(side, 100));
      EXPECT_LE(bad.size, kFrameBytes) << defect.drop;
      EXPECT_TRUE(is_bad_on_purpose(bad.bytes.data(), bad.size)) << defect.drop;
    }
  }
  EXPECT_FALSE(is_bad_on_purpose(first_frame(0, 0, 0).data(), kFrameBytes));
}

// Only the defects that are checksums may break one: each frame must be wrong in its own way alone.
TEST(BenchFrames, DefectsBreakNothingElse) {
  for (const Defect& defect : defects()) {
    const BadFrame bad = bad_frame(defect, 0, planned_targets(0, 100));
    const bool sums = test::checksums_hold(bytes_of(bad.bytes, bad.size));
    const bool about_sums = defect.drop == "ip_bad_checksum" || defect.drop == "udp_bad_checksum" ||
                            defect.drop == "ip_truncated";
    EXPECT_NE(sums, about_sums) << defect.drop;
  }
}

TEST(BenchInspector, TakesWhatIsRelayedInOrder) {
  Inspector inspector(Treatment::relay, 10);
  for (const uint16_t sequence : std::initializer_list<uint16_t>{65'534, 65'535, 0, 1}) {
    for (size_t from = 0; from < kSides; ++from)
      EXPECT_STREQ(inspect(inspector, relayed(first_frame(from, 4, sequence), from, 4), 1 - from),
                   nullptr)
          << sequence;
  }
}

TEST(BenchInspector, NamesWhatIsWrong) {
  const Frame sent = first_frame(0, 4, 10);
  struct Row {
    const char* wrong;
    size_t at;
  };
  for (const Row& row :
       {Row{"destination MAC", 5}, Row{"source MAC", 11}, Row{"DSCP", 15}, Row{"IPv4 checksum", 24},
        Row{"source address", 29}, Row{"destination address", 33}, Row{"source address", 35},
        Row{"destination address", 37}, Row{"UDP checksum", 40}, Row{"SSRC", 53},
        Row{"UDP checksum", 100}}) {
    Inspector inspector(Treatment::relay, 10);
    test::Bytes frame = relayed(sent, 0, 4);
    frame[row.at] ^= 0x41;
    EXPECT_STREQ(inspect(inspector, frame, 1), row.wrong) << row.at;
  }
}

TEST(BenchInspector, LooksAtTheRtpHeader) {
  Inspector inspector(Treatment::relay, 10);
  Frame sent = first_frame(0, 4, 10);
  sent[kRtpAt + 1] |= 0x80;  // marker
  EXPECT_STREQ(inspect(inspector, relayed(sent, 0, 4), 1), "RTP header");
}

TEST(BenchInspector, SeesRepeatsAndStepsBack) {
  Inspector inspector(Treatment::relay, 10);
  EXPECT_STREQ(inspect(inspector, relayed(first_frame(0, 0, 10), 0, 0), 1), nullptr);
  EXPECT_STREQ(inspect(inspector, relayed(first_frame(0, 0, 10), 0, 0), 1),
               "order within a stream");
  EXPECT_STREQ(inspect(inspector, relayed(first_frame(0, 0, 9), 0, 0), 1), "order within a stream");
  EXPECT_STREQ(inspect(inspector, relayed(first_frame(0, 0, 50), 0, 0), 1), nullptr);
}

TEST(BenchInspector, RefusesWhatCameOutOfTheWrongSideOrLength) {
  Inspector inspector(Treatment::relay, 10);
  test::Bytes frame = relayed(first_frame(0, 0, 1), 0, 0);
  EXPECT_STREQ(inspect(inspector, frame, 0), "SSRC");
  frame.pop_back();
  EXPECT_STREQ(inspect(inspector, frame, 1), "length");
}

TEST(BenchInspector, ReflectedFramesHaveTheirEndsExchanged) {
  Inspector inspector(Treatment::reflect, 10);
  const Frame sent = first_frame(0, 4, 10);
  test::Bytes frame = bytes_of(sent);
  EXPECT_STREQ(inspect(inspector, frame, 1), "destination MAC");
  std::swap_ranges(frame.begin(), frame.begin() + 6, frame.begin() + 6);
  EXPECT_STREQ(inspect(inspector, frame, 1), "source address");
  std::swap_ranges(frame.begin() + 26, frame.begin() + 30, frame.begin() + 30);
  std::swap_ranges(frame.begin() + 34, frame.begin() + 36, frame.begin() + 36);
  EXPECT_STREQ(inspect(inspector, frame, 1), nullptr);
}

}  // namespace
}  // namespace holdfast::bench
