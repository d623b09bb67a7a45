// SPDX-License-Identifier: Apache-2.0
// What a test is told from outside: programs under test, and where the source is.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace holdfast::test {

// Throws when `name` is not set: the test was not started by meson.
inline std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set");
  return value;
}

}  // namespace holdfast::test
