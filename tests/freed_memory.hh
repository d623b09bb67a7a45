// SPDX-License-Identifier: Apache-2.0
// Whether memory that a program gives back still has a secret in it.
//
// freed_memory.cc replaces operator new and delete of the whole program that it is linked into.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace holdfast::test {

// Searches each block that operator delete is given while this lives. One at a time, one thread.
class FreedMemory {
 public:
  // At most 4, which outlive this.
  explicit FreedMemory(std::initializer_list<std::string_view> secrets);
  ~FreedMemory();
  FreedMemory(const FreedMemory&) = delete;
  FreedMemory& operator=(const FreedMemory&) = delete;

  // Blocks that had one of them, each counted once for each.
  size_t seen() const;
  void forget();
};

}  // namespace holdfast::test
