// SPDX-License-Identifier: Apache-2.0
// Overwrites memory that held a key, in a way that no compiler leaves out. Any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
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

// Text that may have keys in it, a message's body for instance: wiped when it ends, when it is
// written anew, and where it was when it grows. What else changes a string might leave copies.
class WipedString : public std::string {
 public:
  WipedString() = default;
  explicit WipedString(std::string_view text) : std::string(text) {}
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

  void reserve(size_t size) {
    if (size > capacity()) grow(size, {});
  }
  // It may be a part of this.
  WipedString& append(std::string_view more) {
    const size_t needed = size() + more.size();
    if (needed > capacity())
      grow(2 * needed, more);
    else
      std::string::append(more);
    return *this;
  }
  WipedString& operator+=(std::string_view more) { return append(more); }
  WipedString& operator+=(char more) { return append({&more, 1}); }
  void push_back(char more) { append({&more, 1}); }

  template <typename... Any>
  void assign(Any&&...) = delete;
  template <typename... Any>
  void insert(Any&&...) = delete;
  template <typename... Any>
  void replace(Any&&...) = delete;
  template <typename... Any>
  void shrink_to_fit(Any&&...) = delete;

 private:
  void grow(size_t room, std::string_view more) {
    WipedString larger;
    larger.std::string::reserve(room);
    larger.std::string::append(*this).append(more);
    *this = std::move(larger);
  }
};

}  // namespace holdfast::media
