// SPDX-License-Identifier: Apache-2.0
// A call between "lan" and "wan", and what the book says to it.
#pragma once

#include <string>

#include "dataplane/calls/call_book.hh"

namespace holdfast::dataplane {

// "added", or the error's code.
inline std::string add_call(CallBook& book, const std::string& key, bool emergency = false) {
  control::CallAdd add;
  add.call = key;
  add.legs[0].interface = "lan";
  add.legs[1].interface = "wan";
  add.emergency = emergency;
  const auto added = book.add(add);
  return added ? "added" : std::string(control::to_string(added.error().code));
}

}  // namespace holdfast::dataplane
