// SPDX-License-Identifier: Apache-2.0
// Session keys from a master key (RFC 3711 section 4.3, RFC 6188 section 3, RFC 7714 section 11),
// with a key derivation rate of zero: once for all packets.
//
// Any thread; allocates, so not for the packet path.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "media/srtp/master_key.hh"

namespace holdfast::media {

// The keys of one kind of packet. Wiped when destroyed; cannot be copied or printed.
struct SrtpSessionKey {
  std::array<uint8_t, kMaxSrtpKeyBytes> cipher{};  // as many bytes as the suite says
  std::array<uint8_t, kSrtpAuthKeyBytes> auth{};   // of HMAC-SHA1; unused by AEAD suites
  std::array<uint8_t, kMaxSrtpSaltBytes> salt{};   // as many bytes as the suite says

  SrtpSessionKey() = default;
  SrtpSessionKey(const SrtpSessionKey&) = delete;
  SrtpSessionKey& operator=(const SrtpSessionKey&) = delete;
  ~SrtpSessionKey();
};

enum class SrtpKind : uint8_t { rtp, rtcp };

// False: OpenSSL has no AES for us; `out` is then without meaning.
bool derive_session_key(const SrtpMasterKey& master, SrtpKind kind, SrtpSessionKey& out);

}  // namespace holdfast::media
