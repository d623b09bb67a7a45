// SPDX-License-Identifier: Apache-2.0
// The one wrapper of libcrypto's hashes: keyed digests over fields that cannot run into each other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace holdfast::sip {

using Key = std::array<uint8_t, 32>;
using Digest = std::array<uint8_t, 32>;

// HMAC-SHA256 (RFC 2104) over the fields, each preceded by its length. None if libcrypto fails.
std::optional<Digest> keyed_digest(const Key& key, std::initializer_list<std::string_view> fields);

// Equal in a time that does not tell where they differ.
bool equal_constant_time(std::span<const uint8_t> a, std::span<const uint8_t> b);

// Lower-case hex, which survives a peer that folds the case of what it copies.
std::string to_hex(std::span<const uint8_t> bytes);
// Fills `out` from exactly twice as many hex digits of any case; false if that is not what it is.
bool from_hex(std::string_view text, std::span<uint8_t> out);

}  // namespace holdfast::sip
