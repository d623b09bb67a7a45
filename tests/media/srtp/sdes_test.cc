// SPDX-License-Identifier: Apache-2.0
// Crypto attributes (RFC 4568): what is read from each form, and the name of each refusal.
#include "media/srtp/sdes.hh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::media {
namespace {

const std::string kKey30 = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";  // RFC 4568 section 4.1
const std::string kOther30 = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
const std::string kKey28 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";
const std::string kKey44 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=";
const std::string kKey46 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLQ==";
const std::string kCm80 = "AES_CM_128_HMAC_SHA1_80 ";

SdesCrypto parsed(const std::string& value) {
  auto crypto = parse_crypto(value);
  EXPECT_TRUE(crypto) << value << ": " << name_of(crypto.error());
  return std::move(crypto).value();
}

TEST(Sdes, TagSuiteAndKey) {
  const SdesCrypto crypto = parsed("1 " + kCm80 + "inline:" + kKey30);
  EXPECT_EQ(crypto.tag, 1u);
  EXPECT_EQ(crypto.suite, SrtpSuite::aes_cm_128_hmac_sha1_80);
  ASSERT_EQ(crypto.keys.size(), 1u);
  const auto bytes = crypto.keys[0].master.bytes();
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "YS___semctl () {\t220;}\n}\nunles");
  EXPECT_EQ(crypto.keys[0].lifetime_packets, kMaxSrtpLifetime);
  EXPECT_EQ(crypto.keys[0].mki, SrtpMki{});
  EXPECT_EQ(crypto.parameters, SdesParameters{});
}

TEST(Sdes, EverySuite) {
  const std::pair<std::string, std::string> rows[] = {
      {"AES_CM_128_HMAC_SHA1_80", kKey30}, {"AES_CM_128_HMAC_SHA1_32", kKey30},
      {"AES_256_CM_HMAC_SHA1_80", kKey46}, {"AES_256_CM_HMAC_SHA1_32", kKey46},
      {"AEAD_AES_128_GCM", kKey28},        {"AEAD_AES_256_GCM", kKey44}};
  for (size_t i = 0; i < std::size(rows); ++i) {
    const std::string value = "7 " + rows[i].first + " inline:" + rows[i].second;
    const SdesCrypto crypto = parsed(value);
    EXPECT_EQ(static_cast<size_t>(crypto.suite), i);
    EXPECT_EQ(write_crypto(crypto), value);
  }
  EXPECT_EQ(parsed("1 aead_aes_128_gcm inline:" + kKey28).suite, SrtpSuite::aead_aes_128_gcm);
}

TEST(Sdes, LifetimeAndMki) {
  struct Row {
    std::string behind_key;
    uint64_t lifetime;
    SrtpMki mki;
    std::string written;
  };
  const Row rows[] = {
      {"|2^31|1:1", uint64_t{1} << 31, {1, 1}, "|2^31|1:1"},  // as seen from real phones
      {"|2^20|1:4", 1 << 20, {1, 4}, "|2^20|1:4"},            // RFC 4568 section 4.1
      {"|1:1", kMaxSrtpLifetime, {1, 1}, "|1:1"},
      {"|2^48", kMaxSrtpLifetime, {}, ""},
      {"|2^31|", uint64_t{1} << 31, {}, "|2^31"},  // a bar with nothing behind it does no harm
      {"|1048576", 1 << 20, {}, "|2^20"},
      {"|1000000|255:1", 1000000, {255, 1}, "|1000000|255:1"},
      {"|2^0", 1, {}, "|2^0"},
      {"|18446744073709551615:8", kMaxSrtpLifetime, {~uint64_t{0}, 8}, "|18446744073709551615:8"},
  };
  const std::string head = "1 " + kCm80 + "inline:" + kKey30;
  for (const Row& row : rows) {
    const SdesCrypto crypto = parsed(head + row.behind_key);
    EXPECT_EQ(crypto.keys[0].lifetime_packets, row.lifetime) << row.behind_key;
    EXPECT_EQ(crypto.keys[0].mki, row.mki) << row.behind_key;
    EXPECT_EQ(write_crypto(crypto), head + row.written);
  }
}

TEST(Sdes, SeveralKeysAndAllParameters) {
  const std::string value = "1 " + kCm80 + "inline:" + kKey30 + "|2^20|1:4;inline:" + kOther30 +
                            "|2^20|2:4 KDR=3 UNENCRYPTED_SRTP UNENCRYPTED_SRTCP "
                            "UNAUTHENTICATED_SRTP WSH=128";
  const SdesCrypto crypto = parsed(value + " FEC_ORDER=FEC_SRTP FEC_KEY=inline:x -new=1");
  ASSERT_EQ(crypto.keys.size(), 2u);
  EXPECT_EQ(crypto.keys[1].mki, (SrtpMki{2, 4}));
  EXPECT_FALSE(crypto.keys[0].master.same_as(crypto.keys[1].master));
  const SdesParameters& p = crypto.parameters;
  EXPECT_TRUE(p.unencrypted_srtp && p.unencrypted_srtcp && p.unauthenticated_srtp);
  EXPECT_TRUE(p.fec_order && p.fec_key && p.has_key_derivation_rate);
  EXPECT_EQ(p.key_derivation_rate_log2, 3);
  EXPECT_EQ(p.window_size_hint, 128);
  EXPECT_EQ(write_crypto(crypto), value);
}

TEST(Sdes, RefusedByName) {
  using enum SdesReject;
  const std::string k = "inline:" + kKey30;
  const std::pair<std::string, SdesReject> rows[] = {
      {"", sdes_bad_tag},
      {"x " + kCm80 + k, sdes_bad_tag},
      {"-1 " + kCm80 + k, sdes_bad_tag},
      {"01 " + kCm80 + k, sdes_bad_tag},
      {"1234567890 " + kCm80 + k, sdes_bad_tag},
      {"1", sdes_no_suite},
      {"1 AES_CM_192_HMAC_SHA1_80 " + k, sdes_unknown_suite},
      {"1 NULL_HMAC_SHA1_80 " + k, sdes_unknown_suite},
      {"1 F8_128_HMAC_SHA1_80 " + k, sdes_unknown_suite},
      {"1 " + kCm80, sdes_no_key},
      {"1 " + kCm80 + "uri:https://example.net/key", sdes_bad_key_method},
      {"1 " + kCm80 + kKey30, sdes_bad_key_method},
      {"1 " + kCm80 + "inline:", sdes_bad_key_length},
      {"1 " + kCm80 + "inline:" + kKey28, sdes_bad_key_length},
      {"1 " + kCm80 + "inline:" + kKey46, sdes_bad_key_length},
      {"1 AES_256_CM_HMAC_SHA1_80 " + k, sdes_bad_key_length},
      {"1 AEAD_AES_128_GCM " + k, sdes_bad_key_length},
      {"1 " + kCm80 + "inline:" + std::string(400, 'A'), sdes_bad_base64},
      {"1 " + kCm80 + "inline:****", sdes_bad_base64},
      {"1 " + kCm80 + k + "=", sdes_bad_base64},
      {"1 " + kCm80 + k + "|0", sdes_bad_lifetime},
      {"1 " + kCm80 + k + "|2^49", sdes_bad_lifetime},
      {"1 " + kCm80 + k + "|281474976710657", sdes_bad_lifetime},
      {"1 " + kCm80 + k + "|3^10", sdes_bad_lifetime},
      {"1 " + kCm80 + k + "|2^020", sdes_bad_lifetime},
      {"1 " + kCm80 + k + "||1:1", sdes_bad_lifetime},
      {"1 " + kCm80 + k + "|1:0", sdes_bad_mki},
      {"1 " + kCm80 + k + "|1:9", sdes_bad_mki},
      {"1 " + kCm80 + k + "|256:1", sdes_bad_mki},
      {"1 " + kCm80 + k + "|:1", sdes_bad_mki},
      {"1 " + kCm80 + k + "|1:1|2^31", sdes_bad_mki},
      {"1 " + kCm80 + k + ";" + k, sdes_ambiguous_keys},
      {"1 " + kCm80 + k + "|1:1;" + k + "|1:1", sdes_ambiguous_keys},
      {"1 " + kCm80 + k + "|1:1;" + k + "|2:2", sdes_ambiguous_keys},
      {"1 " + kCm80 + k + "|1:1;" + k + "|2:1;" + k + "|3:1;" + k + "|4:1;" + k + "|5:1",
       sdes_too_many_keys},
      {"1 " + kCm80 + k + " KDR=25", sdes_bad_parameter},
      {"1 " + kCm80 + k + " KDR=1 KDR=1", sdes_bad_parameter},
      {"1 " + kCm80 + k + " WSH=63", sdes_bad_parameter},
      {"1 " + kCm80 + k + " UNENCRYPTED_SRTP=1", sdes_bad_parameter},
      {"1 " + kCm80 + k + " UNENCRYPTED_SRTCP UNENCRYPTED_SRTCP", sdes_bad_parameter},
      {"1 " + kCm80 + k + " FEC_ORDER=both", sdes_bad_parameter},
      {"1 " + kCm80 + k + " NEW", sdes_unknown_parameter},
      {"1 " + kCm80 + k + std::string(2048, ' '), sdes_too_long},
  };
  for (const auto& [value, reason] : rows) {
    const auto crypto = parse_crypto(value);
    ASSERT_FALSE(crypto) << value;
    EXPECT_EQ(name_of(crypto.error()), name_of(reason)) << value;
    EXPECT_FALSE(text_of(reason).empty());
  }
}

// A bad one does not spoil the others (RFC 4568 section 7.1.2).
TEST(Sdes, OfSeveralLinesTheGoodOnesStay) {
  const std::string k = "inline:" + kKey30;
  const std::vector<std::string> text = {"1 AES_192_CM_HMAC_SHA1_80 " + k,
                                         "2 " + kCm80 + "inline:!",
                                         "3 AEAD_AES_128_GCM inline:" + kKey28,
                                         "3 " + kCm80 + k,
                                         "4 " + kCm80 + k + " KDR=1",
                                         "5 " + kCm80 + k + " UNENCRYPTED_SRTCP",
                                         "6 " + kCm80 + k + " UNAUTHENTICATED_SRTP",
                                         "7 " + kCm80 + k + " FEC_KEY=inline:x",
                                         "8 " + kCm80 + k + " WSH=64"};
  const std::vector<std::string_view> values(text.begin(), text.end());
  const SdesLines lines = read_crypto_lines(values);
  ASSERT_EQ(lines.usable.size(), 2u);
  EXPECT_EQ(lines.usable[0].suite, SrtpSuite::aead_aes_128_gcm);
  EXPECT_EQ(lines.usable[1].tag, 8u);
  using enum SdesReject;
  EXPECT_EQ(lines.refused, (std::vector{sdes_unknown_suite, sdes_bad_base64, sdes_duplicate_tag,
                                        sdes_key_derivation_rate, sdes_unencrypted,
                                        sdes_unauthenticated, sdes_fec}));
}

TEST(Sdes, LinesAreBounded) {
  std::vector<std::string> text(40, " " + kCm80 + "inline:" + kKey30);
  for (size_t i = 0; i < text.size(); ++i) text[i].insert(0, std::to_string(i));
  const SdesLines lines =
      read_crypto_lines(std::vector<std::string_view>(text.begin(), text.end()));
  EXPECT_EQ(lines.usable.size(), kMaxCryptoLines);
  EXPECT_EQ(lines.refused, std::vector{SdesReject::sdes_too_many});
}

}  // namespace
}  // namespace holdfast::media
