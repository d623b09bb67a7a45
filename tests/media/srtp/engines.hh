// SPDX-License-Identifier: Apache-2.0
// Every SRTP engine, for the suite of tests that all of them must pass.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "media/srtp/ipsecmb_engine.hh"
#include "media/srtp/libsrtp_engine.hh"

namespace holdfast::media {

enum class EngineKind { ipsecmb, ipsecmb_sse, ipsecmb_avx2, libsrtp };

// Null: this CPU cannot.
inline std::unique_ptr<SrtpEngine> make_engine(EngineKind kind) {
  switch (kind) {
    case EngineKind::ipsecmb:
      return make_ipsecmb_engine().engine;
    case EngineKind::ipsecmb_sse:
      return make_ipsecmb_engine(IpsecMbArch::sse).engine;
    case EngineKind::ipsecmb_avx2:
      return make_ipsecmb_engine(IpsecMbArch::avx2).engine;
    case EngineKind::libsrtp:
      return make_libsrtp_engine();
  }
  return nullptr;
}

class EveryEngine : public testing::TestWithParam<EngineKind> {
 protected:
  void SetUp() override {
    engine_ = make_engine(GetParam());
    if (!engine_) GTEST_SKIP() << "the CPU lacks it";
  }
  std::unique_ptr<SrtpEngine> engine_;
};

inline std::string engine_name(const testing::TestParamInfo<EngineKind>& info) {
  constexpr const char* kNames[] = {"ipsecmb", "ipsecmb_sse", "ipsecmb_avx2", "libsrtp"};
  return kNames[static_cast<size_t>(info.param)];
}

#define HOLDFAST_EVERY_ENGINE(Suite)                                                       \
  INSTANTIATE_TEST_SUITE_P(Every, Suite,                                                   \
                           testing::Values(EngineKind::ipsecmb, EngineKind::ipsecmb_sse,   \
                                           EngineKind::ipsecmb_avx2, EngineKind::libsrtp), \
                           engine_name)

inline constexpr SrtpSuite kEverySuite[] = {
    SrtpSuite::aes_cm_128_hmac_sha1_80, SrtpSuite::aes_cm_128_hmac_sha1_32,
    SrtpSuite::aes_256_cm_hmac_sha1_80, SrtpSuite::aes_256_cm_hmac_sha1_32,
    SrtpSuite::aead_aes_128_gcm,        SrtpSuite::aead_aes_256_gcm};

}  // namespace holdfast::media
