// SPDX-License-Identifier: Apache-2.0
// A hash index beside a table whose entries have numbers: about 8 bytes an entry, no node of its
// own for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast::dataplane {

// Slow thread only: it allocates as the table grows. Keys stay in the table; whoever asks brings
// their hash and says which entry is meant.
class ChainIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // The entry with this hash of which is_it(entry) is true; kNone when there is none.
  template <typename IsIt>
  uint32_t find(uint64_t hash, IsIt is_it) const {
    if (heads_.empty()) return kNone;
    uint32_t at = heads_[hash & (heads_.size() - 1)];
    while (at != kNone && !is_it(at)) at = next_[at];
    return at;
  }

  // `entry` is not in the index; hash_of(e) gives the hash of any that is, and its own.
  template <typename HashOf>
  void insert(uint32_t entry, HashOf hash_of) {
    if (entry >= next_.size()) next_.resize(entry + size_t{1}, kNone);
    if (++size_ > heads_.size()) grow(hash_of);
    link(entry, hash_of(entry));
  }

  // `entry` is in the index, with this hash.
  void erase(uint32_t entry, uint64_t hash) {
    uint32_t* link = &heads_[hash & (heads_.size() - 1)];
    while (*link != entry) link = &next_[*link];
    *link = next_[entry];
    --size_;
  }

 private:
  static constexpr size_t kLeast = 16;

  void link(uint32_t entry, uint64_t hash) {
    uint32_t& head = heads_[hash & (heads_.size() - 1)];
    next_[entry] = head;
    head = entry;
  }
  template <typename HashOf>
  void grow(HashOf hash_of) {
    std::vector<uint32_t> before(heads_.empty() ? kLeast : 2 * heads_.size(), kNone);
    before.swap(heads_);
    for (uint32_t at : before) {
      while (at != kNone) {
        const uint32_t next = next_[at];
        link(at, hash_of(at));
        at = next;
      }
    }
  }

  std::vector<uint32_t> heads_;  // by the hash's low bits
  std::vector<uint32_t> next_;   // by entry
  size_t size_ = 0;
};

}  // namespace holdfast::dataplane
