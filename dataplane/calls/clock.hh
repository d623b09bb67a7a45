// SPDX-License-Identifier: Apache-2.0
// The wall clock, as reports have it.
#pragma once

#include <chrono>
#include <cstdint>

namespace holdfast::dataplane {

// Milliseconds since 1970. It may step.
inline uint64_t unix_ms() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
}

// Nanoseconds since 1970.
inline uint64_t unix_ns() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count());
}

}  // namespace holdfast::dataplane
