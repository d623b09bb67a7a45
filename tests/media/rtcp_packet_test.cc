// SPDX-License-Identifier: Apache-2.0
// RTCP compounds: what is taken, what is refused by which name, and what is read from them.
#include "media/rtcp_packet.hh"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace holdfast::media {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts)
    for (const uint8_t byte : part) all.push_back(byte);
  return all;
}

Bytes zeros(size_t n) {
  return Bytes(n, 0);
}

// A packet of `type` whose length field is right for what follows the header.
Bytes packet(uint8_t count, uint8_t type, const Bytes& body, bool padded = false) {
  Bytes bytes = {static_cast<uint8_t>(0x80 | (padded ? 0x20 : 0) | count), type,
                 static_cast<uint8_t>(body.size() / 4 >> 8), static_cast<uint8_t>(body.size() / 4)};
  for (const uint8_t byte : body) bytes.push_back(byte);
  return bytes;
}

const Bytes kSsrc = {0x11, 0x22, 0x33, 0x44};
const Bytes kBlock = {
    0xde, 0xad, 0xbe, 0xef,  // SSRC
    0x40, 0xff, 0xff, 0xfe,  // a quarter lost since the last report; -2 in all
    0x00, 0x01, 0x00, 0x05,  // one wrap, number 5
    0x00, 0x00, 0x00, 0x50,  // jitter 80
    0xaa, 0xbb, 0xcc, 0xdd,  // LSR
    0x00, 0x01, 0x80, 0x00,  // DLSR 1.5 s
};
const Bytes kSenderInfo = {
    0x83, 0xaa, 0x7e, 0x80, 0x80, 0x00, 0x00, 0x00,  // NTP time
    0x00, 0x00, 0x10, 0x00,                          // RTP timestamp
    0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x04, 0x60,  // 7 packets, 1120 octets
};
const Bytes kCname = {0x11, 0x22, 0x33, 0x44, 1, 2, 'a', 'b', 0, 0, 0, 0};

struct Good {
  std::string name;
  Bytes bytes;
  std::vector<int> types;
};

TEST(RtcpPacket, Accepts) {
  const Good rows[] = {
      {"6.4.2 empty RR", packet(0, 201, kSsrc), {201}},
      {"6.4.1 SR with one block, SDES",
       join({packet(1, 200, join({kSsrc, kSenderInfo, kBlock})), packet(1, 202, kCname)}),
       {200, 202}},
      {"6.4.2 RR with 31 blocks", packet(31, 201, zeros(4 + 31 * 24)), {201}},
      {"6.4.3 profile extension", packet(0, 201, zeros(4 + 8)), {201}},
      {"6.5 SDES without chunks", packet(0, 202, {}), {202}},
      {"6.5 two chunks", packet(2, 202, join({kCname, kCname})), {202}},
      {"6.5 a chunk without items", packet(1, 202, zeros(8)), {202}},
      {"6.6 BYE of nobody", packet(0, 203, {}), {203}},
      {"6.6 BYE with reason", packet(1, 203, join({kSsrc, {3, 'e', 'n', 'd'}})), {203}},
      {"6.6 RR and BYE", join({packet(0, 201, kSsrc), packet(1, 203, kSsrc)}), {201, 203}},
      {"6.7 APP", packet(5, 204, zeros(12)), {204}},
      {"RFC 5506 feedback alone", packet(1, 205, zeros(12)), {205}},
      {"RFC 4585 6.3.1 PLI", packet(1, 206, zeros(8)), {206}},
      {"RFC 3611 XR with two blocks",
       packet(0, 207, join({kSsrc, {4, 0, 0, 1, 0, 0, 0, 0}, {5, 0, 0, 0}})),
       {207}},
      {"6.1 an unknown type is passed over",
       join({packet(0, 201, kSsrc), packet(9, 222, zeros(4))}),
       {201, 222}},
      {"6.4.1 padding on the last",
       join({packet(0, 201, kSsrc), packet(1, 203, join({kSsrc, {0, 0, 0, 4}}), true)}),
       {201, 203}},
      {"6.4.1 padding on the only one",
       packet(0, 201, join({kSsrc, {0, 0, 0, 0, 0, 0, 0, 8}}), true),
       {201}},
  };
  for (const Good& row : rows) {
    SCOPED_TRACE(row.name);
    const auto compound = parse_rtcp(row.bytes);
    ASSERT_TRUE(compound) << name_of(compound.error());
    std::vector<int> types;
    for (const RtcpPacket p : *compound) types.push_back(p.type());
    EXPECT_EQ(types, row.types);
  }
}

struct Bad {
  std::string name;
  Bytes bytes;
  RtcpReject reject;
};

TEST(RtcpPacket, Refuses) {
  const Bytes rr = packet(0, 201, kSsrc);
  const Bad rows[] = {
      {"empty", {}, RtcpReject::rtcp_too_short},
      {"three bytes", {0x80, 201, 0}, RtcpReject::rtcp_too_short},
      {"three bytes after an RR", join({rr, {0x80, 201, 0}}), RtcpReject::rtcp_too_short},
      {"longer than UDP", zeros(65'528), RtcpReject::rtcp_too_long},
      {"6.1 version 1", {0x40, 201, 0, 1, 1, 2, 3, 4}, RtcpReject::rtcp_bad_version},
      {"A.2 version 0 of the second", join({rr, {0, 203, 0, 0}}), RtcpReject::rtcp_bad_version},
      {"RFC 5761 type 191", packet(0, 191, kSsrc), RtcpReject::rtcp_bad_type},
      {"RFC 5761 type 224", packet(0, 224, kSsrc), RtcpReject::rtcp_bad_type},
      {"an RTP type after an RR", join({rr, packet(0, 0, kSsrc)}), RtcpReject::rtcp_bad_type},
      {"6.4.1 length one word too long",
       {0x80, 201, 0, 2, 1, 2, 3, 4},
       RtcpReject::rtcp_length_past_end},
      {"6.4.1 length 65535", {0x80, 201, 0xff, 0xff, 1, 2, 3, 4}, RtcpReject::rtcp_length_past_end},
      {"6.4.2 RR without SSRC", packet(0, 201, {}), RtcpReject::rtcp_length_too_small},
      {"6.4.1 SR without sender info", packet(0, 200, kSsrc), RtcpReject::rtcp_length_too_small},
      {"6.4.1 one block announced, none there", packet(1, 201, kSsrc),
       RtcpReject::rtcp_count_past_end},
      {"6.4.1 SR, second block one word short", packet(2, 200, zeros(4 + 20 + 44)),
       RtcpReject::rtcp_count_past_end},
      {"6.5 a chunk announced, none there", packet(1, 202, {}), RtcpReject::rtcp_count_past_end},
      {"6.5 a chunk of an SSRC alone", packet(1, 202, kSsrc), RtcpReject::rtcp_count_past_end},
      {"6.5 second chunk missing", packet(2, 202, kCname), RtcpReject::rtcp_count_past_end},
      {"6.5 item past the end", packet(1, 202, join({kSsrc, {1, 9, 'a', 'b'}})),
       RtcpReject::rtcp_item_past_end},
      {"6.5 items without an end", packet(1, 202, join({kSsrc, {1, 2, 'a', 'b'}})),
       RtcpReject::rtcp_item_past_end},
      {"6.5 item without a length", packet(1, 202, join({kSsrc, {1, 1, 'a', 1}})),
       RtcpReject::rtcp_item_past_end},
      {"6.6 BYE source missing", packet(2, 203, kSsrc), RtcpReject::rtcp_count_past_end},
      {"6.6 reason past the end", packet(1, 203, join({kSsrc, {4, 'e', 'n', 'd'}})),
       RtcpReject::rtcp_item_past_end},
      {"6.7 APP without name", packet(0, 204, kSsrc), RtcpReject::rtcp_length_too_small},
      {"RFC 4585 6.1 one SSRC only", packet(1, 205, kSsrc), RtcpReject::rtcp_length_too_small},
      {"RFC 3611 XR without SSRC", packet(0, 207, {}), RtcpReject::rtcp_length_too_small},
      {"RFC 3611 block past the end", packet(0, 207, join({kSsrc, {4, 0, 0, 1}})),
       RtcpReject::rtcp_item_past_end},
      {"6.4.1 padding before the last",
       join({packet(0, 201, join({kSsrc, {0, 0, 0, 4}}), true), rr}), RtcpReject::rtcp_bad_padding},
      {"6.4.1 padding of zero", packet(0, 201, zeros(8), true), RtcpReject::rtcp_bad_padding},
      {"6.4.1 padding not of words", packet(0, 201, join({kSsrc, {0, 0, 0, 3}}), true),
       RtcpReject::rtcp_bad_padding},
      {"6.4.1 padding over the header", packet(0, 201, {0, 0, 0, 8}, true),
       RtcpReject::rtcp_bad_padding},
      {"6.4.1 padding over the SSRC", packet(0, 201, {0, 0, 0, 4}, true),
       RtcpReject::rtcp_length_too_small},
      {"6.4.1 padding of a bare header", packet(0, 203, {}, true), RtcpReject::rtcp_bad_padding},
  };
  for (const Bad& row : rows) {
    SCOPED_TRACE(row.name);
    const auto compound = parse_rtcp(row.bytes);
    ASSERT_FALSE(compound);
    EXPECT_EQ(compound.error(), row.reject) << name_of(compound.error());
  }
}

TEST(RtcpPacket, ReadsReports) {  // RFC 3550 6.4.1
  const Bytes bytes = packet(2, 200, join({kSsrc, kSenderInfo, kBlock, zeros(24)}));
  const auto compound = parse_rtcp(bytes);
  ASSERT_TRUE(compound);
  const RtcpPacket sr = *compound->begin();
  EXPECT_EQ(sr.ssrc(), 0x11223344U);
  ASSERT_TRUE(sr.sender_info());
  EXPECT_EQ(sr.sender_info()->ntp, 0x83aa7e8080000000U);
  EXPECT_EQ(sr.sender_info()->rtp_timestamp, 0x1000U);
  EXPECT_EQ(sr.sender_info()->packet_count, 7U);
  EXPECT_EQ(sr.sender_info()->octet_count, 1120U);
  ASSERT_EQ(sr.report_count(), 2U);
  const RtcpReportBlock block = sr.report(0);
  EXPECT_EQ(block.ssrc, 0xdeadbeefU);
  EXPECT_EQ(block.fraction_lost_q8, 64);
  EXPECT_EQ(block.cumulative_lost, -2);
  EXPECT_EQ(block.highest_ext_seq, 65541U);
  EXPECT_EQ(block.jitter_ticks, 80U);
  EXPECT_EQ(block.last_sr_ntp_middle, 0xaabbccddU);
  EXPECT_EQ(block.delay_since_sr_q16, 98'304U);
  EXPECT_EQ(sr.report(1).cumulative_lost, 0);
}

TEST(RtcpPacket, SignOfCumulativeLost) {
  const struct {
    Bytes wire;
    int32_t lost;
  } rows[] = {{{0, 0x7f, 0xff, 0xff}, 8'388'607},
              {{0, 0x80, 0x00, 0x00}, -8'388'608},
              {{0xff, 0xff, 0xff, 0xff}, -1},
              {{0, 0, 0, 1}, 1}};
  for (const auto& row : rows) {
    const Bytes bytes = packet(1, 201, join({kSsrc, kSsrc, row.wire, zeros(16)}));
    const auto compound = parse_rtcp(bytes);
    ASSERT_TRUE(compound);
    EXPECT_EQ((*compound->begin()).report(0).cumulative_lost, row.lost);
  }
}

TEST(RtcpPacket, SsrcWhereThereIsOne) {
  const auto ssrc = [](const Bytes& bytes) { return (*parse_rtcp(bytes)->begin()).ssrc(); };
  EXPECT_EQ(ssrc(packet(1, 203, kSsrc)), 0x11223344U);
  EXPECT_EQ(ssrc(packet(0, 203, {})), std::nullopt);
  EXPECT_EQ(ssrc(packet(1, 202, kCname)), std::nullopt);
  EXPECT_EQ(ssrc(packet(0, 199, kSsrc)), std::nullopt);
  const Bytes bye = packet(2, 203, join({zeros(4), kSsrc}));
  EXPECT_EQ((*parse_rtcp(bye)->begin()).bye_ssrc(1), 0x11223344U);
}

// SRTCP of others: the first header, and that there is a trailer.
TEST(RtcpPacket, OfSealedOnesTheFirstHeaderIsChecked) {
  Bytes sealed = join({packet(1, 200, join({kSsrc, kSenderInfo, kBlock})), packet(1, 202, kCname)});
  std::fill(sealed.begin() + 8, sealed.end(), uint8_t{0xe5});            // encrypted
  const Bytes trailer = {0x80, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};  // E, index, tag
  sealed.insert(sealed.end(), trailer.begin(), trailer.end());
  EXPECT_EQ(check_sealed_rtcp(sealed), std::nullopt);
  EXPECT_FALSE(parse_rtcp(sealed));
  for (size_t n = 0; n < sealed.size(); ++n) {
    const auto wrong = check_sealed_rtcp(std::span(sealed).first(n));
    if (n < 16)
      EXPECT_EQ(wrong, RtcpReject::rtcp_too_short) << n;
    else if (n < 52 + 8)
      EXPECT_EQ(wrong, RtcpReject::rtcp_length_past_end) << n;
    else
      EXPECT_EQ(wrong, std::nullopt) << n;
  }
  const auto with = [&](size_t at, uint8_t value) {
    Bytes changed = sealed;
    changed[at] = value;
    return check_sealed_rtcp(changed);
  };
  EXPECT_EQ(with(0, 0x40), RtcpReject::rtcp_bad_version);
  EXPECT_EQ(with(1, 191), RtcpReject::rtcp_bad_type);
  EXPECT_EQ(with(1, 224), RtcpReject::rtcp_bad_type);
  EXPECT_EQ(with(3, 0), RtcpReject::rtcp_length_too_small);
  EXPECT_EQ(check_sealed_rtcp(zeros(65536)), RtcpReject::rtcp_too_long);
}

TEST(RtcpPacket, EveryPrefixIsParsedOrRefused) {
  const Bytes whole = join({packet(1, 200, join({kSsrc, kSenderInfo, kBlock})),
                            packet(1, 202, kCname), packet(1, 203, kSsrc)});
  size_t taken = 0;
  for (size_t n = 0; n <= whole.size(); ++n)
    if (parse_rtcp(std::span(whole).first(n))) ++taken;
  EXPECT_EQ(taken, 3U) << "only the three ends of a packet";
}

}  // namespace
}  // namespace holdfast::media
