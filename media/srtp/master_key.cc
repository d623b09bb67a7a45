// SPDX-License-Identifier: Apache-2.0
// A master key with its salt: made, kept and wiped in one place.
#include "media/srtp/master_key.hh"

#include <openssl/rand.h>

#include <algorithm>

namespace holdfast::media {

std::optional<SrtpMasterKey> SrtpMasterKey::generate(SrtpSuite suite) {
  SrtpMasterKey made(suite);
  if (RAND_priv_bytes(made.bytes_.data(), static_cast<int>(made.bytes().size())) != 1)
    return std::nullopt;
  return made;
}

std::optional<SrtpMasterKey> SrtpMasterKey::from_bytes(SrtpSuite suite,
                                                       std::span<const uint8_t> bytes) {
  SrtpMasterKey made(suite);
  if (bytes.size() != made.bytes().size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), made.bytes_.begin());
  return made;
}

SrtpMasterKey::SrtpMasterKey(SrtpMasterKey&& other) noexcept
    : bytes_(other.bytes_), suite_(other.suite_) {
  wipe(other.bytes_);
}

SrtpMasterKey& SrtpMasterKey::operator=(SrtpMasterKey&& other) noexcept {
  if (this == &other) return *this;
  bytes_ = other.bytes_;
  suite_ = other.suite_;
  wipe(other.bytes_);
  return *this;
}

SrtpMasterKey::~SrtpMasterKey() {
  wipe(bytes_);
}

SrtpMasterKey SrtpMasterKey::clone() const {
  SrtpMasterKey copy(suite_);
  copy.bytes_ = bytes_;
  return copy;
}

bool SrtpMasterKey::same_as(const SrtpMasterKey& other) const {
  return suite_ == other.suite_ &&
         CRYPTO_memcmp(bytes_.data(), other.bytes_.data(), bytes().size()) == 0;
}

}  // namespace holdfast::media
