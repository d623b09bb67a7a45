// SPDX-License-Identifier: Apache-2.0
// What SRTP adds to a packet, by table: suites, MKIs, whose SRTP it is, what cannot be read.
#include "media/srtp/trailer.hh"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::media {
namespace {

const std::string kKey = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const std::string k80 = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + kKey;
const std::string k32 = "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" + kKey;
const std::string kGcm =
    "a=crypto:3 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";
const std::string kEnd = "\r\n";

SrtpSaid said(const std::string& proto, const std::string& lines) {
  const std::string text =
      "v=0\r\no=- 1 1 IN IP4 198.18.1.10\r\ns=-\r\nc=IN IP4 198.18.1.10\r\nm=audio 4000 " + proto +
      " 0\r\n" + lines;
  const auto sdp = parse_sdp(text);  // refers to it
  EXPECT_TRUE(sdp);
  if (!sdp) return {};
  const auto media = describe_media(*sdp);
  EXPECT_TRUE(media);
  return media ? srtp_said(*sdp, sdp->media()[0], (*media)[0]) : SrtpSaid{};
}

TEST(Trailer, OfTheWriterOfABody) {
  const SrtpInterface both{SrtpPolicy::offer,
                           {SrtpSuite::aes_cm_128_hmac_sha1_32, SrtpSuite::aead_aes_128_gcm}};
  const SrtpInterface forbid{SrtpPolicy::forbid};
  const SrtpInterface pass;
  const SrtpTerms ours = srtp_terms(both.rules(true), pass.rules(true));
  const SrtpTerms theirs = srtp_terms(pass.rules(true), pass.rules(true));
  const SrtpTerms none = srtp_terms(forbid.rules(true), both.rules(true));
  const SrtpTerms silent = srtp_terms(both.rules(false), pass.rules(true));
  struct Row {
    const char* name;
    const char* proto;
    std::string lines;
    uint32_t ours, theirs, none, silent;
  };
  const Row rows[] = {
      {"plain", "RTP/AVP", "", 0, 0, 0, 0},
      {"optional", "RTP/AVP", k32 + kEnd, 4, 4, 0, 0},
      {"by our preference, or any", "RTP/SAVP", kGcm + kEnd + k32 + kEnd, 4, 16, 0, 0},
      {"one that we do not take", "RTP/AVP", k80 + kEnd, 0, 10, 0, 0},
      {"an MKI", "RTP/SAVPF", k32 + "|2^31|1:4" + kEnd, 8, 8, 0, 0},
      {"unknown to us", "RTP/SAVP", "a=crypto:1 NEW inline:x\r\n", 0, 10, 0, 0},
      {"no keys there", "RTP/SAVP", "", 0, 10, 0, 0},
      {"DTLS", "UDP/TLS/RTP/SAVP", "", 0, 10, 0, 0},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const SrtpSaid read = said(row.proto, row.lines);
    EXPECT_EQ(trailer_bytes_of(read, ours), row.ours);
    EXPECT_EQ(trailer_bytes_of(read, theirs), row.theirs);
    EXPECT_EQ(trailer_bytes_of(read, none), row.none);
    EXPECT_EQ(trailer_bytes_of(read, silent), row.silent);
  }
}

TEST(Trailer, WhatIsInUseMayGoOn) {
  const SrtpSaid plain = said("RTP/AVP", ""), optional = said("RTP/AVP", k80 + kEnd + k32 + kEnd),
                 secure = said("RTP/SAVP", kGcm + kEnd), unknown = said("RTP/SAVP", "");
  EXPECT_TRUE(may_come_to(plain, 0) && may_come_to(optional, 0));
  EXPECT_FALSE(may_come_to(secure, 0) || may_come_to(unknown, 0));
  EXPECT_TRUE(may_come_to(optional, 4) && may_come_to(optional, 10) && may_come_to(secure, 16));
  EXPECT_FALSE(may_come_to(plain, 10) || may_come_to(optional, 16) || may_come_to(secure, 10));
  EXPECT_TRUE(may_come_to(unknown, 10));
}

TEST(Trailer, TheMostThatAReaderMayTake) {
  const SrtpInterface all{SrtpPolicy::require};
  const SrtpInterface one{SrtpPolicy::offer, {SrtpSuite::aes_256_cm_hmac_sha1_32}};
  const SrtpInterface pass;
  EXPECT_EQ(most_trailer_bytes(srtp_terms(all.rules(true), pass.rules(true))), 16u);
  EXPECT_EQ(most_trailer_bytes(srtp_terms(one.rules(true), pass.rules(true))), 4u);
  EXPECT_EQ(most_trailer_bytes(srtp_terms(one.rules(false), pass.rules(true))), 0u);
  EXPECT_EQ(most_trailer_bytes(srtp_terms(pass.rules(true), pass.rules(true))), 0u);
  EXPECT_EQ(most_trailer_bytes(srtp_terms(pass.rules(true), one.rules(true))), 16u)
      << "with another policy on the other side it offers";
}

}  // namespace
}  // namespace holdfast::media
