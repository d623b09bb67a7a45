// SPDX-License-Identifier: Apache-2.0
// What tells one SDES key from another without being the key.
#pragma once

#include <array>
#include <cstdint>

#include "media/srtp/sdes.hh"

namespace holdfast::media {

// The first half of SHA-256 over suite, master key, salt and MKI; zeros: no key. It does not betray
// the key, which is random.
using SrtpFingerprint = std::array<uint8_t, 16>;
inline constexpr SrtpFingerprint kNoSrtpKey{};

// Any thread; allocates. kNoSrtpKey: OpenSSL has no SHA-256 for us.
SrtpFingerprint fingerprint_of(const SdesKey& key);

}  // namespace holdfast::media
