// SPDX-License-Identifier: Apache-2.0
// The tables of holdfast.db and their versions.
#pragma once

#include <memory>
#include <string>

#include "base/database.hh"

namespace holdfast::store {

inline constexpr int kSchemaVersion = 4;

// Opens for writing with the pragmas that we rely on, makes or upgrades the tables, and counts the
// run. kCorrupt also for a schema that is newer than ours: it is moved aside, not overwritten.
struct OpenedStore {
  std::unique_ptr<Database> database;
  int64_t run = 0;  // rises with every start
};
Result<OpenedStore, DbError> open_store(const std::string& path);

// Renames the database and its WAL; the new name of the database, or an error.
Result<std::string, DbError> move_aside(const std::string& path, const std::string& suffix);

}  // namespace holdfast::store
