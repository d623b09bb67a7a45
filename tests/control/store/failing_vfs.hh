// SPDX-License-Identifier: Apache-2.0
// A disk that can be told to be full or to fail: SQLite's own VFS with writes that are refused.
#pragma once

#include <atomic>

namespace holdfast::store {

// Installed once, as the default of this process. While `code` is not 0, writes answer it
// (SQLITE_FULL, SQLITE_IOERR_WRITE).
class FailingVfs {
 public:
  static void install();
  static std::atomic<int> code;
};

}  // namespace holdfast::store
