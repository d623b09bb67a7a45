// SPDX-License-Identifier: Apache-2.0
// Entries by key, by body and by last use.
#include "provision-proxy/store/memory_index.hh"

#include <algorithm>
#include <functional>
#include <set>

namespace holdfast::provision {

bool renews(const Entry& incoming, const Entry& current) {
  return incoming.body.hash == current.body.hash && incoming.meta.status == current.meta.status &&
         (incoming.keep == current.keep || incoming.keep == Keep::kLastGood);
}

void MemoryIndex::put(EntryPtr entry, int64_t used_ms) {
  const auto at = records_.find(entry->id);
  if (at != records_.end()) {
    Record& record = at->second;
    const size_t bytes = provision::meta_bytes(*entry);
    if (!record.leaving) meta_bytes_ = meta_bytes_ - record.meta_bytes + bytes;
    record.meta_bytes = bytes;
    record.entry = std::move(entry);
    return;
  }
  const int64_t id = entry->id;
  Record record;
  record.meta_bytes = provision::meta_bytes(*entry);
  record.used_ms = used_ms;
  // At the front when it is new; at the start of a run the oldest come first.
  record.place = by_use_.insert(by_use_.begin(), id);
  auto& ids = keys_[entry->key];
  ids.insert(std::upper_bound(ids.begin(), ids.end(), id, std::greater<>()), id);
  BodyUse& body = bodies_[entry->body.hash];
  body.size = entry->body.size;
  ++body.entries;
  record.entry = std::move(entry);
  record.leaving = true;
  records_.emplace(id, std::move(record));
  stay(id);
}

std::string MemoryIndex::erase(int64_t id) {
  leave(id);
  const auto at = records_.find(id);
  if (at == records_.end()) return "";
  const EntryPtr entry = at->second.entry;
  by_use_.erase(at->second.place);
  records_.erase(at);
  const auto key = keys_.find(entry->key);
  std::erase(key->second, id);
  if (key->second.empty()) keys_.erase(key);
  const auto body = bodies_.find(entry->body.hash);
  if (--body->second.entries > 0) return "";
  bodies_.erase(body);
  return entry->body.hash;
}

void MemoryIndex::leave(int64_t id) {
  const auto at = records_.find(id);
  if (at == records_.end() || at->second.leaving) return;
  at->second.leaving = true;
  --staying_;
  meta_bytes_ -= at->second.meta_bytes;
  BodyUse& body = bodies_[at->second.entry->body.hash];
  if (--body.staying == 0) body_bytes_ -= body.size;
}

void MemoryIndex::stay(int64_t id) {
  const auto at = records_.find(id);
  if (at == records_.end() || !at->second.leaving) return;
  at->second.leaving = false;
  ++staying_;
  meta_bytes_ += at->second.meta_bytes;
  BodyUse& body = bodies_[at->second.entry->body.hash];
  if (body.staying++ == 0) body_bytes_ += body.size;
}

bool MemoryIndex::is_leaving(int64_t id) const {
  const auto at = records_.find(id);
  return at != records_.end() && at->second.leaving;
}

EntryPtr MemoryIndex::by_id(int64_t id) const {
  const auto at = records_.find(id);
  return at == records_.end() ? nullptr : at->second.entry;
}

const std::vector<int64_t>* MemoryIndex::ids_of(const Key& key) const {
  const auto at = keys_.find(key);
  return at == keys_.end() ? nullptr : &at->second;
}

std::vector<EntryPtr> MemoryIndex::find(const Key& key) const {
  std::vector<EntryPtr> found;
  const auto* ids = ids_of(key);
  if (ids == nullptr) return found;
  for (const int64_t id : *ids) {
    const EntryPtr& entry = records_.find(id)->second.entry;
    if (entry->distrusted) continue;
    const bool older = std::any_of(found.begin(), found.end(), [&](const EntryPtr& newer) {
      return newer->variant == entry->variant;
    });
    if (!older) found.push_back(entry);
  }
  return found;
}

std::vector<EntryPtr> MemoryIndex::all(const Key& key) const {
  std::vector<EntryPtr> found;
  if (const auto* ids = ids_of(key))
    for (const int64_t id : *ids) found.push_back(records_.find(id)->second.entry);
  return found;
}

std::vector<EntryPtr> MemoryIndex::trusted(const Key& key, const std::string& variant) const {
  std::vector<EntryPtr> found = all(key);
  std::erase_if(
      found, [&](const EntryPtr& entry) { return entry->distrusted || entry->variant != variant; });
  return found;
}

std::vector<EntryPtr> MemoryIndex::with_body(const std::string& hash) const {
  std::vector<EntryPtr> found;
  if (!has_body(hash)) return found;
  for_each([&](const EntryPtr& entry) {
    if (entry->body.hash == hash) found.push_back(entry);
  });
  return found;
}

bool MemoryIndex::over(const Needs& needs) const {
  return body_bytes_ + needs.body_bytes > limits_.body_bytes ||
         staying_ + needs.entries > limits_.entries ||
         meta_bytes_ + needs.meta_bytes > limits_.meta_bytes;
}

// The newest good copy of its key and variant that the caller wants kept.
bool MemoryIndex::is_protected(const Record& record, const Entry* incoming) const {
  const Entry& entry = *record.entry;
  if (entry.keep != Keep::kLastGood || entry.distrusted) return false;
  if (incoming != nullptr && incoming->keep == Keep::kLastGood && incoming->key == entry.key &&
      incoming->variant == entry.variant) {
    return false;
  }
  for (const int64_t id : *ids_of(entry.key)) {
    if (id == entry.id) return true;
    const Record& newer = records_.find(id)->second;
    if (newer.entry->variant == entry.variant && newer.entry->keep == Keep::kLastGood &&
        !newer.entry->distrusted && !newer.leaving) {
      return false;
    }
  }
  return false;
}

bool MemoryIndex::make_room(const Entry& incoming, uint64_t pending_bytes, size_t pending_entries,
                            std::vector<int64_t>& leaving) {
  displace(incoming, leaving);
  const auto body = bodies_.find(incoming.body.hash);
  const bool shared = body != bodies_.end() && body->second.staying > 0;
  const uint64_t bytes = pending_bytes + (shared ? 0 : incoming.body.size);
  if (evict({bytes, pending_entries + 1, provision::meta_bytes(incoming)}, &incoming, leaving)) {
    return true;
  }
  for (const int64_t id : leaving) stay(id);
  leaving.clear();
  return false;
}

bool MemoryIndex::evict(const Needs& needs, const Entry* incoming, std::vector<int64_t>& leaving) {
  for (auto at = by_use_.rbegin(); at != by_use_.rend() && over(needs); ++at) {
    const Record& record = records_.find(*at)->second;
    // The body that the incoming one shares is as much needed as it.
    if (record.leaving || is_protected(record, incoming)) continue;
    if (incoming != nullptr && record.entry->body.hash == incoming->body.hash) continue;
    leave(*at);
    leaving.push_back(*at);
  }
  return !over(needs);
}

// What goes because of the incoming entry itself: the same body's entry that it renews, generations
// beyond the limit, and the oldest variants.
void MemoryIndex::displace(const Entry& incoming, std::vector<int64_t>& leaving) {
  const auto go = [&](int64_t id) {
    leave(id);
    leaving.push_back(id);
  };
  const auto* ids = ids_of(incoming.key);
  if (ids == nullptr) return;
  unsigned kept = 1, distrusted = 0;
  bool current = true, good = incoming.keep == Keep::kLastGood;
  std::set<std::string_view> variants{incoming.variant};
  for (const int64_t id : std::vector<int64_t>(*ids)) {
    const Record& record = records_.find(id)->second;
    const Entry& entry = *record.entry;
    if (entry.variant != incoming.variant) {
      // An older variant than the newest so many; a phone's good copy stays.
      if ((variants.contains(entry.variant) || variants.size() < limits_.variants)) {
        variants.insert(entry.variant);
      } else if (!record.leaving && !is_protected(record, nullptr)) {
        go(id);
      }
      continue;
    }
    if (record.leaving) continue;
    if (entry.distrusted) {
      if (++distrusted > 1) go(id);
      continue;
    }
    const bool renewed = current && renews(incoming, entry);
    current = false;
    const bool last_good = !good && entry.keep == Keep::kLastGood;
    good |= last_good;
    if (renewed || (kept >= limits_.generations && !last_good)) {
      go(id);
    } else {
      ++kept;
    }
  }
}

void MemoryIndex::touch(int64_t id, int64_t now_ms) {
  const auto at = records_.find(id);
  if (at == records_.end()) return;
  Record& record = at->second;
  record.used_ms = now_ms;
  by_use_.splice(by_use_.begin(), by_use_, record.place);
  if (!record.touched) touched_.push_back(id);
  record.touched = true;
}

std::vector<std::pair<int64_t, int64_t>> MemoryIndex::take_touched() {
  std::vector<std::pair<int64_t, int64_t>> times;
  for (const int64_t id : touched_) {
    const auto at = records_.find(id);
    if (at == records_.end()) continue;
    at->second.touched = false;
    times.emplace_back(id, at->second.used_ms);
  }
  touched_.clear();
  return times;
}

bool MemoryIndex::is_verified(const std::string& hash) const {
  const auto at = bodies_.find(hash);
  return at != bodies_.end() && at->second.verified;
}

void MemoryIndex::set_verified(const std::string& hash) {
  if (const auto at = bodies_.find(hash); at != bodies_.end()) at->second.verified = true;
}

}  // namespace holdfast::provision
