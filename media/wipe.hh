// SPDX-License-Identifier: Apache-2.0
// Overwrites memory that held a key, in a way that no compiler leaves out. Any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace holdfast::media {

inline void wipe(std::span<uint8_t> bytes) {
  ::explicit_bzero(bytes.data(), bytes.size());
}

// All of its capacity, and then it is empty.
inline void wipe(std::string& text) {
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace holdfast::media
