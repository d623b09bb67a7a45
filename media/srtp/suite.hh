// SPDX-License-Identifier: Apache-2.0
// The SRTP crypto suites that we carry: AES-CM with HMAC-SHA1 (RFC 3711, RFC 6188) and AES-GCM
// (RFC 7714), with the names that SDES gives them (RFC 4568 section 6.2).
//
// Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace holdfast::media {

enum class SrtpSuite : uint8_t {
  aes_cm_128_hmac_sha1_80,
  aes_cm_128_hmac_sha1_32,
  aes_256_cm_hmac_sha1_80,
  aes_256_cm_hmac_sha1_32,
  aead_aes_128_gcm,
  aead_aes_256_gcm,
};
inline constexpr size_t kSrtpSuites = 6;

inline constexpr size_t kMaxSrtpKeyBytes = 32;   // AES-256
inline constexpr size_t kMaxSrtpSaltBytes = 14;  // AES-CM; 12 for GCM
inline constexpr size_t kMaxSrtpMasterBytes = kMaxSrtpKeyBytes + kMaxSrtpSaltBytes;
inline constexpr size_t kSrtpAuthKeyBytes = 20;  // HMAC-SHA1

struct SrtpSuiteTraits {
  std::string_view name;  // in a=crypto
  uint8_t key_bytes;      // of the master key and of the session key
  uint8_t salt_bytes;     // of the master salt and of the session salt
  uint8_t rtp_tag_bytes;
  uint8_t rtcp_tag_bytes;  // 10 with the _32 suites too (RFC 4568 section 6.2.2)
  bool aead;

  constexpr size_t master_bytes() const { return size_t{key_bytes} + salt_bytes; }
};

const SrtpSuiteTraits& traits_of(SrtpSuite suite);
// In the order of their numbers: the most common first.
std::vector<SrtpSuite> all_srtp_suites();
// In any case of letters.
std::optional<SrtpSuite> srtp_suite_from(std::string_view name);

}  // namespace holdfast::media
