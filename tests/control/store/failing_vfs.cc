// SPDX-License-Identifier: Apache-2.0
// Puts a xWrite of ours in front of that of SQLite's default VFS.
#include "tests/control/store/failing_vfs.hh"

#include <sqlite3.h>

#include <array>
#include <mutex>

namespace holdfast::store {
namespace {

// The VFS has a table of methods for each way of locking; ours are theirs, but for xWrite.
struct Methods {
  const sqlite3_io_methods* theirs = nullptr;
  sqlite3_io_methods ours{};
};
constexpr int kMaxTables = 8;

sqlite3_vfs* real = nullptr;
sqlite3_vfs shim;
std::mutex mutex;  // guards tables
std::array<Methods, kMaxTables> tables;

int write_or_fail(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  const int code = FailingVfs::code.load();
  if (code != 0) return code;
  for (const auto& table : tables)
    if (file->pMethods == &table.ours) return table.theirs->xWrite(file, bytes, size, offset);
  return SQLITE_INTERNAL;
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const int result = real->xOpen(real, name, file, flags, out_flags);
  if (result != SQLITE_OK || file->pMethods == nullptr) return result;
  const std::lock_guard lock(mutex);
  for (auto& table : tables) {
    if (table.theirs != nullptr && table.theirs != file->pMethods) continue;
    if (table.theirs == nullptr) {
      table.theirs = file->pMethods;
      table.ours = *file->pMethods;
      table.ours.xWrite = write_or_fail;
    }
    file->pMethods = &table.ours;
    return result;
  }
  return SQLITE_INTERNAL;
}

}  // namespace

std::atomic<int> FailingVfs::code{0};

void FailingVfs::install() {
  if (real != nullptr) return;
  real = sqlite3_vfs_find(nullptr);
  shim = *real;
  shim.zName = "failing";
  shim.pNext = nullptr;
  shim.xOpen = open_file;
  sqlite3_vfs_register(&shim, 1);
}

}  // namespace holdfast::store
