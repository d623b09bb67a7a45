// SPDX-License-Identifier: Apache-2.0
// Lists in field values: elements between commas, quoted strings respected (RFC 9110, 5.6.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "provision-proxy/http/fields.hh"
#include "provision-proxy/http/text.hh"

namespace holdfast::provision {

// Walks the elements of one value. Empty ones are passed over; a quoted string that does not end
// reaches to the end of the value.
class ListReader {
 public:
  explicit ListReader(std::string_view value) : rest_(value) {}
  // The next element without the blanks round it, or none.
  std::optional<std::string_view> next();

 private:
  std::string_view rest_;
};

// "name" or "name=argument".
struct Directive {
  std::string_view name;      // without blanks
  std::string_view argument;  // as written, with its quotes if it has some; empty if there is none
  bool has_argument = false;
  bool spaced = false;  // blanks stood round the "=", which the grammar does not allow
};
Directive split_directive(std::string_view element);

// What a quoted string says, or the text itself if it is not quoted. None if the quotes do not end,
// or end early.
std::optional<std::string> unquote(std::string_view text);

// Calls `each` with every element of all lines of that name, in order.
template <typename Each>  // void(std::string_view)
void for_each_element(const Fields& fields, std::string_view name, const Each& each) {
  for (const Field field : fields) {
    if (!same_word(field.name, name)) continue;
    ListReader list(field.value);
    while (const auto element = list.next()) each(*element);
  }
}

// Whether one of the elements is that word, without case.
bool has_element(const Fields& fields, std::string_view name, std::string_view word);

}  // namespace holdfast::provision
