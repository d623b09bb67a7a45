// SPDX-License-Identifier: Apache-2.0
// The last fetches, newest first.
#include "provision-proxy/store/fetch_log.hh"

#include <algorithm>
#include <unordered_set>

namespace holdfast::provision {

void FetchLog::note(const Key& key, std::string_view identity, std::string_view user_agent,
                    int64_t at_ms, int status) {
  identity = identity.substr(0, kMaxIdentity);
  Record& record = at(key, identity);
  Fetch& fetch = record.row.fetch;
  fetch.user_agent.assign(user_agent.substr(0, kMaxUserAgent));
  fetch.at_ms = at_ms;
  fetch.status = status;
  ++fetch.count;
  if (record.dirty) return;
  record.dirty = true;
  if (dirty_.size() < 2 * max_in_all_) {
    dirty_.emplace_back(key, identity);
  } else {
    all_dirty_ = true;
  }
}

void FetchLog::load(FetchRow row) {
  Record& record = at(row.key, row.fetch.identity);
  record.row = std::move(row);
}

// The record, at the front; a new one has the count 0.
FetchLog::Record& FetchLog::at(const Key& key, std::string_view identity) {
  const std::string name(identity);
  if (const auto known = keys_.find(key); known != keys_.end()) {
    if (const auto found = known->second.find(name); found != known->second.end()) {
      records_.splice(records_.begin(), records_, found->second);
      return *found->second;
    }
    if (known->second.size() >= max_of_key_) {
      // Found from the back: the key's oldest.
      auto oldest = std::prev(records_.end());
      while (!(oldest->row.key == key)) --oldest;
      drop(oldest);
    }
  }
  if (records_.size() >= max_in_all_) drop(std::prev(records_.end()));
  Fetch fetch;
  fetch.identity = name;
  fetch.count = 0;
  records_.push_front({{key, std::move(fetch)}, false});
  keys_[key].emplace(name, records_.begin());
  return records_.front();
}

void FetchLog::drop(Place place) {
  const auto of_key = keys_.find(place->row.key);
  of_key->second.erase(place->row.fetch.identity);
  // What is not written down as gone is dropped again when it is loaded.
  if (gone_.size() < max_in_all_) gone_.emplace_back(place->row.key, place->row.fetch.identity);
  if (of_key->second.empty()) keys_.erase(of_key);
  records_.erase(place);
  ++dropped_;
}

std::vector<Fetch> FetchLog::of(const Key& key) const {
  std::vector<Fetch> fetches;
  const auto known = keys_.find(key);
  if (known == keys_.end()) return fetches;
  for (const auto& [identity, place] : known->second) fetches.push_back(place->row.fetch);
  std::sort(fetches.begin(), fetches.end(), [](const Fetch& a, const Fetch& b) {
    return a.at_ms != b.at_ms ? a.at_ms > b.at_ms : a.identity < b.identity;
  });
  return fetches;
}

std::vector<FetchRow> FetchLog::phones() const {
  std::unordered_set<std::string_view> seen;
  std::vector<FetchRow> phones;
  for (const auto& record : records_)
    if (!record.row.fetch.identity.empty() && seen.insert(record.row.fetch.identity).second)
      phones.push_back(record.row);
  std::sort(phones.begin(), phones.end(), [](const FetchRow& a, const FetchRow& b) {
    return a.fetch.identity < b.fetch.identity;
  });
  return phones;
}

FetchLog::Changes FetchLog::take_changes(bool all) {
  Changes changes;
  changes.gone.swap(gone_);
  const auto clean = [&](Record& record) {
    record.dirty = false;
    changes.put.push_back(record.row);
  };
  if (all || all_dirty_) {
    for (auto at = records_.rbegin(); at != records_.rend(); ++at) clean(*at);
  } else {
    for (const auto& [key, identity] : dirty_) {
      const auto known = keys_.find(key);
      if (known == keys_.end()) continue;
      const auto found = known->second.find(identity);
      if (found != known->second.end() && found->second->dirty) clean(*found->second);
    }
  }
  dirty_.clear();
  all_dirty_ = false;
  return changes;
}

}  // namespace holdfast::provision
