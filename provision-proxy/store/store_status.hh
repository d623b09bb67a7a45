// SPDX-License-Identifier: Apache-2.0
// What the store tells about itself: its room, its state, and a counter for each thing that
// happens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "provision-proxy/store/store_error.hh"

namespace holdfast::provision {

struct StoreStatus {
  size_t entries = 0, keys = 0, bodies = 0, fills = 0, queued = 0, fetches = 0, refused = 0;
  uint64_t body_bytes = 0, max_bytes = 0, meta_bytes = 0, memory_cache_bytes = 0;

  // kDiskFull or kDiskError: nothing is stored until the disk takes data again. kFull: what comes
  // finds no room, since all that is there must stay.
  StoreError state = StoreError::kNone;
  std::string trouble;          // of the disk, for a person; empty: none
  bool swept = false;           // bodies and rows have been held against each other since the start
  bool clock_set_back = false;  // at the start: before the newest response that is stored

  uint64_t commits = 0, commit_failures = 0, updates = 0, removed = 0, rollbacks = 0;
  uint64_t evicted = 0, displaced = 0;
  uint64_t full_refusals = 0, disk_troubles = 0, queue_refusals = 0, distrusted_refusals = 0;
  uint64_t damaged = 0, missing = 0, unusable_rows = 0;  // bodies, bodies, rows
  uint64_t temporaries_removed = 0, orphans_removed = 0, indexes_replaced = 0;
};

}  // namespace holdfast::provision
