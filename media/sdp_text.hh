// SPDX-License-Identifier: Apache-2.0
// Words and numbers of an SDP line: what the SDP parsers share.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace holdfast::media {

inline bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Takes the next word off `text`, with the blanks around it; empty at the end.
inline std::string_view take_word(std::string_view& text) {
  size_t begin = 0;
  while (begin < text.size() && is_blank(text[begin])) ++begin;
  size_t end = begin;
  while (end < text.size() && !is_blank(text[end])) ++end;
  const std::string_view word = text.substr(begin, end - begin);
  while (end < text.size() && is_blank(text[end])) ++end;
  text.remove_prefix(end);
  return word;
}

// Takes the last word off `text`, with the blanks around it.
inline std::string_view take_last_word(std::string_view& text) {
  size_t end = text.size();
  while (end > 0 && is_blank(text[end - 1])) --end;
  size_t begin = end;
  while (begin > 0 && !is_blank(text[begin - 1])) --begin;
  const std::string_view word = text.substr(begin, end - begin);
  while (begin > 0 && is_blank(text[begin - 1])) --begin;
  text = text.substr(0, begin);
  return word;
}

// Digits only: no sign, no blank, nothing behind, no overflow.
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  if (text.empty() || text.front() == '-') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// ASCII, as all words of SDP are.
inline char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
inline bool same_word(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

}  // namespace holdfast::media
