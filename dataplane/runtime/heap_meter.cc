// SPDX-License-Identifier: Apache-2.0
// Heap meter on jemalloc's per-thread statistics.
#include "dataplane/runtime/heap_meter.hh"

#include <cstddef>

// Weak: null when the program is built without jemalloc.
extern "C" __attribute__((weak)) int mallctl(const char* name, void* old_value, size_t* old_size,
                                             void* new_value, size_t new_size);

namespace holdfast::dataplane {

const uint64_t* heap_counter_of_this_thread() {
  uint64_t* counter = nullptr;
  size_t size = sizeof counter;
  if (mallctl == nullptr || mallctl("thread.allocatedp", &counter, &size, nullptr, 0) != 0)
    return nullptr;
  return counter;
}

}  // namespace holdfast::dataplane
