// SPDX-License-Identifier: Apache-2.0
// The index on disk: SQLite in WAL mode, synced with every commit.
//
// Writer thread; open() and load() also before that thread starts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/database.hh"
#include "provision-proxy/store/entry.hh"
#include "provision-proxy/store/fetch_log.hh"
#include "provision-proxy/store/remark.hh"

namespace holdfast::provision {

// A body that was rolled back: not to be stored for that file again, whoever fetches it.
struct RefusedBody {
  Key key;  // its identity is empty; older versions wrote down one row for each phone
  std::string hash;
  int64_t at_ms = 0;
};

// What one commit does, in this order.
struct Change {
  std::vector<EntryPtr> insert;
  std::vector<EntryPtr> update;  // those that are still there
  std::vector<int64_t> supersede;
  std::vector<int64_t> erase;
  std::vector<std::pair<int64_t, int64_t>> used;  // id, time
  std::vector<RefusedBody> refuse;
  std::vector<std::pair<Key, std::string>> trust;  // key, hash
  std::vector<RemarkRow> remarks;                  // of `times` 0: it goes
  FetchLog::Changes fetches;

  bool empty() const;
};

// All that was written down.
struct LoadedIndex {
  std::vector<std::pair<EntryPtr, int64_t>> entries;  // with their last use, least recent first
  std::vector<RefusedBody> refused;                   // oldest first
  std::vector<RemarkRow> remarks;
  std::vector<FetchRow> fetches;  // oldest first
  int64_t newest_ms = 0;          // of all times of responses
  int64_t next_id = 1;
  size_t unusable = 0;  // rows that make no sense
};

class IndexDatabase {
 public:
  static constexpr int kSchemaVersion = 2;

  // kCorrupt also for what a newer version wrote.
  static Result<std::unique_ptr<IndexDatabase>, DbError> open(const std::string& path);
  // To PATH.damaged, in the place of an earlier one. The error, or empty.
  static std::string move_aside(const std::string& path);

  DbError load(LoadedIndex& loaded);
  // All of them or none.
  DbError commit(const std::vector<const Change*>& changes);
  struct Row {
    int64_t id = 0;
    Body body;
  };
  // Those whose hash begins so. False: cannot be read.
  bool rows_of(const std::string& prefix, std::vector<Row>& rows);
  // True also if it cannot be told.
  bool needs_body(const std::string& hash);
  // A small commit, to see whether it can be done.
  DbError probe();

 private:
  explicit IndexDatabase(std::unique_ptr<Database> database);
  bool apply(const Change& change);
  DbError undo();

  std::unique_ptr<Database> database_;
  Statement insert_, update_, supersede_, erase_, used_, refuse_, trust_, remark_, remark_gone_,
      fetch_, fetch_gone_, rows_, needs_, probe_;
};

}  // namespace holdfast::provision
