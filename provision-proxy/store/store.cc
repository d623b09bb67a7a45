// SPDX-License-Identifier: Apache-2.0
// The store's start and end, its state, and what comes back from the writer thread.
#include "provision-proxy/store/store.hh"

#include <algorithm>

namespace holdfast::provision {
namespace {

std::string plural(uint64_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

Result<std::unique_ptr<Store>, std::string> Store::open(StoreConfig config, StoreHooks hooks) {
  std::unique_ptr<Store> store(new Store(std::move(config), std::move(hooks)));
  if (std::string error = store->start(); !error.empty()) return error;
  return store;
}

Store::Store(StoreConfig config, StoreHooks hooks)
    : config_(std::move(config)),
      hooks_(std::move(hooks)),
      files_(config_.directory, *hooks_.disk),
      index_({config_.max_bytes, config_.max_entries, config_.max_meta_bytes, config_.generations,
              config_.max_variants}),
      cache_(config_.memory_cache_bytes),
      fetch_log_(config_.max_fetches_of_key, config_.max_fetches),
      remarks_(config_.max_remarks) {}

Store::~Store() {
  if (!writer_) return;
  flush_used();
  flush_fetches();
  writer_.reset();
}

std::string Store::start() {
  size_t temporaries = 0;
  if (auto error = files_.prepare(temporaries); !error.empty()) return error;
  status_.temporaries_removed = temporaries;
  const std::string path = files_.index_path();
  const int64_t now = hooks_.steady_ms();
  next_used_ms_ = now + config_.flush_used_ms;
  next_fetches_ms_ = now + config_.flush_fetches_ms;
  LoadedIndex loaded;
  std::unique_ptr<IndexDatabase> database;
  const auto try_open = [&] {
    auto opened = IndexDatabase::open(path);
    if (!opened) return opened.error();
    database = std::move(opened).value();
    return database->load(loaded);
  };
  DbError error = try_open();
  if (error.trouble == Trouble::kCorrupt || error.trouble == Trouble::kOther) {
    database.reset();
    loaded = {};
    ++status_.indexes_replaced;
    hooks_.logger(LogLevel::error, "store: " + path + " is damaged (" + error.text +
                                       ") and moved aside; what was stored has to be fetched anew");
    tell_damage("", path + ": " + error.text);
    error = {};
    if (auto problem = IndexDatabase::move_aside(path); !problem.empty()) return problem;
    error = try_open();
  }
  if (error.trouble == Trouble::kNone) {
    load(std::move(loaded));
  } else {
    database.reset();
    trouble(error.trouble == Trouble::kFull ? StoreError::kDiskFull : StoreError::kDiskError,
            "the index cannot be opened: " + error.text);
  }
  writer_ = std::make_unique<StoreWriter>(files_, std::move(database), hooks_.wake);
  std::vector<int64_t> leaving;
  index_.evict({}, nullptr, leaving);  // the limits may have been lowered
  if (!leaving.empty()) {
    Change change;
    status_.evicted += leaving.size();
    change.erase = leaving;
    forget(std::move(change), leaving, nullptr);
  }
  if (index_loaded_) put({.kind = Job::Kind::kSweep}, {});
  return "";
}

void Store::load(LoadedIndex loaded) {
  index_loaded_ = true;
  next_id_ = loaded.next_id;
  status_.unusable_rows += loaded.unusable;
  status_.clock_set_back = hooks_.unix_ms() < loaded.newest_ms;
  if (status_.clock_set_back) {
    hooks_.logger(LogLevel::warning,
                  "store: the clock is before the newest response that is stored; everything is "
                  "validated before it is believed fresh");
  }
  for (auto& [entry, used_ms] : loaded.entries) {
    auto own = std::make_shared<Entry>(*entry);
    own->meta.validated_ms = 0;
    own->must_validate |= status_.clock_set_back;
    index_.put(std::move(own), used_ms);
  }
  // Superseded ones, should the newer be found damaged.
  std::vector<EntryPtr> older;
  index_.for_each([&](const EntryPtr& entry) {
    const auto trusted = index_.trusted(entry->key, entry->variant);
    if (!entry->distrusted && trusted.front() != entry) older.push_back(entry);
  });
  for (const auto& entry : older) set_must_validate(entry);
  for (const auto& refused : loaded.refused) mark_refused(refused.key, refused.hash, refused.at_ms);
  for (const auto& row : loaded.remarks) remarks_.put(row.key, row.kind, row.remark);
  for (auto& row : loaded.fetches) fetch_log_.load(std::move(row));
}

// ---- to the writer and back --------------------------------------------------------------------

uint64_t Store::put(Job job, Pending pending) {
  job.ticket = next_ticket_++;
  const uint64_t ticket = job.ticket;
  pending_.emplace(ticket, std::move(pending));
  writer_->put(std::move(job));
  return ticket;
}

void Store::later(std::function<void()> call) {
  later_.push_back(std::move(call));
  hooks_.wake();
}

void Store::poll() {
  for (auto& outcome : writer_->take()) settle(std::move(outcome));
  if (watch_->trouble != StoreError::kNone)
    trouble(std::exchange(watch_->trouble, StoreError::kNone), watch_->trouble_text);
  for (auto& call : std::exchange(later_, {})) call();
}

void Store::settle(Outcome outcome) {
  const auto at = pending_.find(outcome.ticket);
  Pending pending = std::move(at->second);
  pending_.erase(at);
  if (outcome.error == StoreError::kDiskFull || outcome.error == StoreError::kDiskError)
    trouble(outcome.error, outcome.text);
  status_.missing += outcome.missing;
  status_.damaged += outcome.damaged;
  status_.orphans_removed += outcome.orphans;
  // If that fails too, the next probe leads here.
  if (outcome.index_lost && outcome.kind != Job::Kind::kRestore) restore();
  switch (outcome.kind) {
    case Job::Kind::kCollect:
    case Job::Kind::kRestore:
      break;
    case Job::Kind::kChange:
    case Job::Kind::kSetAside:
      settle_change(outcome, std::move(pending));
      break;
    case Job::Kind::kCheck:
      settle_check(outcome, pending.checked);
      break;
    case Job::Kind::kSweep:
      settle_sweep(outcome);
      break;
    case Job::Kind::kProbe:
      settle_probe(outcome);
      break;
  }
}

void Store::settle_change(Outcome& outcome, Pending pending) {
  StoreError error = outcome.error;
  if (pending.entry) {
    committed(pending, error);
    const EntryPtr entry = error == StoreError::kNone ? index_.by_id(pending.entry->id) : nullptr;
    if (pending.commit_done) pending.commit_done(error, entry);
    return;
  }
  if (error == StoreError::kNone) {
    collect(pending.collect);
  } else if (pending.redo) {
    retry_later(std::move(*pending.redo), pending.collect);
  }
  if (pending.done) pending.done(error);
}

// What must not be forgotten, once the disk takes it.
void Store::retry_later(Change change, const std::vector<std::string>& collect) {
  const auto append = [](auto& all, auto& more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
  };
  append(unsettled_.update, change.update);
  append(unsettled_.supersede, change.supersede);
  append(unsettled_.erase, change.erase);
  append(unsettled_.refuse, change.refuse);
  append(unsettled_.trust, change.trust);
  append(unsettled_.remarks, change.remarks);
  unsettled_collect_.insert(unsettled_collect_.end(), collect.begin(), collect.end());
}

void Store::collect(const std::vector<std::string>& hashes) {
  for (const auto& hash : hashes)
    if (!index_.has_body(hash)) put({.kind = Job::Kind::kCollect, .body = {hash, 0}}, {});
}

void Store::settle_sweep(const Outcome& outcome) {
  for (const int64_t id : outcome.dropped)
    if (const auto entry = index_.by_id(id))
      tell_damage(entry->key.target, "found by the look through all bodies");
  for (const int64_t id : outcome.dropped)
    if (auto hash = index_.erase(id); !hash.empty()) cache_.erase(hash);
  if (outcome.missing + outcome.damaged > 0) {
    hooks_.logger(LogLevel::error, "store: " + plural(outcome.dropped.size(), "entry") +
                                       " without a good body dropped");
  }
  if (outcome.error != StoreError::kNone) return;  // once the disk is well again
  if (++next_part_ < BodyFiles::kParts) {
    put({.kind = Job::Kind::kSweep, .part = next_part_}, {});
    return;
  }
  status_.swept = true;
  if (status_.orphans_removed > 0) {
    hooks_.logger(LogLevel::info, "store: removed " + plural(status_.orphans_removed, "body file") +
                                      " that belonged to nothing");
  }
}

// The index was found damaged while we ran: all that we know goes into the new one.
void Store::restore() {
  ++status_.indexes_replaced;
  hooks_.logger(LogLevel::error, "store: the index is damaged; a new one is written from memory");
  tell_damage("", "a new one is written from memory");
  Job job{.kind = Job::Kind::kRestore};
  index_.for_each([&](const EntryPtr& entry) { job.change.insert.push_back(entry); });
  for (const auto& [key, all] : refused_)
    job.change.refuse.insert(job.change.refuse.end(), all.begin(), all.end());
  job.change.remarks = remarks_.all();
  job.change.fetches = fetch_log_.take_changes(true);
  unsettled_ = {};
  put(std::move(job), {});
}

// ---- state -------------------------------------------------------------------------------------

void Store::trouble(StoreError error, const std::string& text) {
  status_.trouble = text;
  if (status_.state == error) return;
  const bool was_well = status_.state == StoreError::kNone || status_.state == StoreError::kFull;
  status_.state = error;
  if (!was_well) return;
  ++status_.disk_troubles;
  next_probe_ms_ = hooks_.steady_ms() + config_.retry_ms;
  hooks_.logger(LogLevel::error,
                "store: " + text + "; nothing is stored until the disk takes data again");
}

void Store::set_full(bool full) {
  if (full) ++status_.full_refusals;
  if (full && status_.state == StoreError::kNone) {
    status_.state = StoreError::kFull;
    hooks_.logger(LogLevel::error,
                  "store: full of what must not be evicted; what comes is not stored");
  } else if (!full && status_.state == StoreError::kFull) {
    status_.state = StoreError::kNone;
    hooks_.logger(LogLevel::info, "store: there is room again");
  }
}

void Store::settle_probe(Outcome& outcome) {
  probing_ = false;
  next_probe_ms_ = hooks_.steady_ms() + config_.retry_ms;
  if (outcome.loaded) load(std::move(*outcome.loaded));
  if (outcome.error != StoreError::kNone || outcome.index_lost) return;
  status_.state = StoreError::kNone;
  status_.trouble.clear();
  hooks_.logger(LogLevel::info, "store: the disk takes data again");
  if (!unsettled_.empty()) {
    // Newer ones may have been written since.
    for (auto& row : unsettled_.remarks) row.remark = remarks_.of(row.key, row.kind);
    Pending pending;
    pending.redo = unsettled_;
    pending.collect = std::exchange(unsettled_collect_, {});
    put({.change = std::exchange(unsettled_, {})}, std::move(pending));
  }
  if (!status_.swept) put({.kind = Job::Kind::kSweep, .part = next_part_}, {});
}

void Store::tick() {
  poll();
  const int64_t now = hooks_.steady_ms();
  const bool disk_fails = !status_.trouble.empty();
  if (disk_fails) {
    if (probing_ || now < next_probe_ms_) return;
    probing_ = true;
    put({.kind = Job::Kind::kProbe}, {});
    return;
  }
  if (now >= next_used_ms_) flush_used();
  if (now >= next_fetches_ms_) flush_fetches();
}

void Store::flush_used() {
  next_used_ms_ = hooks_.steady_ms() + config_.flush_used_ms;
  Job job;
  job.change.used = index_.take_touched();
  if (!job.change.empty()) put(std::move(job), {});
}

void Store::flush_fetches() {
  next_fetches_ms_ = hooks_.steady_ms() + config_.flush_fetches_ms;
  if (!fetch_log_.has_changes()) return;
  Job job;
  job.change.fetches = fetch_log_.take_changes();
  put(std::move(job), {});
}

void Store::drain() {
  // What one round brings may put more jobs; the sweep does, part by part.
  while (writer_->queued() > 0 || !pending_.empty() || !later_.empty()) {
    writer_->wait_idle();
    poll();
  }
}

StoreStatus Store::status() const {
  StoreStatus now = status_;
  now.entries = index_.entries();
  now.keys = index_.keys();
  now.bodies = index_.bodies();
  now.fills = watch_->open;
  now.queued = writer_->queued();
  now.fetches = fetch_log_.size();
  now.refused = refused_count_;
  now.body_bytes = index_.body_bytes();
  now.max_bytes = config_.max_bytes;
  now.meta_bytes = index_.meta_bytes();
  now.memory_cache_bytes = cache_.bytes();
  return now;
}

}  // namespace holdfast::provision
