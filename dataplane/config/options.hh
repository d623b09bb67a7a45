// SPDX-License-Identifier: Apache-2.0
// One table row for each option: it gives the parser, the sample file and the reference page.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/config/config.hh"
#include "dataplane/config/toml.hh"

namespace holdfast::config {

// What a person reads of an option.
struct OptionDoc {
  std::string_view name;
  std::string_view type;      // "whole number", "text", ...
  std::string_view unit;      // or the range, or the words allowed
  std::string_view standard;  // the default as TOML, "required", or what stands in for it
  std::string_view help;
  // As TOML, for the sample file; with # before it, it stands there commented out. Empty: the
  // default, commented out.
  std::string_view sample;
};

// A row reads its value into its section. The text returned says what is wrong and how to mend it.
template <typename Section>
struct Option {
  OptionDoc doc;
  std::optional<std::string> (*read)(const TomlValue& value, Section& section);
};

std::span<const Option<DataplaneConfig>> dataplane_options();
std::span<const Option<InterfaceConfig>> interface_options();

// ---- readers that several rows share ----------------------------------------------------------

std::optional<std::string> read_text(const TomlValue& value, std::string& out, size_t max_bytes);
// An absolute path that fits `max_bytes`.
std::optional<std::string> read_path(const TomlValue& value, std::string& out, size_t max_bytes);

std::optional<std::string> read_flag(const TomlValue& value, bool& out);

std::optional<std::string> check_range(const TomlValue& value, int64_t low, int64_t high);
template <typename Number>
std::optional<std::string> read_number(const TomlValue& value, Number& out, int64_t low,
                                       int64_t high) {
  if (auto wrong = check_range(value, low, high)) return wrong;
  out = static_cast<Number>(*value.integer());
  return std::nullopt;
}

// One of `words`, whose place is the enumerator's value.
std::optional<std::string> match_word(const TomlValue& value,
                                      std::span<const std::string_view> words, size_t& index);
template <typename Enum>
std::optional<std::string> read_word(const TomlValue& value, Enum& out,
                                     std::span<const std::string_view> words) {
  size_t index = 0;
  if (auto wrong = match_word(value, words, index)) return wrong;
  out = static_cast<Enum>(index);
  return std::nullopt;
}

// A list of some of `words`, each once, as a bit mask of their places; at least one.
std::optional<std::string> read_word_set(const TomlValue& value, uint32_t& mask,
                                         std::span<const std::string_view> words);
// A list of texts that `check` takes, at most `max` of them.
std::optional<std::string> read_texts(const TomlValue& value, std::vector<std::string>& out,
                                      size_t max, size_t max_bytes,
                                      std::optional<std::string> (*check)(std::string_view));

// Longest name of a network device: IFNAMSIZ less the closing zero.
inline constexpr size_t kMaxNetdevName = 15;
bool is_netdev_name(std::string_view name);

// Quoted, and shortened when long, for messages.
std::string quoted(std::string_view text);
// " (did you mean \"vlan\"?)" when a word is close, else nothing.
std::string did_you_mean(std::string_view given, std::span<const std::string_view> words);

}  // namespace holdfast::config
