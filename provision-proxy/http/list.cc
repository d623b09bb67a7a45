// SPDX-License-Identifier: Apache-2.0
// Walks lists in field values.
#include "provision-proxy/http/list.hh"

namespace holdfast::provision {

std::optional<std::string_view> ListReader::next() {
  while (!rest_.empty()) {
    bool quoted = false;
    size_t end = 0;
    for (; end < rest_.size(); ++end) {
      const char c = rest_[end];
      if (quoted && c == '\\') {
        ++end;  // what is escaped ends nothing
      } else if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        break;
      }
    }
    const std::string_view element = strip_ows(rest_.substr(0, end));
    rest_.remove_prefix(end < rest_.size() ? end + 1 : rest_.size());
    if (!element.empty()) return element;
  }
  return std::nullopt;
}

Directive split_directive(std::string_view element) {
  Directive directive;
  const size_t equals = element.find('=');
  const std::string_view name = element.substr(0, equals);
  directive.name = strip_ows(name);
  directive.spaced = directive.name.size() != name.size();
  if (equals == std::string_view::npos) return directive;
  const std::string_view argument = element.substr(equals + 1);
  directive.has_argument = true;
  directive.argument = strip_ows(argument);
  directive.spaced |= directive.argument.size() != argument.size();
  return directive;
}

std::optional<std::string> unquote(std::string_view text) {
  if (text.empty() || text.front() != '"') return std::string(text);
  std::string plain;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1 == text.size() ? std::optional(plain) : std::nullopt;
    if (text[i] == '\\' && ++i == text.size()) break;
    plain += text[i];
  }
  return std::nullopt;
}

bool has_element(const Fields& fields, std::string_view name, std::string_view word) {
  bool found = false;
  for_each_element(fields, name, [&](std::string_view element) {
    if (same_word(element, word)) found = true;
  });
  return found;
}

}  // namespace holdfast::provision
