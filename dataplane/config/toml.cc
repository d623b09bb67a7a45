// SPDX-License-Identifier: Apache-2.0
// Wraps toml++: parses, and copies its tree into ours.
#include "dataplane/config/toml.hh"

#include <toml++/toml.h>
#include <algorithm>

namespace holdfast::config {
namespace {

constexpr int kMaxDepth = 8;  // the schema needs 4

TomlValue convert(const toml::node& node, int depth);

TomlTable convert_table(const toml::table& table, int depth) {
  TomlTable entries;
  for (const auto& [key, node] : table) {
    entries.push_back({std::string(key.str()), key.source().begin.line, convert(node, depth + 1)});
  }
  // The library keeps keys sorted by name; errors are to come in the order of the file.
  std::stable_sort(entries.begin(), entries.end(),
                   [](const TomlEntry& a, const TomlEntry& b) { return a.line < b.line; });
  return entries;
}

TomlValue convert(const toml::node& node, int depth) {
  TomlValue value{node.source().begin.line, TomlOther{}};
  if (depth > kMaxDepth) return value;
  if (const auto* text = node.as_string()) {
    value.data = text->get();
  } else if (const auto* number = node.as_integer()) {
    value.data = number->get();
  } else if (const auto* flag = node.as_boolean()) {
    value.data = flag->get();
  } else if (const auto* array = node.as_array()) {
    TomlList list;
    for (const auto& item : *array) list.push_back(convert(item, depth + 1));
    value.data = std::move(list);
  } else if (const auto* table = node.as_table()) {
    value.data = convert_table(*table, depth);
  }
  return value;
}

}  // namespace

std::string_view TomlValue::kind() const {
  switch (data.index()) {
    case 0:
      return "text";
    case 1:
      return "a whole number";
    case 2:
      return "true or false";
    case 3:
      return "a list";
    case 4:
      return "a table";
    default:
      return "a value of another type";
  }
}

Result<TomlTable, TomlSyntaxError> parse_toml(std::string_view text) {
  try {
    return convert_table(toml::parse(text), 0);
  } catch (const toml::parse_error& e) {
    return TomlSyntaxError{e.source().begin.line, std::string(e.description())};
  }
}

}  // namespace holdfast::config
