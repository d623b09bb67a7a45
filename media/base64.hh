// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648 section 4), of keys too: into and out of memory that its owner wipes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace holdfast::media {

// Padding may be left out, as some phones do. The number of bytes written to `out`; none: a
// character outside the alphabet, padding in the wrong place, or more bytes than `out` holds.
std::optional<size_t> decode_base64(std::string_view text, std::span<uint8_t> out);
// With padding.
void append_base64(std::span<const uint8_t> bytes, std::string& text);

}  // namespace holdfast::media
