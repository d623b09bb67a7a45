// SPDX-License-Identifier: Apache-2.0
// Looks into blocks before free() has them.
#include "tests/freed_memory.hh"

#include <malloc.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::array<std::string_view, 4> watched;
size_t blocks_seen = 0;

void look_and_free(void* memory) {
  if (memory == nullptr) return;
  const size_t size = ::malloc_usable_size(memory);
  for (const std::string_view secret : watched)
    if (!secret.empty() && ::memmem(memory, size, secret.data(), secret.size()) != nullptr)
      ++blocks_seen;
  std::free(memory);
}

}  // namespace

void* operator new(size_t size) {
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, ::malloc_usable_size(memory));  // so that no old leak counts twice
  return memory;
}
void operator delete(void* memory) noexcept {
  look_and_free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  look_and_free(memory);
}

namespace holdfast::test {

FreedMemory::FreedMemory(std::initializer_list<std::string_view> secrets) {
  size_t i = 0;
  for (const std::string_view secret : secrets) watched.at(i++) = secret;
  forget();
}

FreedMemory::~FreedMemory() {
  watched = {};
}

size_t FreedMemory::seen() const {
  return blocks_seen;
}

void FreedMemory::forget() {
  blocks_seen = 0;
}

}  // namespace holdfast::test
