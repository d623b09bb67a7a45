// SPDX-License-Identifier: Apache-2.0
// A disk that refuses what a test says.
#pragma once

#include <atomic>
#include <string>

#include "provision-proxy/store/disk.hh"

namespace holdfast::provision {

class FailingDisk : public Disk {
 public:
  int write(int fd, std::span<const char> bytes) override {
    return write_error != 0 ? write_error.load() : Disk::write(fd, bytes);
  }
  int sync(int fd) override { return sync_error != 0 ? sync_error.load() : Disk::sync(fd); }
  int rename(const std::string& from, const std::string& to) override {
    return rename_error != 0 ? rename_error.load() : Disk::rename(from, to);
  }
  void heal() { write_error = sync_error = rename_error = 0; }
  std::atomic<int> write_error{0}, sync_error{0}, rename_error{0};
};

}  // namespace holdfast::provision
