// SPDX-License-Identifier: Apache-2.0
// Overwrites memory that held a key, in a way that no compiler leaves out. Any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>

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

// Text that may have keys in it, a message's body for instance: wiped when it ends and when it is
// written anew. Set as a whole: text that grows leaves copies behind.
class WipedString : public std::string {
 public:
  WipedString() = default;
  WipedString(std::string text) : std::string(std::move(text)) {}  // NOLINT(*-explicit-*)
  WipedString(const char* text) : std::string(text) {}             // NOLINT(*-explicit-*)
  WipedString(const WipedString&) = default;
  WipedString(WipedString&&) = default;
  WipedString& operator=(const WipedString& other) {
    if (this != &other) *this = WipedString(other);
    return *this;
  }
  WipedString& operator=(WipedString&& other) noexcept {
    wipe(*this);
    swap(other);
    return *this;
  }
  ~WipedString() { wipe(*this); }
};

}  // namespace holdfast::media
