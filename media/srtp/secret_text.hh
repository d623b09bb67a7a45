// SPDX-License-Identifier: Apache-2.0
// Text that keys pass through: whatever memory it gives back was wiped before.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "media/srtp/master_key.hh"

namespace holdfast::media {

template <typename T>
struct WipingAllocator {
  using value_type = T;

  WipingAllocator() = default;
  template <typename Other>
  explicit WipingAllocator(const WipingAllocator<Other>&) {}

  T* allocate(size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, size_t count) {
    wipe(std::span(reinterpret_cast<uint8_t*>(memory), count * sizeof(T)));
    std::allocator<T>().deallocate(memory, count);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
};

// Short ones lie in the object itself and are not wiped: for buffers, not for a key alone.
using SecretText = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

}  // namespace holdfast::media
