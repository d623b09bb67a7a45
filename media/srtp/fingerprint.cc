// SPDX-License-Identifier: Apache-2.0
// SHA-256 over what makes a key.
#include "media/srtp/fingerprint.hh"

#include <openssl/evp.h>

#include <algorithm>

namespace holdfast::media {
namespace {

constexpr std::string_view kPurpose = "holdfast srtp key";

}  // namespace

SrtpFingerprint fingerprint_of(const SdesKey& key) {
  // Purpose, suite and MKI have one length each, so no two keys are hashed as the same bytes.
  std::array<uint8_t, kPurpose.size() + 10 + kMaxSrtpMasterBytes> text{};
  auto* end = std::copy(kPurpose.begin(), kPurpose.end(), text.begin());
  *end++ = static_cast<uint8_t>(key.master.suite());
  *end++ = key.mki.bytes;
  for (unsigned shift = 64; shift > 0; shift -= 8)
    *end++ = static_cast<uint8_t>(key.mki.value >> (shift - 8));
  end = std::copy(key.master.bytes().begin(), key.master.bytes().end(), end);
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  const bool made = EVP_Digest(text.data(), static_cast<size_t>(end - text.data()), digest.data(),
                               nullptr, EVP_sha256(), nullptr) == 1;
  wipe(text);
  SrtpFingerprint first{};
  if (made) std::copy_n(digest.begin(), first.size(), first.begin());
  return first;
}

}  // namespace holdfast::media
