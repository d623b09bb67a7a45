// SPDX-License-Identifier: Apache-2.0
// One daemon for one state directory.
#pragma once

#include <memory>
#include <string>

#include "media/result.hh"

namespace holdfast {

// Held until it is destroyed, or the process is gone however it went.
class PidLock {
 public:
  // Locks PATH and writes our pid into it. The error names the process that has it.
  static Result<std::unique_ptr<PidLock>, std::string> take(const std::string& path);
  ~PidLock();
  PidLock(const PidLock&) = delete;
  PidLock& operator=(const PidLock&) = delete;

 private:
  explicit PidLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace holdfast
