// SPDX-License-Identifier: Apache-2.0
// A master key with its salt (RFC 3711 section 3.2.1): made, kept and wiped in one place.
//
// Cannot be copied by accident, printed, formatted or compared with ==; its memory is wiped when it
// is destroyed or moved from. Any thread; one owner.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "media/srtp/suite.hh"
#include "media/wipe.hh"

namespace holdfast::media {

class SrtpMasterKey {
 public:
  // From the private random generator of OpenSSL (RAND_priv_bytes). None: it could not be seeded.
  static std::optional<SrtpMasterKey> generate(SrtpSuite suite);
  // Key and salt, one behind the other. None: the length is not that of the suite.
  static std::optional<SrtpMasterKey> from_bytes(SrtpSuite suite, std::span<const uint8_t> bytes);

  SrtpMasterKey(const SrtpMasterKey&) = delete;
  SrtpMasterKey& operator=(const SrtpMasterKey&) = delete;
  SrtpMasterKey(SrtpMasterKey&& other) noexcept;
  SrtpMasterKey& operator=(SrtpMasterKey&& other) noexcept;
  ~SrtpMasterKey();

  SrtpMasterKey clone() const;
  SrtpSuite suite() const { return suite_; }
  std::span<const uint8_t> key() const { return bytes().first(traits_of(suite_).key_bytes); }
  std::span<const uint8_t> salt() const { return bytes().subspan(traits_of(suite_).key_bytes); }
  std::span<const uint8_t> bytes() const {
    return std::span<const uint8_t>(bytes_).first(traits_of(suite_).master_bytes());
  }
  // In constant time.
  bool same_as(const SrtpMasterKey& other) const;

 private:
  explicit SrtpMasterKey(SrtpSuite suite) : suite_(suite) {}

  std::array<uint8_t, kMaxSrtpMasterBytes> bytes_{};
  SrtpSuite suite_;
};

}  // namespace holdfast::media
