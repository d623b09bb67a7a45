// SPDX-License-Identifier: Apache-2.0
// TOML text as a small tree with line numbers; the only place that knows the TOML library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "media/result.hh"

namespace holdfast::config {

struct TomlEntry;
struct TomlValue;
using TomlList = std::vector<TomlValue>;
using TomlTable = std::vector<TomlEntry>;  // in the order of the file
struct TomlOther {};                       // dates and floating-point numbers: no option takes them

struct TomlValue {
  uint32_t line = 0;
  std::variant<std::string, int64_t, bool, TomlList, TomlTable, TomlOther> data;

  const std::string* text() const { return std::get_if<std::string>(&data); }
  const int64_t* integer() const { return std::get_if<int64_t>(&data); }
  const TomlList* list() const { return std::get_if<TomlList>(&data); }
  const TomlTable* table() const { return std::get_if<TomlTable>(&data); }
  // "a number", "text", ...: what a person would call the value.
  std::string_view kind() const;
};

struct TomlEntry {
  std::string key;
  uint32_t line = 0;
  TomlValue value;
};

struct TomlSyntaxError {
  uint32_t line = 0;
  std::string what;
};

// Any bytes may be given; nesting is bounded by the library and checked again here.
Result<TomlTable, TomlSyntaxError> parse_toml(std::string_view text);

}  // namespace holdfast::config
