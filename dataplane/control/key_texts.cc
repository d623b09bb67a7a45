// SPDX-License-Identifier: Apache-2.0
// Finds the strings that are keys in JSON text without parsing it.
#include "dataplane/control/key_texts.hh"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace holdfast::control {
namespace {

using nlohmann::json;

constexpr char kMark = '#';  // and the number: no base64

// The end of the string whose first character stands at `begin`; npos: there is none.
size_t end_of_string(std::string_view text, size_t begin) {
  for (size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '"') return i;
    if (text[i] == '\\') ++i;
  }
  return std::string_view::npos;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// What stands in quotes behind "key":, one after the other; `at` is where to look on. Empty with
// `at` at the end of the text: there is no other.
std::string_view next_key(std::string_view text, size_t& at) {
  enum class Seen : uint8_t { nothing, name, colon } seen = Seen::nothing;
  while (at < text.size()) {
    const char c = text[at++];
    if (is_space(c)) continue;
    if (c != '"') {
      seen = c == ':' && seen == Seen::name ? Seen::colon : Seen::nothing;
      continue;
    }
    const size_t end = end_of_string(text, at);
    if (end == std::string_view::npos) break;
    const std::string_view inside = text.substr(at, end - at);
    at = end + 1;
    if (seen == Seen::colon && inside.find('\\') == std::string_view::npos && !inside.empty())
      return inside;
    seen = seen != Seen::colon && inside == kKeyMember ? Seen::name : Seen::nothing;
  }
  at = text.size();
  return {};
}

// Base64, which stands in JSON as it is.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=';
  });
}

template <typename Each>
void each_key(json& value, const Each& each) {
  if (!value.is_structured()) return;
  if (value.is_object())
    if (const auto key = value.find(kKeyMember); key != value.end())
      if (auto* text = key->get_ptr<std::string*>(); text != nullptr) each(*text);
  for (json& member : value) each_key(member, each);
}

// `replaced` gives what comes in the place of a key.
template <typename Text, typename Replaced>
Text rewritten(std::string_view text, const Replaced& replaced) {
  Text out;
  size_t at = 0, copied = 0;
  for (;;) {
    const std::string_view key = next_key(text, at);
    if (key.empty()) break;
    const auto begin = static_cast<size_t>(key.data() - text.data());
    out.append(text.substr(copied, begin - copied));
    out.append(replaced(key));
    copied = begin + key.size();
  }
  return out.append(text.substr(copied));
}

}  // namespace

void wipe_keys(json& value) {
  each_key(value, [](std::string& text) { media::wipe(text); });
}

std::string KeyTexts::keep(std::string_view key) {
  texts_.emplace_back(key);
  return kMark + std::to_string(texts_.size() - 1);
}

const media::WipedString* KeyTexts::of_mark(std::string_view mark) const {
  if (mark.size() < 2 || mark.front() != kMark) return nullptr;
  size_t number = 0;
  const char* const end = mark.data() + mark.size();
  const auto [stopped, error] = std::from_chars(mark.data() + 1, end, number);
  return error == std::errc{} && stopped == end && number < texts_.size() ? &texts_[number]
                                                                          : nullptr;
}

std::string KeyTexts::take_out(std::string_view text) {
  return rewritten<std::string>(text, [this](std::string_view key) { return keep(key); });
}

void KeyTexts::put_back(json& value) const {
  each_key(value, [this](std::string& text) {
    if (const auto* key = of_mark(text)) text.assign(key->data(), key->size());
  });
}

void KeyTexts::take_out(json& value) {
  bool plain = true;
  each_key(value, [&plain](const std::string& text) { plain = plain && is_plain(text); });
  if (!plain) return;  // no keys of ours
  each_key(value, [this](std::string& text) {
    std::string mark = keep(text);
    media::wipe(text);
    text = std::move(mark);
  });
}

media::WipedString KeyTexts::put_back(std::string_view text) const {
  return rewritten<media::WipedString>(text, [this](std::string_view mark) {
    const auto* key = of_mark(mark);
    return key ? std::string_view(*key) : mark;
  });
}

}  // namespace holdfast::control
