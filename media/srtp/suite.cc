// SPDX-License-Identifier: Apache-2.0
// The SRTP crypto suites that we carry.
#include "media/srtp/suite.hh"

#include <array>

#include "media/sdp_text.hh"

namespace holdfast::media {
namespace {

constexpr std::array<SrtpSuiteTraits, kSrtpSuites> kTraits = {{
    {"AES_CM_128_HMAC_SHA1_80", 16, 14, 10, 10, false},
    {"AES_CM_128_HMAC_SHA1_32", 16, 14, 4, 10, false},
    {"AES_256_CM_HMAC_SHA1_80", 32, 14, 10, 10, false},
    {"AES_256_CM_HMAC_SHA1_32", 32, 14, 4, 10, false},
    {"AEAD_AES_128_GCM", 16, 12, 16, 16, true},
    {"AEAD_AES_256_GCM", 32, 12, 16, 16, true},
}};

}  // namespace

const SrtpSuiteTraits& traits_of(SrtpSuite suite) {
  return kTraits[static_cast<size_t>(suite)];
}

std::vector<SrtpSuite> all_srtp_suites() {
  std::vector<SrtpSuite> all;
  for (size_t i = 0; i < kTraits.size(); ++i) all.push_back(static_cast<SrtpSuite>(i));
  return all;
}

std::optional<SrtpSuite> srtp_suite_from(std::string_view name) {
  for (size_t i = 0; i < kTraits.size(); ++i)
    if (same_word(name, kTraits[i].name)) return static_cast<SrtpSuite>(i);
  return std::nullopt;
}

}  // namespace holdfast::media
