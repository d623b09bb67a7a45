// SPDX-License-Identifier: Apache-2.0
// What a step towards the kernel comes back with when success has nothing to say but "done".
#pragma once

#include <string>
#include <variant>

#include "media/result.hh"

namespace holdfast::dataplane {

// Done, or one line of text that an operator can act on.
using Outcome = Result<std::monostate, std::string>;

inline Outcome done() {
  return std::monostate{};
}

}  // namespace holdfast::dataplane
