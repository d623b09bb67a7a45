// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648 section 4), with padding, without line breaks.
#include <array>

#include "dataplane/control/capture_messages.hh"

namespace holdfast::control {
namespace {

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNoLetter = 64;

constexpr std::array<uint8_t, 256> make_values() {
  std::array<uint8_t, 256> values{};
  values.fill(kNoLetter);
  for (size_t i = 0; i < kLetters.size(); ++i)
    values[static_cast<uint8_t>(kLetters[i])] = static_cast<uint8_t>(i);
  return values;
}
constexpr auto kValues = make_values();

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const auto octet = [&](size_t i) {
      return at + i < bytes.size() ? uint32_t{static_cast<uint8_t>(bytes[at + i])} : 0;
    };
    const uint32_t three = octet(0) << 16 | octet(1) << 8 | octet(2);
    text += kLetters[three >> 18];
    text += kLetters[three >> 12 & 63];
    text += at + 1 < bytes.size() ? kLetters[three >> 6 & 63] : '=';
    text += at + 2 < bytes.size() ? kLetters[three & 63] : '=';
  }
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t at = 0; at < text.size(); at += 4) {
    const size_t filled = at + 4 == text.size() ? 4 - padding : 4;
    uint32_t three = 0;
    for (size_t i = 0; i < 4; ++i) {
      const uint8_t value = i < filled ? kValues[static_cast<uint8_t>(text[at + i])] : uint8_t{0};
      if (value == kNoLetter) return std::nullopt;
      three = three << 6 | value;
    }
    for (size_t i = 0; i + 1 < filled; ++i)
      bytes += static_cast<char>(three >> (16 - 8 * i) & 0xff);
  }
  return bytes;
}

}  // namespace holdfast::control
