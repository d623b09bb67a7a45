// SPDX-License-Identifier: Apache-2.0
// Ciphers of ipsec-mb, for each instruction set that this CPU has, against the vectors that RFCs
// give for session keys: RFC 3711 appendix B.2, RFC 6188 section 7.1, RFC 7714 sections 16 and 17.
#include <gtest/gtest.h>
#include <intel-ipsec-mb.h>

#include <algorithm>
#include <memory>

#include "media/endian.hh"
#include "media/srtp/ipsecmb_engine.hh"
#include "media/srtp/ipsecmb_keys.hh"
#include "tests/media/srtp/hex.hh"

namespace holdfast::media {
namespace {

struct Vector {
  const char* name;
  SrtpSuite suite;
  bool rtcp;
  uint32_t rtcp_index;
  const char* key;
  const char* salt;
  const char* plain;
  const char* secure;  // of AES-CM without its tag
};

const std::string kZeros(96, '0');
const std::string kGallia =
    "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e20706172746573207"
    "4726573";
const std::string kMars =
    "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbe"
    "ef"
    "deadbeef";
const std::string kKey256 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const std::string kQuid = "517569642070726f2071756f";
const std::string kFxSalt = "f0f1f2f3f4f5f6f7f8f9fafbfcfd";
const std::string kHeader = "800000000000000000000000";  // number, SSRC and so the index are zero

const std::string kCm128 = kHeader +
                           "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab"
                           "41e95b3bb0a2e8dd477901e4fca894c0";
const std::string kCm256 = kHeader +
                           "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac"
                           "63c4868b7096d88421b563b8c94c9a31";
const std::string kPlainZeros = kHeader + kZeros;

const Vector kVectors[] = {
    {"RFC 3711 B.2", SrtpSuite::aes_cm_128_hmac_sha1_80, false, 0,
     "2b7e151628aed2a6abf7158809cf4f3c", kFxSalt.c_str(), kPlainZeros.c_str(), kCm128.c_str()},
    {"RFC 6188 7.1", SrtpSuite::aes_256_cm_hmac_sha1_80, false, 0,
     "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98", kFxSalt.c_str(),
     kPlainZeros.c_str(), kCm256.c_str()},
    {"RFC 7714 16.1.1", SrtpSuite::aead_aes_128_gcm, false, 0, "000102030405060708090a0b0c0d0e0f",
     kQuid.c_str(), kGallia.c_str(),
     "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de"
     "3adf8833899d7f27beb16a9152cf765ee4390cce"},
    {"RFC 7714 16.2.1", SrtpSuite::aead_aes_256_gcm, false, 0, kKey256.c_str(), kQuid.c_str(),
     kGallia.c_str(),
     "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba6"
     "3799b87b7aa3db36dfffd6b0f9bb7878d7a76c13"},
    {"RFC 7714 17.1", SrtpSuite::aead_aes_128_gcm, true, 0x5d4, "000102030405060708090a0b0c0d0e0f",
     kQuid.c_str(), kMars.c_str(),
     "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b468630"
     "3ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4"},
    {"RFC 7714 17.2", SrtpSuite::aead_aes_256_gcm, true, 0x5d4, kKey256.c_str(), kQuid.c_str(),
     kMars.c_str(),
     "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61d"
     "e0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4"},
};

class IpsecMbVectors : public testing::TestWithParam<IpsecMbArch> {
 protected:
  void SetUp() override {
    engine_ = make_ipsecmb_engine(GetParam()).engine;
    if (!engine_) GTEST_SKIP() << "the CPU lacks it";
    mgr_.reset(alloc_mb_mgr(0));
    switch (GetParam()) {
      case IpsecMbArch::sse:
        return init_mb_mgr_sse(mgr_.get());
      case IpsecMbArch::avx:
        return init_mb_mgr_avx(mgr_.get());
      case IpsecMbArch::avx2:
        return init_mb_mgr_avx2(mgr_.get());
      case IpsecMbArch::avx512:
        return init_mb_mgr_avx512(mgr_.get());
      case IpsecMbArch::best:
        return init_mb_mgr_auto(mgr_.get(), nullptr);
    }
  }

  // A state that was opened with any key, and then got the session keys of the vector.
  template <typename State>
  std::unique_ptr<State> open(const Vector& vector) {
    auto state = std::make_unique<State>();
    EXPECT_TRUE(engine_->open(
        *state, SdesKey{*SrtpMasterKey::generate(vector.suite), kMaxSrtpLifetime, SrtpMki{}}));
    SrtpSessionKey session;
    const auto copy = [](const char* hex, auto& to) {
      const auto bytes = from_hex(hex);
      std::copy(bytes.begin(), bytes.end(), to.begin());
    };
    copy(vector.key, session.cipher);
    copy(vector.salt, session.salt);
    fill_slot(*mgr_, vector.suite, session, vector.rtcp ? state->keys.rtcp : state->keys.rtp);
    return state;
  }

  struct FreeManager {
    void operator()(IMB_MGR* mgr) const { free_mb_mgr(mgr); }
  };
  std::unique_ptr<SrtpEngine> engine_;
  std::unique_ptr<IMB_MGR, FreeManager> mgr_;
};

TEST_P(IpsecMbVectors, BothWays) {
  for (const Vector& vector : kVectors) {
    auto out = open<SrtpOutbound>(vector);
    out->rtcp_floor = vector.rtcp_index > 0 ? vector.rtcp_index - 1 : 0;
    std::vector<uint8_t> bytes = from_hex(vector.plain);
    const uint32_t sequence = load_be16(&bytes[2]);
    if (!vector.rtcp && sequence > 0) {  // else it would begin in the lower half of the numbers
      SrtpCheckpoint before;
      before.stream_count = 1;
      before.streams[0] = {sequence - 1, load_be32(&bytes[8]), 0, true, false};
      restore(*out, before);
    }
    const size_t plain_bytes = bytes.size();
    bytes.resize(plain_bytes + kMaxSrtpTrailerBytes);
    SrtpTask task{bytes.data(),
                  static_cast<uint16_t>(plain_bytes),
                  static_cast<uint16_t>(bytes.size()),
                  vector.rtcp ? SrtpOp::protect_rtcp : SrtpOp::protect_rtp,
                  SrtpVerdict::srtp_failed,
                  nullptr,
                  out.get()};
    engine_->process({&task, 1});
    ASSERT_EQ(name_of(task.verdict), "srtp_ok") << vector.name;
    const std::string secure = to_hex(std::span(bytes).first(task.length));
    const bool aead = traits_of(vector.suite).aead;
    EXPECT_EQ(aead ? secure : secure.substr(0, secure.size() - 20), vector.secure) << vector.name;

    auto in = open<SrtpInbound>(vector);
    task.op = vector.rtcp ? SrtpOp::unprotect_rtcp : SrtpOp::unprotect_rtp;
    task.in = in.get();
    engine_->process({&task, 1});
    ASSERT_EQ(name_of(task.verdict), "srtp_ok") << vector.name;
    EXPECT_EQ(to_hex(std::span(bytes).first(task.length)), vector.plain) << vector.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Archs, IpsecMbVectors,
                         testing::Values(IpsecMbArch::best, IpsecMbArch::sse, IpsecMbArch::avx,
                                         IpsecMbArch::avx2, IpsecMbArch::avx512));

}  // namespace
}  // namespace holdfast::media
