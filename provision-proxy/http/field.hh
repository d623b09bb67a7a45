// SPDX-License-Identifier: Apache-2.0
// One header field as it stands in a message: views, nothing owned.
#pragma once

#include <string_view>

namespace holdfast::provision {

struct Field {
  std::string_view name;   // as spelled; compared without case (RFC 9110 section 5.1)
  std::string_view value;  // without the whitespace around it (RFC 9110 section 5.5)
};

}  // namespace holdfast::provision
