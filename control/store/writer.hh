// SPDX-License-Identifier: Apache-2.0
// The one thread that writes holdfast.db: a bounded queue, a commit at once, or 20 ms after the
// last.
//
// put() never waits, whatever the disk does: what finds the queue full is counted and forgotten.
// While the disk is full, locked or failing, what is queued is kept and tried again. A database
// that is damaged is moved aside and a new one made, which is said once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/database.hh"
#include "base/log.hh"
#include "control/store/rows.hh"

namespace holdfast::store {

struct WriterConfig {
  std::string path;
  uint32_t retention_days = 92;
  uint32_t max_calls = 1'000'000;
  size_t max_queue = 8192;   // items
  uint32_t commit_ms = 20;   // from one commit to the next: what a crash of ours may lose
  uint32_t retry_ms = 1000;  // after a failure
  uint32_t purge_s = 3600;
  uint32_t first_purge_ms = 60'000;  // a start has better things to do
  // Unix milliseconds, or none while the clock is not to be trusted: then nothing is too old.
  std::function<std::optional<int64_t>()> trusted_time;
};

struct StoreStatus {
  Trouble trouble = Trouble::kNone;  // of the last try
  std::string text;                  // one line for a person; empty while all is well
  std::string path;
  std::string moved_aside;  // where a damaged database went, in this run
  size_t queued = 0;
  uint64_t written = 0;  // items
  uint64_t dropped = 0;  // found the queue full
  uint64_t refused = 0;  // the database would not take them, ever
  uint64_t commits = 0;
  uint64_t failures = 0;  // commits that failed, tried again
  uint64_t purged = 0;    // steps of deleting old records
  int64_t run = 0;        // of holdfastd, as this database counts
};

class Writer {
 public:
  // Opens the database on the caller's thread, so that its bindings can be read next. A disk that
  // fails is no error: it is tried again.
  Writer(WriterConfig config, Logger logger);
  // Writes what is queued if that can be done within two seconds.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Any thread. False: the queue is full, the item was dropped and counted.
  bool put(Item item);
  // Whether all that was put before has been committed within the time.
  bool flush(std::chrono::milliseconds at_most);
  StoreStatus status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::store
