// SPDX-License-Identifier: Apache-2.0
// What a byte may be in an HTTP/1.1 message, by one look into a table.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace holdfast::provision {

enum ByteClass : uint8_t {
  kTokenByte = 1,   // tchar of RFC 9110 section 5.6.2
  kValueByte = 2,   // HTAB, SP, VCHAR and obs-text of RFC 9110 section 5.5
  kTargetByte = 4,  // visible ASCII but # and backslash, which no request target holds
  kHostByte = 8,    // letters, digits, '-', '.', '_'
  kHexByte = 16,
};

namespace detail {

constexpr std::array<uint8_t, 256> make_byte_classes() {
  std::array<uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool hex = digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    const char as_char = static_cast<char>(c);
    uint8_t bits = 0;
    if (digit || letter ||
        std::string_view("!#$%&'*+-.^_`|~").find(as_char) != std::string_view::npos)
      bits |= kTokenByte;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kValueByte;
    if (c > 0x20 && c < 0x7f && c != '#' && c != '\\') bits |= kTargetByte;
    if (digit || letter || c == '-' || c == '.' || c == '_') bits |= kHostByte;
    if (hex) bits |= kHexByte;
    table[c] = bits;
  }
  return table;
}

inline constexpr std::array<uint8_t, 256> kByteClasses = make_byte_classes();

}  // namespace detail

inline bool is_byte(char c, ByteClass wanted) {
  return (detail::kByteClasses[static_cast<uint8_t>(c)] & wanted) != 0;
}

// 0 to 15; only for what is a kHexByte.
inline uint8_t hex_value(char c) {
  return static_cast<uint8_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

inline char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// Equal but for the case of ASCII letters.
inline bool same_text(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  return true;
}

}  // namespace holdfast::provision
