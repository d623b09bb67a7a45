// SPDX-License-Identifier: Apache-2.0
// What tells one SDES key from another without being the key.
#pragma once

#include <array>
#include <cstdint>

#include "media/srtp/sdes.hh"

namespace holdfast::media {

// The first 64 bits of SHA-256 over suite, master key, salt and MKI; zeros: no key. It does not
// betray the key, which is random; it tells a key from the one that the same leg had before.
using SrtpFingerprint = std::array<uint8_t, 8>;
inline constexpr SrtpFingerprint kNoSrtpKey{};

// Any thread; allocates. kNoSrtpKey: OpenSSL has no SHA-256 for us.
SrtpFingerprint fingerprint_of(const SdesKey& key);

}  // namespace holdfast::media
