// SPDX-License-Identifier: Apache-2.0
// How many bytes a thread has taken from the heap, so that "the packet loop does not allocate" can
// be seen.
#pragma once

#include <cstdint>

namespace holdfast::dataplane {

// The calling thread's running count of allocated bytes; any thread may read it while this one
// lives. Null where the allocator does not count (sanitizer builds, which run without jemalloc).
const uint64_t* heap_counter_of_this_thread();

}  // namespace holdfast::dataplane
