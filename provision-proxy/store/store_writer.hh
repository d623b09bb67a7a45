// SPDX-License-Identifier: Apache-2.0
// The thread that makes things lasting: fsync, rename, SQLite, and the checking of big bodies.
//
// put(), take() and the rest belong to the network thread; `wake` is called on the writer's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "provision-proxy/store/body_files.hh"
#include "provision-proxy/store/fill.hh"
#include "provision-proxy/store/index_database.hh"
#include "provision-proxy/store/store_error.hh"

namespace holdfast::provision {

struct Job {
  enum class Kind : uint8_t {
    kChange,    // `file` gets the name of `body`, if there is one; then `change`
    kRestore,   // `change` is all that there is: the index was lost
    kCheck,     // is `body` what its hash says?
    kCollect,   // remove `body` if no row needs it
    kSetAside,  // `body` was found damaged or missing: move it aside if it is, then `change`
    kSweep,     // hold the rows and bodies of `part` against each other
    kProbe      // does the disk take data again?
  };
  Kind kind = Kind::kChange;
  uint64_t ticket = 0;
  std::shared_ptr<TemporaryFile> file = {};
  Body body = {};
  Change change = {};
  unsigned part = 0;
};

struct Outcome {
  Job::Kind kind = Job::Kind::kChange;
  uint64_t ticket = 0;
  StoreError error = StoreError::kNone;
  std::string text;  // of the error, for the log
  BodyFiles::Check check = BodyFiles::Check::kGood;
  std::vector<int64_t> dropped;  // rows without a good body
  size_t missing = 0, damaged = 0, orphans = 0;
  bool index_lost = false;            // a new one was made; it waits for kRestore
  std::optional<LoadedIndex> loaded;  // opened at last, and what is in it
};

class StoreWriter {
 public:
  // `database` null: it could not be opened yet; kProbe tries again.
  StoreWriter(BodyFiles& files, std::unique_ptr<IndexDatabase> database,
              std::function<void()> wake);
  // After all that is queued has been done.
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  void put(Job job);
  std::vector<Outcome> take();
  size_t queued() const;  // jobs whose outcome is not there yet
  void wait_idle();

 private:
  void work();
  void run(std::deque<Job> batch);
  void run_changes(std::vector<Job>& jobs);
  Outcome run_one(Job& job);
  void commit(const std::vector<Job*>& jobs, std::vector<Outcome>& outcomes);
  void check(Job& job, Outcome& outcome);
  void sweep(unsigned part, Outcome& outcome);
  void probe(Outcome& outcome);
  void restore(Job& job, Outcome& outcome);
  StoreError settle(const DbError& error, Outcome& outcome);
  void hand_over(std::vector<Outcome> outcomes);

  BodyFiles& files_;
  std::unique_ptr<IndexDatabase> database_;
  bool loaded_;  // what is in it is known, and the network thread knows better since
  bool restoring_ = false;
  std::function<void()> wake_up_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_, idle_;
  std::deque<Job> queue_;
  std::vector<Outcome> outcomes_;
  size_t in_hand_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace holdfast::provision
