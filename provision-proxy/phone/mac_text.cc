// SPDX-License-Identifier: Apache-2.0
// Finds MAC addresses in text by their edges.
#include "provision-proxy/phone/mac_text.hh"

#include <array>
#include <cstdint>

#include "provision-proxy/phone/ascii.hh"
#include "provision-proxy/phone/identity.hh"

namespace holdfast::provision {
namespace {

constexpr size_t kDigits = 12;
constexpr size_t kPairs = 17;  // six pairs and five separators

bool hex_at(std::string_view text, size_t i) {
  return i < text.size() && hex_digit(text[i]) >= 0;
}

bool alnum_at(std::string_view text, size_t i) {
  return i < text.size() && is_alnum(text[i]);
}

uint8_t byte_at(std::string_view text, size_t i) {
  return static_cast<uint8_t>(hex_digit(text[i]) * 16 + hex_digit(text[i + 1]));
}

// Letters that vendors put right in front of a MAC in file names (SEP0004f2.., cfg000b82..).
bool known_prefix(std::string_view text, size_t begin) {
  for (const std::string_view prefix : {"sep", "spa", "cfg", "config", "mac"}) {
    if (begin < prefix.size()) continue;
    const size_t at = begin - prefix.size();
    if (same_text(text.substr(at, prefix.size()), prefix) && (at == 0 || !is_alnum(text[at - 1])))
      return true;
  }
  return false;
}

// "-8b86-d011-b42d-" in front: the last group of a GUID has twelve digits too.
bool guid_tail(std::string_view text, size_t begin) {
  if (begin < 6 || text[begin - 1] != '-' || text[begin - 6] != '-') return false;
  for (size_t i = begin - 5; i < begin - 1; ++i)
    if (!hex_at(text, i)) return false;
  return true;
}

bool digits_at(std::string_view text, size_t begin) {
  for (size_t i = 0; i < kDigits; ++i)
    if (!hex_at(text, begin + i)) return false;
  if (alnum_at(text, begin + kDigits) || guid_tail(text, begin)) return false;
  return begin == 0 || !is_alnum(text[begin - 1]) || known_prefix(text, begin);
}

bool pairs_at(std::string_view text, size_t begin) {
  if (text.size() - begin < kPairs) return false;
  const char separator = text[begin + 2];
  if (separator != ':' && separator != '-') return false;
  for (size_t i = 0; i < kPairs; ++i)
    if (i % 3 == 2 ? text[begin + i] != separator : !hex_at(text, begin + i)) return false;
  const size_t end = begin + kPairs;
  if (alnum_at(text, end)) return false;
  if (end < text.size() && text[end] == separator && hex_at(text, end + 1) &&
      hex_at(text, end + 2) && !alnum_at(text, end + 3))
    return false;  // a seventh pair
  if (begin == 0) return true;
  if (is_alnum(text[begin - 1])) return false;
  const bool pair_before = begin >= 3 && text[begin - 1] == separator && hex_at(text, begin - 2) &&
                           hex_at(text, begin - 3) && (begin == 3 || !is_alnum(text[begin - 4]));
  return !pair_before;
}

}  // namespace

std::optional<MacText> mac_at(std::string_view text, size_t begin) {
  if (begin + kDigits > text.size() || !hex_at(text, begin) || !hex_at(text, begin + 1)) return {};
  MacText found;
  found.begin = begin;
  if (digits_at(text, begin)) {
    found.end = begin + kDigits;
    for (size_t b = 0; b < 6; ++b) found.mac.bytes[b] = byte_at(text, begin + 2 * b);
  } else if (pairs_at(text, begin)) {
    found.end = begin + kPairs;
    found.separated = true;
    for (size_t b = 0; b < 6; ++b) found.mac.bytes[b] = byte_at(text, begin + 3 * b);
  } else {
    return {};
  }
  if (!is_phone_mac(found.mac)) return {};
  return found;
}

std::optional<MacText> find_mac(std::string_view text, size_t from) {
  for (size_t i = from; i + kDigits <= text.size(); ++i)
    if (auto found = mac_at(text, i)) return found;
  return std::nullopt;
}

}  // namespace holdfast::provision
