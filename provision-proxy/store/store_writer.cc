// SPDX-License-Identifier: Apache-2.0
// One thread, jobs in their order; commits that wait together share one transaction.
#include "provision-proxy/store/store_writer.hh"

#include <cstring>
#include <iterator>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace holdfast::provision {
namespace {

Outcome outcome_of(const Job& job) {
  Outcome outcome;
  outcome.kind = job.kind;
  outcome.ticket = job.ticket;
  return outcome;
}

void fail(Outcome& outcome, int error_number, const char* what) {
  outcome.error = store_error_of(error_number);
  outcome.text = std::string(what) + ": " + std::strerror(error_number);
}

}  // namespace

StoreWriter::StoreWriter(BodyFiles& files, std::unique_ptr<IndexDatabase> database,
                         std::function<void()> wake)
    : files_(files),
      database_(std::move(database)),
      loaded_(database_ != nullptr),
      wake_up_(std::move(wake)) {
  thread_ = std::thread([this] { work(); });
}

StoreWriter::~StoreWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void StoreWriter::put(Job job) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  wake_.notify_all();
}

std::vector<Outcome> StoreWriter::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(outcomes_, {});
}

size_t StoreWriter::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size() + in_hand_;
}

void StoreWriter::wait_idle() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return queue_.empty() && in_hand_ == 0; });
}

void StoreWriter::work() {
  for (;;) {
    std::deque<Job> batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      batch.swap(queue_);
      in_hand_ = batch.size();
    }
    run(std::move(batch));
  }
}

void StoreWriter::run(std::deque<Job> batch) {
  while (!batch.empty()) {
    if (batch.front().kind != Job::Kind::kChange) {
      std::vector<Outcome> one;
      one.push_back(run_one(batch.front()));
      batch.pop_front();
      hand_over(std::move(one));
      continue;
    }
    std::vector<Job> changes;
    while (!batch.empty() && batch.front().kind == Job::Kind::kChange) {
      changes.push_back(std::move(batch.front()));
      batch.pop_front();
    }
    run_changes(changes);
  }
}

void StoreWriter::hand_over(std::vector<Outcome> outcomes) {
  {
    const std::lock_guard lock(mutex_);
    in_hand_ -= outcomes.size();
    std::move(outcomes.begin(), outcomes.end(), std::back_inserter(outcomes_));
  }
  // Before idle_: who waits for that may end us.
  wake_up_();
  const std::lock_guard lock(mutex_);
  if (queue_.empty() && in_hand_ == 0) idle_.notify_all();
}

// Bodies first, then the rows that name them.
void StoreWriter::run_changes(std::vector<Job>& jobs) {
  std::vector<Outcome> outcomes;
  std::vector<Job*> good;
  for (auto& job : jobs) {
    outcomes.push_back(outcome_of(job));
    if (!job.file) continue;
    const int error = files_.place(job.file->get(), job.file->path(), job.body.hash);
    if (error == 0) {
      job.file->placed();
    } else {
      fail(outcomes.back(), error, "a body cannot be written");
    }
  }
  const int error = files_.sync_folders();
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (error != 0 && jobs[i].file && outcomes[i].error == StoreError::kNone)
      fail(outcomes[i], error, "a folder of bodies cannot be written");
    if (outcomes[i].error == StoreError::kNone) good.push_back(&jobs[i]);
  }
  if (!good.empty()) commit(good, outcomes);
  jobs.clear();  // temporary files go before anybody is told
  hand_over(std::move(outcomes));
}

void StoreWriter::commit(const std::vector<Job*>& jobs, std::vector<Outcome>& outcomes) {
  std::unordered_map<uint64_t, Outcome*> by_ticket;
  for (auto& outcome : outcomes) by_ticket.emplace(outcome.ticket, &outcome);
  const auto carry_out = [&](const std::vector<Job*>& together) {
    Outcome& first = *by_ticket[together.front()->ticket];
    if (!database_ || restoring_) {
      first.error = StoreError::kDiskError;
      first.text = "the index cannot be written yet";
      return;
    }
    std::vector<const Change*> changes;
    changes.reserve(together.size());
    for (const Job* job : together) changes.push_back(&job->change);
    first.error = settle(database_->commit(changes), first);
  };
  carry_out(jobs);
  Outcome& first = *by_ticket[jobs.front()->ticket];
  if (first.error == StoreError::kNone || jobs.size() == 1) return;
  // One of them may be what cannot be done: each for itself.
  first.error = StoreError::kNone;
  first.text.clear();
  for (Job* job : jobs) carry_out({job});
}

// What went wrong with the index; a damaged one is replaced at once.
StoreError StoreWriter::settle(const DbError& error, Outcome& outcome) {
  if (error.trouble == Trouble::kNone) return StoreError::kNone;
  outcome.text = "the index cannot be written: " + error.text;
  if (error.trouble == Trouble::kFull) return StoreError::kDiskFull;
  if (error.trouble != Trouble::kCorrupt) return StoreError::kDiskError;
  database_.reset();
  const std::string problem = IndexDatabase::move_aside(files_.index_path());
  auto fresh = IndexDatabase::open(files_.index_path());
  if (problem.empty() && fresh) database_ = std::move(fresh).value();
  outcome.index_lost = restoring_ = loaded_ = true;
  return StoreError::kDiskError;
}

Outcome StoreWriter::run_one(Job& job) {
  Outcome outcome = outcome_of(job);
  switch (job.kind) {
    case Job::Kind::kChange:
      break;  // in run_changes()
    case Job::Kind::kRestore:
      restore(job, outcome);
      break;
    case Job::Kind::kCheck:
      outcome.check = files_.check(job.body);
      break;
    case Job::Kind::kCollect:
      if (database_ && !restoring_ && !database_->needs_body(job.body.hash))
        files_.remove(job.body.hash);
      break;
    case Job::Kind::kSetAside:
      check(job, outcome);
      break;
    case Job::Kind::kSweep:
      sweep(job.part, outcome);
      break;
    case Job::Kind::kProbe:
      probe(outcome);
      break;
  }
  return outcome;
}

// Looked at again, since the same body may have been stored anew meanwhile.
void StoreWriter::check(Job& job, Outcome& outcome) {
  outcome.check = files_.check(job.body);
  if (outcome.check == BodyFiles::Check::kDamaged) {
    files_.set_aside(job.body.hash);
    outcome.damaged = 1;
  }
  if (outcome.check == BodyFiles::Check::kMissing) outcome.missing = 1;
  if (database_ && !restoring_) outcome.error = settle(database_->commit({&job.change}), outcome);
}

void StoreWriter::sweep(unsigned part, Outcome& outcome) {
  std::vector<BodyFiles::File> files;
  std::vector<IndexDatabase::Row> rows;
  const std::string prefix = BodyFiles::part_name(part);
  // Without knowing both sides nothing is anybody's.
  if (!database_ || restoring_ || !files_.list(part, files) || !database_->rows_of(prefix, rows)) {
    outcome.error = StoreError::kDiskError;
    return;
  }
  std::unordered_map<std::string, uint64_t> there;
  for (auto& file : files) there.emplace(std::move(file.name), file.size);
  std::unordered_set<std::string> needed;
  Change change;
  for (const auto& row : rows) {
    const auto file = there.find(row.body.hash);
    if (file != there.end() && file->second == row.body.size) {
      needed.insert(row.body.hash);
      continue;
    }
    const auto found = files_.check(row.body);
    if (found != BodyFiles::Check::kMissing && found != BodyFiles::Check::kDamaged) {
      needed.insert(row.body.hash);
      continue;
    }
    change.erase.push_back(row.id);
    if (found == BodyFiles::Check::kMissing) {
      ++outcome.missing;
    } else {
      files_.set_aside(row.body.hash);
      there.erase(row.body.hash);
      ++outcome.damaged;
    }
  }
  for (const auto& [name, size] : there) {
    if (needed.contains(name) || !is_hash(name)) continue;
    ++outcome.orphans;
    files_.remove(name);
  }
  if (change.erase.empty()) return;
  outcome.error = settle(database_->commit({&change}), outcome);
  outcome.dropped = std::move(change.erase);
}

void StoreWriter::probe(Outcome& outcome) {
  if (const int error = files_.probe(); error != 0) {
    fail(outcome, error, "the disk takes no data");
    return;
  }
  if (!database_) {
    auto opened = IndexDatabase::open(files_.index_path());
    LoadedIndex loaded;
    DbError error = opened ? DbError{} : opened.error();
    if (opened) {
      database_ = std::move(opened).value();
      if (!loaded_) error = database_->load(loaded);
    }
    if (error.trouble != Trouble::kNone) {
      outcome.error = settle(error, outcome);
      if (error.trouble != Trouble::kCorrupt) database_.reset();
      return;
    }
    if (!loaded_) outcome.loaded = std::move(loaded);
    loaded_ = true;
  }
  outcome.error = settle(database_->probe(), outcome);
  outcome.index_lost |= restoring_;
  // A connection that the disk has failed may be of no more use: the next probe opens another.
  if (outcome.error == StoreError::kDiskError && !restoring_) database_.reset();
}

void StoreWriter::restore(Job& job, Outcome& outcome) {
  if (!database_) {
    outcome.error = StoreError::kDiskError;
    outcome.text = "the index cannot be opened";
    outcome.index_lost = true;
    return;
  }
  outcome.error = settle(database_->commit({&job.change}), outcome);
  restoring_ = outcome.error != StoreError::kNone;
  outcome.index_lost = restoring_;
}

}  // namespace holdfast::provision
