// SPDX-License-Identifier: Apache-2.0
// RTP header parsing and the telling apart of what arrives on a media port, byte by byte.
#include "media/rtp_packet.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

namespace holdfast::media {
namespace {

using Bytes = std::vector<uint8_t>;

// A fixed header with first byte `b0` and second byte `b1`, sequence 0x1234, timestamp 0x89abcdef,
// SSRC 0xdeadbeef, and what follows it.
Bytes header(uint8_t b0, uint8_t b1, const Bytes& rest = {}) {
  const uint8_t fixed[] = {b0, b1, 0x12, 0x34, 0x89, 0xab, 0xcd, 0xef, 0xde, 0xad, 0xbe, 0xef};
  Bytes bytes(sizeof fixed + rest.size());
  std::copy(std::begin(fixed), std::end(fixed), bytes.begin());
  std::copy(rest.begin(), rest.end(), bytes.begin() + sizeof fixed);
  return bytes;
}

Bytes zeros(size_t n) {
  return Bytes(n, 0);
}

struct Good {
  std::string name;
  Bytes bytes;
  uint8_t payload_type;
  bool marker;
  uint8_t csrc_count;
  bool extension;
  uint16_t payload_offset;
  uint16_t payload_length;
  uint8_t padding;
};

TEST(RtpPacket, Accepts) {
  const Good rows[] = {
      {"5.1 header alone", header(0x80, 0), 0, false, 0, false, 12, 0, 0},
      {"5.1 G.711, 160 bytes", header(0x80, 0, zeros(160)), 0, false, 0, false, 12, 160, 0},
      {"5.1 marker, type 101", header(0x80, 0xe5, zeros(4)), 101, true, 0, false, 12, 4, 0},
      {"5.1 type 127", header(0x80, 0x7f), 127, false, 0, false, 12, 0, 0},
      {"5.1 two CSRCs", header(0x82, 8, zeros(9)), 8, false, 2, false, 20, 1, 0},
      {"5.1 15 CSRCs, no payload", header(0x8f, 8, zeros(60)), 8, false, 15, false, 72, 0, 0},
      {"5.3.1 empty extension", header(0x90, 0, {0xbe, 0xde, 0, 0, 7}), 0, false, 0, true, 16, 1,
       0},
      {"5.3.1 one word", header(0x90, 0, {0xbe, 0xde, 0, 1, 1, 2, 3, 4}), 0, false, 0, true, 20, 0,
       0},
      {"5.1 all padding", header(0xa0, 0, {0, 0, 0, 4}), 0, false, 0, false, 12, 0, 4},
      {"5.1 one byte of padding", header(0xa0, 0, {9, 9, 1}), 0, false, 0, false, 12, 2, 1},
      {"5.1 CSRC, extension, padding",
       header(0xb1, 0, {0, 0, 0, 1, 0, 0, 0, 1, 5, 5, 5, 5, 7, 0, 2}), 0, false, 1, true, 24, 1, 2},
  };
  for (const Good& row : rows) {
    SCOPED_TRACE(row.name);
    const auto packet = parse_rtp(row.bytes);
    ASSERT_TRUE(packet) << name_of(packet.error());
    EXPECT_EQ(packet->payload_type, row.payload_type);
    EXPECT_EQ(packet->marker, row.marker);
    EXPECT_EQ(packet->csrc_count, row.csrc_count);
    EXPECT_EQ(packet->has_extension, row.extension);
    EXPECT_EQ(packet->payload_offset, row.payload_offset);
    EXPECT_EQ(packet->payload_length, row.payload_length);
    EXPECT_EQ(packet->padding_length, row.padding);
    EXPECT_EQ(packet->sequence, 0x1234);
    EXPECT_EQ(packet->timestamp, 0x89abcdefU);
    EXPECT_EQ(packet->ssrc, 0xdeadbeefU);
  }
}

struct Bad {
  std::string name;
  Bytes bytes;
  RtpReject reject;
};

TEST(RtpPacket, Refuses) {
  const Bad rows[] = {
      {"empty", {}, RtpReject::rtp_too_short},
      {"one byte", {0x80}, RtpReject::rtp_too_short},
      {"5.1 eleven bytes", Bytes(11, 0x80), RtpReject::rtp_too_short},
      {"longer than UDP", header(0x80, 0, zeros(65'516)), RtpReject::rtp_too_long},
      {"5.1 version 0", header(0x00, 0), RtpReject::rtp_bad_version},
      {"5.1 version 1", header(0x40, 0), RtpReject::rtp_bad_version},
      {"5.1 version 3", header(0xc0, 0), RtpReject::rtp_bad_version},
      {"5.1 CSRC missing", header(0x81, 0), RtpReject::rtp_csrc_past_end},
      {"5.1 15 CSRCs, one byte short", header(0x8f, 0, zeros(59)), RtpReject::rtp_csrc_past_end},
      {"5.3.1 no room for its head", header(0x90, 0, zeros(3)), RtpReject::rtp_extension_past_end},
      {"5.3.1 one word short", header(0x90, 0, {0, 0, 0, 1, 0, 0, 0}),
       RtpReject::rtp_extension_past_end},
      {"5.3.1 65535 words", header(0x90, 0, {0, 0, 0xff, 0xff, 0, 0, 0, 0}),
       RtpReject::rtp_extension_past_end},
      {"5.3.1 after CSRCs", header(0x91, 0, zeros(7)), RtpReject::rtp_extension_past_end},
      {"5.1 padding, no payload", header(0xa0, 0), RtpReject::rtp_bad_padding},
      {"5.1 padding of zero", header(0xa0, 0, {1, 2, 0}), RtpReject::rtp_bad_padding},
      {"5.1 padding into the header", header(0xa0, 0, {1, 2, 4}), RtpReject::rtp_bad_padding},
      {"5.1 padding into the CSRCs", header(0xa1, 0, {0, 0, 0, 1, 2}), RtpReject::rtp_bad_padding},
  };
  for (const Bad& row : rows) {
    SCOPED_TRACE(row.name);
    const auto packet = parse_rtp(row.bytes);
    ASSERT_FALSE(packet);
    EXPECT_EQ(packet.error(), row.reject) << name_of(packet.error());
  }
}

TEST(RtpPacket, HeaderParseLeavesPaddingAloneForSrtp) {  // RFC 3711 3.1: the count is encrypted
  const auto packet = parse_rtp_header(header(0xa0, 0, {1, 2, 0xff}));
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->payload_length, 3);
  EXPECT_EQ(packet->padding_length, 0);
}

TEST(RtpPacket, EveryPrefixOfAPacketIsParsedOrRefused) {
  const Bytes whole = header(0xb3, 0, zeros(40));
  for (size_t n = 0; n <= whole.size(); ++n) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n));
    const auto packet = parse_rtp(cut);
    if (packet) {
      EXPECT_EQ(packet->payload_offset + packet->payload_length + packet->padding_length, n);
    }
  }
}

TEST(RtpPacket, RejectsHaveNames) {
  EXPECT_EQ(name_of(RtpReject::rtp_csrc_past_end), "rtp_csrc_past_end");
  EXPECT_FALSE(text_of(RtpReject::rtp_bad_padding).empty());
}

TEST(Classify, FirstByteRfc7983) {
  for (int b = 0; b < 256; ++b) {
    const Bytes bytes = header(static_cast<uint8_t>(b), 0);
    MediaKind want = MediaKind::other;
    if (b <= 3) want = MediaKind::stun;
    if (b >= 16 && b <= 19) want = MediaKind::zrtp;
    if (b >= 20 && b <= 63) want = MediaKind::dtls;
    if (b >= 64 && b <= 79) want = MediaKind::turn;
    if (b >= 128 && b <= 191) want = MediaKind::rtp;
    EXPECT_EQ(classify(bytes), want) << b << " is " << name_of(classify(bytes));
  }
}

TEST(Classify, SecondByteRfc5761) {
  for (int b = 0; b < 256; ++b) {
    const Bytes bytes = header(0x80, static_cast<uint8_t>(b));
    const MediaKind want = b >= 192 && b <= 223 ? MediaKind::rtcp : MediaKind::rtp;
    EXPECT_EQ(classify(bytes), want) << b;
  }
}

TEST(Classify, ShortDatagrams) {
  EXPECT_EQ(classify({}), MediaKind::other);
  EXPECT_EQ(classify(Bytes{0x80}), MediaKind::rtp);  // which the parser then refuses by name
  EXPECT_EQ(classify(Bytes{0x00}), MediaKind::stun);
}

TEST(ClockRate, Rfc3551StaticTypes) {
  EXPECT_EQ(clock_rate_hz(0), 8000U);
  EXPECT_EQ(clock_rate_hz(6), 16000U);
  EXPECT_EQ(clock_rate_hz(8), 8000U);
  EXPECT_EQ(clock_rate_hz(9), 8000U) << "G.722 samples at 16 kHz and counts at 8 (4.5.2)";
  EXPECT_EQ(clock_rate_hz(10), 44100U);
  EXPECT_EQ(clock_rate_hz(16), 11025U);
  EXPECT_EQ(clock_rate_hz(17), 22050U);
  EXPECT_EQ(clock_rate_hz(18), 8000U);
  EXPECT_EQ(clock_rate_hz(34), 90000U);
  EXPECT_EQ(clock_rate_hz(111), 8000U);
}

}  // namespace
}  // namespace holdfast::media
