// SPDX-License-Identifier: Apache-2.0
// The whole index in memory: entries by key, what they take, and which must go for others to come.
//
// Network thread. Pure: no files, no clock. An entry that is leaving is still found, so that it is
// served until its going has been written down, but its room counts as free.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "provision-proxy/store/entry.hh"

namespace holdfast::provision {

struct IndexLimits {
  uint64_t body_bytes;  // of different bodies
  size_t entries;
  uint64_t meta_bytes;
  unsigned generations;  // kept of a key and variant, the current one included
  size_t variants;       // of one key
};

// The same body came again: no new generation. (A 404 may well have the body of a 200.)
bool renews(const Entry& incoming, const Entry& current);

class MemoryIndex {
 public:
  explicit MemoryIndex(IndexLimits limits) : limits_(limits) {}

  // A new entry, with a new id; or one that takes the place of the one with its id.
  void put(EntryPtr entry, int64_t used_ms);
  // Gives the hash of a body that nobody needs any more, or nothing.
  std::string erase(int64_t id);

  EntryPtr by_id(int64_t id) const;
  // The current generation of each variant, newest first.
  std::vector<EntryPtr> find(const Key& key) const;
  // All of the key, newest first, distrusted ones too.
  std::vector<EntryPtr> all(const Key& key) const;
  // Of a key and variant, newest first; the first is the current one.
  std::vector<EntryPtr> trusted(const Key& key, const std::string& variant) const;
  // All that have this body.
  std::vector<EntryPtr> with_body(const std::string& hash) const;
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (const auto& [id, record] : records_) visit(record.entry);
  }

  // Marks as leaving what must go for the incoming entry to come: what it displaces, then the least
  // recently used. `pending_bytes`, `pending_entries`: of others on their way. False: it has no
  // room, and nothing has been marked.
  bool make_room(const Entry& incoming, uint64_t pending_bytes, size_t pending_entries,
                 std::vector<int64_t>& leaving);
  // Marks the least recently used until there is room for so much; false: there is none. `incoming`
  // may be null.
  struct Needs {
    uint64_t body_bytes = 0;
    size_t entries = 0;
    uint64_t meta_bytes = 0;
  };
  bool evict(const Needs& needs, const Entry* incoming, std::vector<int64_t>& leaving);
  void leave(int64_t id);
  void stay(int64_t id);  // it does not go after all
  bool is_leaving(int64_t id) const;

  // To the front of those that are kept.
  void touch(int64_t id, int64_t now_ms);
  // Ids and times of those touched since the last call.
  std::vector<std::pair<int64_t, int64_t>> take_touched();

  bool has_body(const std::string& hash) const { return bodies_.contains(hash); }
  bool is_verified(const std::string& hash) const;
  void set_verified(const std::string& hash);

  size_t entries() const { return records_.size(); }
  size_t keys() const { return keys_.size(); }
  size_t bodies() const { return bodies_.size(); }
  uint64_t body_bytes() const { return body_bytes_; }
  uint64_t meta_bytes() const { return meta_bytes_; }

 private:
  struct Record {
    EntryPtr entry;
    int64_t used_ms = 0;
    bool leaving = false, touched = false;
    size_t meta_bytes = 0;
    std::list<int64_t>::iterator place;  // in by_use_
  };
  struct BodyUse {
    uint64_t size = 0;
    size_t entries = 0, staying = 0;
    bool verified = false;
  };

  bool over(const Needs& needs) const;
  bool is_protected(const Record& record, const Entry* incoming) const;
  void displace(const Entry& incoming, std::vector<int64_t>& leaving);
  const std::vector<int64_t>* ids_of(const Key& key) const;

  IndexLimits limits_;
  std::unordered_map<Key, std::vector<int64_t>, KeyHash> keys_;  // newest first
  std::unordered_map<int64_t, Record> records_;
  std::unordered_map<std::string, BodyUse> bodies_;
  std::list<int64_t> by_use_;  // most recent first
  std::vector<int64_t> touched_;
  uint64_t body_bytes_ = 0, meta_bytes_ = 0;  // of those that stay
  size_t staying_ = 0;
};

}  // namespace holdfast::provision
