// SPDX-License-Identifier: Apache-2.0
// Session keys against the vectors of RFC 3711 appendix B.3 and RFC 6188 section 7.2.
#include "media/srtp/key_derivation.hh"

#include <gtest/gtest.h>

#include "tests/media/srtp/hex.hh"

namespace holdfast::media {
namespace {

SrtpMasterKey master(SrtpSuite suite, const std::string& key_and_salt) {
  return SrtpMasterKey::from_bytes(suite, from_hex(key_and_salt)).value();
}

TEST(SrtpKeyDerivation, Rfc3711AppendixB3) {
  const auto key = master(SrtpSuite::aes_cm_128_hmac_sha1_80,
                          "e1f97a0d3e018be0d64fa32c06de4139"
                          "0ec675ad498afeebb6960b3aabe6");
  SrtpSessionKey rtp;
  ASSERT_TRUE(derive_session_key(key, SrtpKind::rtp, rtp));
  EXPECT_EQ(to_hex(std::span(rtp.cipher).first(16)), "c61e7a93744f39ee10734afe3ff7a087");
  EXPECT_EQ(to_hex(rtp.salt), "30cbbc08863d8c85d49db34a9ae1");
  EXPECT_EQ(to_hex(rtp.auth), "cebe321f6ff7716b6fd4ab49af256a156d38baa4");
}

TEST(SrtpKeyDerivation, Rfc6188Section72) {
  const auto key = master(SrtpSuite::aes_256_cm_hmac_sha1_80,
                          "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"
                          "3b04803de51ee7c96423ab5b78d2");
  SrtpSessionKey rtp;
  ASSERT_TRUE(derive_session_key(key, SrtpKind::rtp, rtp));
  EXPECT_EQ(to_hex(rtp.cipher), "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4");
  EXPECT_EQ(to_hex(rtp.salt), "fa31791685ca444a9e07c6c64e93");
  EXPECT_EQ(to_hex(rtp.auth), "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05");
}

TEST(SrtpKeyDerivation, SrtcpHasItsOwnAndMemoryIsWiped) {
  const auto key = master(SrtpSuite::aead_aes_256_gcm,
                          "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
                          "517569642070726f2071756f");
  SrtpSessionKey rtp;
  ASSERT_TRUE(derive_session_key(key, SrtpKind::rtp, rtp));
  alignas(SrtpSessionKey) std::array<uint8_t, sizeof(SrtpSessionKey)> memory{};
  auto* const rtcp = new (memory.data()) SrtpSessionKey();
  ASSERT_TRUE(derive_session_key(key, SrtpKind::rtcp, *rtcp));
  EXPECT_NE(rtp.cipher, rtcp->cipher);
  EXPECT_NE(rtp.salt, rtcp->salt);
  std::destroy_at(rtcp);
  EXPECT_EQ(memory, (std::array<uint8_t, sizeof(SrtpSessionKey)>{}));
}

}  // namespace
}  // namespace holdfast::media
