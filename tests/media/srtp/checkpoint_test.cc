// SPDX-License-Identifier: Apache-2.0
// Checkpoints survive their text, jump when they are advanced, and any other text is refused.
#include "media/srtp/checkpoint.hh"

#include <gtest/gtest.h>

#include "media/base64.hh"
#include "media/srtp/numbering.hh"

namespace holdfast::media {
namespace {

SrtpLegCheckpoint some_checkpoint(uint32_t streams) {
  SrtpLegCheckpoint made;
  made.in_key = {1, 2, 3, 4, 5, 6, 7, 8};
  made.out_key = {255, 2, 3, 4, 5, 6, 7, 9};
  made.in.stream_count = made.out.stream_count = streams;
  made.in.rtp_packets = 1 << 20;
  made.in.rtcp_packets = 11;
  made.out.rtp_packets = 1000;
  made.out.rtcp_packets = 7;
  made.out.rtcp_floor = 3;
  for (uint32_t i = 0; i < streams; ++i) {
    made.in.streams[i] = {kMaxSrtpIndex - i, ~i, kMaxSrtcpIndex - i, i % 2 == 0, i % 3 == 0};
    made.out.streams[i] = {0x1'2345 + i, i, 9 + i, true, i % 2 == 0};
  }
  return made;
}

void expect_equal(const SrtpCheckpoint& a, const SrtpCheckpoint& b) {
  EXPECT_EQ(a.rtp_packets, b.rtp_packets);
  EXPECT_EQ(a.rtcp_packets, b.rtcp_packets);
  EXPECT_EQ(a.rtcp_floor, b.rtcp_floor);
  ASSERT_EQ(a.stream_count, b.stream_count);
  EXPECT_EQ(a.streams, b.streams);
}

TEST(SrtpCheckpoint, SurvivesItsText) {
  for (uint32_t streams = 0; streams <= kMaxSrtpSsrcs; ++streams) {
    const SrtpLegCheckpoint made = some_checkpoint(streams);
    const std::string text = to_text(made);
    EXPECT_LE(text.size(), kMaxCheckpointText);
    const auto read = checkpoint_from_text(text);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->in_key, made.in_key);
    EXPECT_EQ(read->out_key, made.out_key);
    expect_equal(read->in, made.in);
    expect_equal(read->out, made.out);
  }
}

TEST(SrtpCheckpoint, OtherTextIsRefused) {
  const std::string text = to_text(some_checkpoint(2));
  std::array<uint8_t, kMaxCheckpointText> bytes{};
  const size_t size = decode_base64(text, bytes).value();
  const auto refused = [&](size_t length) {
    std::string other;
    append_base64(std::span(bytes).first(length), other);
    return !checkpoint_from_text(other) && !advance_checkpoint(other);
  };
  for (size_t length = 0; length < size; ++length)
    EXPECT_TRUE(length == 0 || refused(length)) << length;
  EXPECT_TRUE(refused(size + 1));
  EXPECT_FALSE(checkpoint_from_text(""));
  EXPECT_FALSE(checkpoint_from_text("not base64!"));
  bytes[1 + 8 + 6 + 6 + 4] = kMaxSrtpSsrcs + 1;
  EXPECT_TRUE(refused(size));
  bytes[0] = 2;
  EXPECT_TRUE(refused(size));
}

TEST(SrtpCheckpoint, AdvancedIsAheadOfWhatMayHaveBeenSent) {
  const SrtpLegCheckpoint made = some_checkpoint(2);
  const auto once = checkpoint_from_text(advance_checkpoint(to_text(made)).value());
  ASSERT_TRUE(once);
  EXPECT_EQ(once->in.streams, made.in.streams) << "the window opens where it was";
  EXPECT_EQ(once->out.streams[1].index, made.out.streams[1].index + kRestoreRtpJump);
  EXPECT_EQ(once->out.streams[1].rtcp_index, made.out.streams[1].rtcp_index + kRestoreRtcpJump);
  EXPECT_EQ(once->out.rtcp_floor, 3 + kRestoreRtcpJump);
  EXPECT_EQ(once->out.rtp_packets, 1000 + kRestoreRtpJump);
  const auto twice = checkpoint_from_text(advance_checkpoint(to_text(*once)).value());
  EXPECT_EQ(twice->out.rtcp_floor, 3 + 2 * kRestoreRtcpJump);
  // Nothing was kept of a call that is younger than a second.
  const auto young = checkpoint_from_text(advance_checkpoint("").value());
  EXPECT_EQ(young->out.rtcp_floor, kRestoreRtcpJump);
  EXPECT_EQ(young->out.stream_count, 0u);
}

SrtpFingerprint of(SrtpSuite suite, uint8_t byte, SrtpMki mki = {}) {
  std::array<uint8_t, kMaxSrtpMasterBytes> bytes{byte};
  const auto used = std::span(bytes).first(traits_of(suite).master_bytes());
  return fingerprint_of({std::move(*SrtpMasterKey::from_bytes(suite, used)), 1, mki});
}

TEST(SrtpFingerprint, TellsKeysApart) {
  const auto one = of(SrtpSuite::aes_cm_128_hmac_sha1_80, 1);
  EXPECT_EQ(one, of(SrtpSuite::aes_cm_128_hmac_sha1_80, 1));
  EXPECT_NE(one, kNoSrtpKey);
  EXPECT_NE(one, of(SrtpSuite::aes_cm_128_hmac_sha1_80, 2));
  EXPECT_NE(one, of(SrtpSuite::aes_cm_128_hmac_sha1_32, 1)) << "the same bytes, another suite";
  EXPECT_NE(one, of(SrtpSuite::aes_cm_128_hmac_sha1_80, 1, {0, 1}));
  EXPECT_NE(of(SrtpSuite::aes_cm_128_hmac_sha1_80, 1, {1, 1}),
            of(SrtpSuite::aes_cm_128_hmac_sha1_80, 1, {1, 2}));
}

}  // namespace
}  // namespace holdfast::media
