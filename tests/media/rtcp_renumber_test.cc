// SPDX-License-Identifier: Apache-2.0
// RTCP about a renumbered stream, put back into the numbers of its source; and what must stay.
#include "media/rtcp_renumber.hh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "media/rtcp_packet.hh"

namespace holdfast::media {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// SSRC 0x0a0b0c0d began at 40,000, and went on as 7,232; what SSRC 0x0e0e0e0e restarted with, 5, is
// 0x10003 further on. All else is as it was sent.
constexpr RtpShift kShifts[] = {{0x0a0b0c0d, uint32_t{0} - 0x8000}, {0x0e0e0e0e, 0x1'0003}};
const Bytes kMoved = {0x0a, 0x0b, 0x0c, 0x0d};
const Bytes kRestarted = {0x0e, 0x0e, 0x0e, 0x0e};
const Bytes kOther = {1, 2, 3, 4};

Bytes renumbered(Bytes bytes, unsigned changes, std::span<const RtpShift> shifts = kShifts) {
  const auto compound = parse_rtcp(bytes);
  EXPECT_TRUE(compound);
  if (!compound) return {};
  EXPECT_EQ(renumber_rtcp(*compound, bytes, shifts), changes);
  EXPECT_TRUE(parse_rtcp(bytes));
  return bytes;
}

Bytes report(const Bytes& ssrc, const Bytes& highest) {
  return ssrc + Bytes{1, 0, 0, 2} + highest + Bytes{0, 0, 0, 9, 8, 8, 8, 8, 0, 1, 0, 0};
}

TEST(RtcpRenumber, ReportBlocks_RFC3550_6_4) {
  const Bytes rr = {0x84, 201, 0, 25, 9, 9, 9, 9};
  const Bytes sr = Bytes{0x81, 200, 0, 12, 9, 9, 9, 9} + Bytes(20, 0xee);
  const auto of = [&](const Bytes& a, const Bytes& b, const Bytes& c, const Bytes& d,
                      const Bytes& e) {
    return rr + report(kMoved, a) + report(kOther, {0, 1, 2, 3}) + report(kMoved, b) +
           report(kRestarted, c) + sr + report(kMoved, d) +
           // Its padding, behind a report in an extension of the profile, is none of it.
           Bytes{0xa1, 201, 0, 14} + kMoved + report(kRestarted, e) + report(kMoved, {5, 5, 5, 5}) +
           Bytes{0, 0, 0, 4};
  };
  EXPECT_EQ(
      renumbered(of({0, 0, 0x1c, 0x40}, {0, 0, 0x80, 0}, {0, 1, 0, 8}, {0, 1, 0, 5}, {0, 2, 0, 1}),
                 5),
      of({0, 0, 0x9c, 0x40},  // 7,232 was 40,000
         {0, 1, 0, 0},        // the source went over the top
         {0, 0, 0, 5}, {0, 1, 0x80, 5}, {0, 0, 0xff, 0xfe}));
}

TEST(RtcpRenumber, GenericNack_RFC4585_6_2_1) {
  const Bytes head = {0x81, 205, 0, 4, 9, 9, 9, 9};
  EXPECT_EQ(renumbered(head + kMoved + Bytes{0, 1, 0xff, 0, 0xff, 0xff, 0, 1}, 1),
            head + kMoved + Bytes({0x80, 1, 0xff, 0, 0x7f, 0xff, 0, 1}));
  const Bytes of_other = head + kOther + Bytes{0, 1, 0xff, 0, 0xff, 0xff, 0, 1};
  EXPECT_EQ(renumbered(of_other, 0), of_other);
  const Bytes none = Bytes{0x81, 205, 0, 2, 9, 9, 9, 9} + kMoved;
  EXPECT_EQ(renumbered(none, 1), none);
  // Feedback of other formats names no numbers of RTP there: TMMBR, transport-wide congestion
  // control, and a picture that was lost.
  for (const Bytes& other : {Bytes{0x83, 205, 0, 4, 9, 9, 9, 9}, Bytes{0x8f, 205, 0, 4, 9, 9, 9, 9},
                             Bytes{0x81, 206, 0, 4, 9, 9, 9, 9}}) {
    const Bytes bytes = other + kMoved + Bytes{0, 1, 0xff, 0, 0xff, 0xff, 0, 1};
    EXPECT_EQ(renumbered(bytes, 0), bytes);
  }
}

// Blocks of streams, and when they were made.
Bytes congestion(const Bytes& blocks) {
  return Bytes{0x8b, 205, 0, static_cast<uint8_t>(2 + blocks.size() / 4), 9, 9, 9, 9} + blocks +
         kRestarted;
}

TEST(RtcpRenumber, CongestionControlFeedback_RFC8888_3_1) {
  const Bytes two = {0x80, 1, 0x80, 2}, three = {0x80, 1, 0, 0, 0x80, 2, 0, 0};
  const auto of = [&](const Bytes& a, const Bytes& b, const Bytes& c) {
    return congestion(kMoved + a + Bytes{0, 2} + two + kOther + Bytes{0, 7, 0, 3} + three +
                      kRestarted + b + Bytes{0, 0} + kMoved + c + Bytes{0, 3} + three);
  };
  EXPECT_EQ(renumbered(of({0, 1}, {0, 1}, {0xff, 0xff}), 3),
            of({0x80, 1}, {0xff, 0xfe}, {0x7f, 0xff}));
  EXPECT_EQ(renumbered(congestion({}), 0), congestion({})) << "of nothing, at a time";
}

TEST(RtcpRenumber, CongestionControlFeedbackWhoseCountsLieStays) {
  const Bytes good = kMoved + Bytes{0, 1, 0, 1, 0x80, 1, 0, 0};
  for (const Bytes& blocks :
       {good + kMoved, good + kMoved + Bytes{0, 1, 0, 1}, good + kMoved + Bytes{0, 1, 0xff, 0xff},
        kMoved + Bytes{0, 1, 0, 3, 0x80, 1, 0, 0}, kMoved + Bytes{0, 1, 0, 0, 0x80, 1, 0, 0}})
    EXPECT_EQ(renumbered(congestion(blocks), 0), congestion(blocks));
  // Padding of the packet is none of its blocks.
  Bytes padded = congestion(good) + Bytes{0, 0, 0, 4};
  padded[0] |= 0x20;
  ++padded[3];
  Bytes back = padded;
  back[12] = 0x80;
  EXPECT_EQ(renumbered(padded, 1), back);
}

Bytes xr(const Bytes& blocks) {
  return Bytes{0x80, 207, 0, static_cast<uint8_t>(1 + blocks.size() / 4), 9, 9, 9, 9} + blocks;
}

TEST(RtcpRenumber, XrSpans_RFC3611_4) {
  const Bytes times = {0, 0, 0, 1, 0, 0, 0, 2};
  const auto of = [&](const Bytes& a, const Bytes& b, const Bytes& c, const Bytes& d) {
    return xr(Bytes{1, 0, 0, 3} + kMoved + a + Bytes{0x40, 1, 0, 0} +      // loss RLE
              Bytes{2, 0, 0, 3} + kRestarted + b + Bytes{0x80, 1, 0, 0} +  // duplicate RLE
              Bytes{3, 0, 0, 4} + kMoved + c + times +                     // receipt times
              Bytes{4, 0, 0, 2} + times +                                  // reference time
              Bytes{6, 0xe0, 0, 9} + kMoved + d + Bytes(28, 7) +           // statistics
              Bytes{1, 0, 0, 2} + kOther + Bytes{0, 1, 0, 2});
  };
  EXPECT_EQ(renumbered(of({0, 1, 0, 9}, {0, 1, 0, 9}, {0x80, 0, 0x80, 2}, {0xff, 0xff, 0, 9}), 4),
            of({0x80, 1, 0x80, 9}, {0xff, 0xfe, 0, 6}, {0, 0, 0, 2}, {0x7f, 0xff, 0x80, 9}));
}

// Loss RLE of every fourth number: those that it names afterwards are multiples of four as well.
TEST(RtcpRenumber, ThinnedXrStaysOnItsMultiples_RFC3611_4_1) {
  const RtpShift shift{0x0e0e0e0e, 1003};
  const auto of = [](const Bytes& span) {
    return xr(Bytes{1, 2, 0, 3} + kRestarted + span + Bytes{0x40, 1, 0, 0});
  };
  EXPECT_EQ(renumbered(of({0x07, 0xd0, 0x07, 0xda}), 1, {&shift, 1}),  // 2,000 to before 2,010
            of({0x03, 0xe8, 0x03, 0xf2}));                             // 1,000 to before 1,010
}

TEST(RtcpRenumber, WhatHasNotTheLengthOfItsTypeStays) {
  for (const Bytes& blocks :
       {Bytes{1, 0, 0, 0}, Bytes{1, 0, 0, 1} + kMoved, Bytes{3, 0, 0, 1} + kMoved,
        Bytes{2, 0, 0, 1} + kMoved, Bytes{6, 0, 0, 2} + kMoved + Bytes{0, 1, 0, 2},
        Bytes{6, 0, 0, 0}, Bytes{99, 0, 0, 2} + kMoved + Bytes{0, 1, 0, 2}})
    EXPECT_EQ(renumbered(xr(blocks), 0), xr(blocks));
}

}  // namespace
}  // namespace holdfast::media
