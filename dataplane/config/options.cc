// SPDX-License-Identifier: Apache-2.0
// The readers that several option rows share, and the guess at what a mistyped word meant.
#include "dataplane/config/options.hh"

#include <algorithm>
#include <numeric>

namespace holdfast::config {
namespace {

constexpr size_t kMaxQuoted = 40;   // characters of a value that a message repeats
constexpr size_t kMaxGuessed = 32;  // longer words are not worth a guess

// Levenshtein's distance, with a swap of two neighbours counted as one.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::string wants(std::string_view wanted, const TomlValue& value) {
  return "needs " + std::string(wanted) + ", not " + std::string(value.kind());
}

}  // namespace

std::string quoted(std::string_view text) {
  if (text.size() <= kMaxQuoted) return '"' + std::string(text) + '"';
  size_t end = kMaxQuoted;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // whole UTF-8
  return '"' + std::string(text.substr(0, end)) + "...\"";
}

bool is_netdev_name(std::string_view name) {
  const auto bad = [](char c) { return c <= ' ' || c == '/' || c == ':' || c == '%'; };
  return !name.empty() && name.size() <= kMaxNetdevName && name != "." && name != ".." &&
         std::none_of(name.begin(), name.end(), bad);
}

std::string did_you_mean(std::string_view given, std::span<const std::string_view> words) {
  if (given.size() > kMaxGuessed) return "";
  std::string normal(given);
  std::replace(normal.begin(), normal.end(), '_', '-');
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, given.size() / 3) + 1;
  for (const auto word : words) {
    std::string other(word);
    std::replace(other.begin(), other.end(), '_', '-');
    const size_t d = distance(normal, other);
    if (d < best_distance && d < word.size()) best = word, best_distance = d;
  }
  return best.empty() ? "" : " (did you mean \"" + std::string(best) + "\"?)";
}

std::optional<std::string> read_text(const TomlValue& value, std::string& out, size_t max_bytes) {
  const auto* text = value.text();
  if (text == nullptr) return wants("text in quotes", value);
  if (text->size() > max_bytes) {
    return "is longer than " + std::to_string(max_bytes) + " bytes; choose a shorter one";
  }
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(text->begin(), text->end(), control)) {
    return "holds a control character; remove it";
  }
  out = *text;
  return std::nullopt;
}

std::optional<std::string> read_path(const TomlValue& value, std::string& out, size_t max_bytes) {
  std::string path;
  if (auto wrong = read_text(value, path, max_bytes)) return wrong;
  if (path.empty() || path.front() != '/') {
    return quoted(path) + " is not an absolute path; begin it with /";
  }
  out = std::move(path);
  return std::nullopt;
}

std::optional<std::string> read_flag(const TomlValue& value, bool& out) {
  const auto* flag = std::get_if<bool>(&value.data);
  if (flag == nullptr) return wants("true or false", value);
  out = *flag;
  return std::nullopt;
}

std::optional<std::string> read_word_set(const TomlValue& value, uint32_t& mask,
                                         std::span<const std::string_view> words) {
  const auto* list = value.list();
  if (list == nullptr) return wants("a list of words in brackets", value);
  if (list->empty()) return "names nothing; give one at least";
  uint32_t read = 0;
  for (const auto& item : *list) {
    size_t index = 0;
    if (auto wrong = match_word(item, words, index)) return wrong;
    if ((read & (1U << index)) != 0) return "names " + quoted(words[index]) + " twice";
    read |= 1U << index;
  }
  mask = read;
  return std::nullopt;
}

std::optional<std::string> read_texts(const TomlValue& value, std::vector<std::string>& out,
                                      size_t max, size_t max_bytes,
                                      std::optional<std::string> (*check)(std::string_view)) {
  const auto* list = value.list();
  if (list == nullptr) return wants("a list of texts in brackets", value);
  if (list->size() > max) {
    return "has " + std::to_string(list->size()) + " entries; at most " + std::to_string(max) +
           " are possible";
  }
  std::vector<std::string> read;
  for (const auto& item : *list) {
    std::string text;
    if (auto wrong = read_text(item, text, max_bytes)) return wrong;
    if (auto wrong = check(text)) return wrong;
    if (std::find(read.begin(), read.end(), text) != read.end()) {
      return "names " + quoted(text) + " twice";
    }
    read.push_back(std::move(text));
  }
  out = std::move(read);
  return std::nullopt;
}

std::optional<std::string> check_range(const TomlValue& value, int64_t low, int64_t high) {
  const auto* number = value.integer();
  if (number == nullptr) {
    return wants("a whole number", value) +
           (value.text() != nullptr ? "; leave the quotes out" : "");
  }
  if (*number >= low && *number <= high) return std::nullopt;
  return std::to_string(*number) + " is out of bounds; choose " + std::to_string(low) + " to " +
         std::to_string(high);
}

std::optional<std::string> match_word(const TomlValue& value,
                                      std::span<const std::string_view> words, size_t& index) {
  const auto* text = value.text();
  if (text == nullptr) return wants("text in quotes", value);
  const auto found = std::find(words.begin(), words.end(), *text);
  if (found != words.end()) {
    index = static_cast<size_t>(found - words.begin());
    return std::nullopt;
  }
  std::string list;
  for (const auto word : words) list += (list.empty() ? "" : ", ") + std::string(word);
  return quoted(*text) + " is not one of " + list + did_you_mean(*text, words);
}

}  // namespace holdfast::config
