// SPDX-License-Identifier: Apache-2.0
// Characters and words of HTTP (RFC 9110, 5.6): what all parsers of this folder share.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::provision {

// Optional white space: the blanks that may stand round a value.
constexpr bool is_ows(char c) {
  return c == ' ' || c == '\t';
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr std::string_view strip_ows(std::string_view text) {
  while (!text.empty() && is_ows(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_ows(text.back())) text.remove_suffix(1);
  return text;
}

// ASCII without case, as names of fields, tokens and directives are compared.
constexpr bool same_word(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  return true;
}

// tchar of RFC 9110, 5.6.2.
constexpr bool is_token_char(char c) {
  if (is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
constexpr bool is_token(std::string_view text) {
  for (const char c : text)
    if (!is_token_char(c)) return false;
  return !text.empty();
}

// Digits only: no sign, no blank, nothing behind. What is above `most` counts as `most`, however
// long it is (RFC 9111, 1.2.2).
constexpr std::optional<int64_t> parse_digits(std::string_view text, int64_t most) {
  if (text.empty()) return std::nullopt;
  int64_t number = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const int64_t digit = c - '0';
    number = number > (most - digit) / 10 ? most : number * 10 + digit;
  }
  return number;
}

}  // namespace holdfast::provision
