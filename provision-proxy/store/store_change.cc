// SPDX-License-Identifier: Apache-2.0
// Storing, updating, forgetting: the index in memory, and the jobs that make it lasting.
#include <algorithm>

#include "provision-proxy/store/store.hh"

namespace holdfast::provision {

std::unique_ptr<Fill> Store::begin_fill(std::optional<uint64_t> size) {
  const uint64_t most = std::min(config_.max_body_bytes, config_.max_bytes);
  StoreError error = StoreError::kNone;
  if (!status_.trouble.empty()) {
    error = status_.state;
  } else if (watch_->open >= config_.max_fills) {
    error = StoreError::kTooMany;
  } else if (size && *size > most) {
    error = StoreError::kTooLarge;
  }
  std::shared_ptr<TemporaryFile> file;
  if (error == StoreError::kNone) {
    std::string path = files_.temporary_path(next_file_++);
    const int fd = BodyFiles::make_file(path);
    if (fd >= 0) {
      file = std::make_shared<TemporaryFile>(fd, std::move(path));
    } else {
      error = store_error_of(errno);
      // Too many open files is nobody's disk.
      if (errno != EMFILE && errno != ENFILE) trouble(error, "a body cannot be begun");
    }
  }
  return std::make_unique<Fill>(std::move(file), error, Fill::Limits{most, kSmallBodyBytes},
                                *hooks_.disk, watch_);
}

// ---- commit ------------------------------------------------------------------------------------

StoreError Store::may_commit(const Fill& fill, const Key& key, const Entry& entry) const {
  if (fill.end() != Arrival::End::kComplete)
    return fill.error() == StoreError::kNone ? StoreError::kIncomplete : fill.error();
  if (is_refused(key, fill.hash())) return StoreError::kDistrusted;
  std::string text;
  if (!encode_fields(entry.meta.fields, text) || !encode_fields(entry.meta.vary_request, text))
    return StoreError::kBadMeta;
  if (provision::meta_bytes(entry) > config_.max_entry_meta_bytes) return StoreError::kTooLarge;
  if (!status_.trouble.empty()) return status_.state;
  if (pending_.size() >= config_.max_queue) return StoreError::kBusy;
  return StoreError::kNone;
}

void Store::refuse(CommitDone& done, StoreError error) {
  ++status_.commit_failures;
  if (error == StoreError::kBusy) ++status_.queue_refusals;
  if (error == StoreError::kDistrusted) ++status_.distrusted_refusals;
  later([done = std::move(done), error] {
    if (done) done(error, nullptr);
  });
}

void Store::commit(std::unique_ptr<Fill> fill, Key key, Meta meta, Keep keep, CommitDone done) {
  auto entry = std::make_shared<Entry>();
  entry->key = std::move(key);
  entry->meta = std::move(meta);
  entry->variant = variant_of(entry->meta.vary_request);
  entry->keep = keep;
  entry->stored_ms = hooks_.unix_ms();
  entry->body = {fill->hash(), fill->size()};
  if (const auto error = may_commit(*fill, entry->key, *entry); error != StoreError::kNone)
    return refuse(done, error);
  Pending pending;
  if (!index_.make_room(*entry, pending_bytes_, pending_commits_, pending.leaving)) {
    set_full(true);
    return refuse(done, StoreError::kFull);
  }
  entry->id = next_id_++;
  Job job;
  const auto trusted = index_.trusted(entry->key, entry->variant);
  const bool renewed = !trusted.empty() && renews(*entry, *trusted.front());
  if (!trusted.empty() && !renewed) job.change.supersede.push_back(trusted.front()->id);
  for (const auto& older : index_.all(entry->key))
    if (older->variant == entry->variant)
      entry->generation = std::max(entry->generation, older->generation);
  for (const auto& [ticket, other] : pending_) {
    if (!other.entry || !(other.entry->key == entry->key)) continue;
    if (other.entry->variant != entry->variant) continue;
    job.change.supersede.push_back(other.entry->id);
    entry->generation = std::max(entry->generation, other.entry->generation);
  }
  if (!renewed) ++entry->generation;
  job.file = fill->file();
  job.body = entry->body;
  job.change.insert.push_back(entry);
  job.change.erase = pending.leaving;
  pending.bytes = fill->bytes();
  pending.entry = std::move(entry);
  pending.commit_done = std::move(done);
  pending_bytes_ += job.body.size;
  ++pending_commits_;
  put(std::move(job), std::move(pending));
}

void Store::committed(Pending& pending, StoreError& error) {
  const Entry& entry = *pending.entry;
  pending_bytes_ -= entry.body.size;
  --pending_commits_;
  if (error != StoreError::kNone) {
    ++status_.commit_failures;
    for (const int64_t id : pending.leaving) index_.stay(id);
    collect({entry.body.hash});
    return;
  }
  ++status_.commits;
  std::vector<std::string> unneeded;
  for (const int64_t id : pending.leaving) {
    const auto old = index_.by_id(id);
    if (!old) continue;
    const bool same = old->key == entry.key && old->variant == entry.variant;
    ++(same ? status_.displaced : status_.evicted);
    auto hash = index_.erase(id);
    if (hash.empty() || hash == entry.body.hash) continue;
    cache_.erase(hash);
    unneeded.push_back(std::move(hash));
  }
  // Rolled back or removed while it was being written.
  if (pending.removed || is_refused(entry.key, entry.body.hash)) {
    error = pending.removed ? StoreError::kNotFound : StoreError::kDistrusted;
    unneeded.push_back(entry.body.hash);
    Change change;
    change.erase.push_back(entry.id);
    Pending going;
    going.redo = change;
    going.collect = std::move(unneeded);
    put({.change = std::move(change)}, std::move(going));
    return;
  }
  for (const auto& older : index_.trusted(entry.key, entry.variant))
    if (older->id < entry.id && !older->must_validate) set_must_validate(older);
  index_.put(pending.entry, hooks_.unix_ms());
  if (pending.invalidated) set_must_validate(pending.entry);
  index_.set_verified(entry.body.hash);
  if (pending.bytes) cache_.put(entry.body.hash, std::move(pending.bytes));
  set_full(false);
  collect(unneeded);
}

// ---- changes of what is there ------------------------------------------------------------------

void Store::set_must_validate(const EntryPtr& entry) {
  auto changed = std::make_shared<Entry>(*entry);
  changed->must_validate = true;
  index_.put(std::move(changed), 0);
}

void Store::update(const EntryPtr& entry, Meta meta, Done done) {
  const auto refuse_with = [&](StoreError error) {
    later([done = std::move(done), error] {
      if (done) done(error);
    });
  };
  const auto now = index_.by_id(entry->id);
  if (!now || now->distrusted) return refuse_with(StoreError::kNotFound);
  auto changed = std::make_shared<Entry>(*now);
  changed->meta = std::move(meta);
  // What tells the variants apart is the request's, which a 304 does not change.
  changed->meta.vary_request = now->meta.vary_request;
  std::string text;
  if (!encode_fields(changed->meta.fields, text)) return refuse_with(StoreError::kBadMeta);
  if (provision::meta_bytes(*changed) > config_.max_entry_meta_bytes)
    return refuse_with(StoreError::kTooLarge);
  changed->must_validate = index_.trusted(now->key, now->variant).front() != now;
  for (const auto& [ticket, other] : pending_)
    if (other.entry && other.entry->key == now->key && other.entry->variant == now->variant)
      changed->must_validate = true;  // a newer one is being written
  index_.put(changed, 0);
  index_.touch(changed->id, hooks_.unix_ms());
  ++status_.updates;
  Change change;
  change.update.push_back(std::move(changed));
  // Nothing is lost by what is not written down: after a restart it is validated again.
  if (!status_.trouble.empty()) return refuse_with(status_.state);
  if (pending_.size() >= config_.max_queue) {
    ++status_.queue_refusals;
    return refuse_with(StoreError::kBusy);
  }
  Pending pending;
  pending.done = std::move(done);
  put({.change = std::move(change)}, std::move(pending));
}

void Store::forget(Change change, const std::vector<int64_t>& ids, Done done) {
  Pending pending;
  for (const int64_t id : ids) {
    auto hash = index_.erase(id);
    if (hash.empty()) continue;
    cache_.erase(hash);
    pending.collect.push_back(std::move(hash));
  }
  pending.redo = change;
  pending.done = std::move(done);
  put({.change = std::move(change)}, std::move(pending));
}

void Store::remove(const Key& key, Done done) {
  Change change;
  for (const auto& entry : index_.all(key)) change.erase.push_back(entry->id);
  status_.removed += change.erase.size();
  const auto ids = change.erase;
  for (auto& [ticket, other] : pending_) {
    if (!other.entry || !(other.entry->key == key)) continue;
    other.removed = true;
    change.erase.push_back(other.entry->id);
  }
  forget(std::move(change), ids, std::move(done));
}

size_t Store::purge(const std::function<bool(const Entry&)>& which, Done done) {
  Change change;
  index_.for_each([&](const EntryPtr& entry) {
    if (which(*entry)) change.erase.push_back(entry->id);
  });
  const auto ids = change.erase;
  const size_t count = ids.size();
  status_.removed += count;
  for (auto& [ticket, other] : pending_) {
    if (!other.entry || !which(*other.entry)) continue;
    other.removed = true;
    change.erase.push_back(other.entry->id);
  }
  forget(std::move(change), ids, std::move(done));
  return count;
}

void Store::invalidate(const Key& key, Done done) {
  Change change;
  for (const auto& entry : index_.all(key)) {
    change.supersede.push_back(entry->id);
    if (!entry->must_validate) set_must_validate(entry);
  }
  for (auto& [ticket, other] : pending_) {
    if (!other.entry || !(other.entry->key == key)) continue;
    other.invalidated = true;
    change.supersede.push_back(other.entry->id);
  }
  forget(std::move(change), {}, std::move(done));
}

bool Store::set_remark(const Key& key, RemarkKind kind, const Remark& remark) {
  if (remarks_.of(key, kind) == remark) return true;
  if (!remarks_.put(key, kind, remark)) return false;
  Change change;
  change.remarks.push_back({key, kind, remark});
  forget(std::move(change), {}, nullptr);
  return true;
}

std::vector<EntryPtr> Store::last_good(const Key& key) const {
  std::vector<EntryPtr> good;
  for (const auto& entry : index_.all(key)) {
    const bool older = std::any_of(good.begin(), good.end(), [&](const EntryPtr& newer) {
      return newer->variant == entry->variant;
    });
    if (!older && !entry->distrusted && entry->keep == Keep::kLastGood) good.push_back(entry);
  }
  return good;
}

}  // namespace holdfast::provision
