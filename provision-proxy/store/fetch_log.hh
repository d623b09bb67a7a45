// SPDX-License-Identifier: Apache-2.0
// Who fetched what, when, and with which firmware: the last fetch of each phone of each key.
//
// Network thread. Bounded for each key and in all: the oldest go, counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "provision-proxy/store/entry.hh"

namespace holdfast::provision {

struct Fetch {
  std::string identity;    // the phone, as well as it is known
  std::string user_agent;  // which says its model and firmware
  int64_t at_ms = 0;
  int status = 0;
  uint64_t count = 1;  // how often this phone has fetched this
};
struct FetchRow {
  Key key;
  Fetch fetch;
};

class FetchLog {
 public:
  static constexpr size_t kMaxUserAgent = 256;  // the rest is cut off
  static constexpr size_t kMaxIdentity = 128;

  FetchLog(size_t max_of_key, size_t max_in_all)
      : max_of_key_(max_of_key), max_in_all_(max_in_all) {}

  void note(const Key& key, std::string_view identity, std::string_view user_agent, int64_t at_ms,
            int status);
  // At the start: as written down, oldest first.
  void load(FetchRow row);

  std::vector<Fetch> of(const Key& key) const;  // newest first
  // The newest fetch of each phone, by identity: which firmware each has.
  std::vector<FetchRow> phones() const;
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (const auto& record : records_) visit(record.row);
  }

  // What has changed since the last call, to be written down; `all`: everything.
  struct Changes {
    std::vector<FetchRow> put;
    std::vector<std::pair<Key, std::string>> gone;  // key, identity
  };
  Changes take_changes(bool all = false);
  bool has_changes() const { return !dirty_.empty() || !gone_.empty(); }

  size_t size() const { return records_.size(); }
  uint64_t dropped() const { return dropped_; }

 private:
  struct Record {
    FetchRow row;
    bool dirty = false;
  };
  using Place = std::list<Record>::iterator;
  using OfKey = std::unordered_map<std::string, Place>;

  Record& at(const Key& key, std::string_view identity);
  void drop(Place place);

  size_t max_of_key_, max_in_all_;
  std::list<Record> records_;  // newest first
  std::unordered_map<Key, OfKey, KeyHash> keys_;
  std::vector<std::pair<Key, std::string>> dirty_, gone_;
  bool all_dirty_ = false;
  uint64_t dropped_ = 0;
};

}  // namespace holdfast::provision
