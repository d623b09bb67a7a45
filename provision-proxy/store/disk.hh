// SPDX-License-Identifier: Apache-2.0
// The calls that a disk may refuse; tests put a failing one in their place.
//
// Called from the network thread (write) and from the store's writer thread (all).
#pragma once

#include <span>
#include <string>

namespace holdfast::provision {

class Disk {
 public:
  virtual ~Disk() = default;
  // Each gives 0 or errno. write() goes to the end of all bytes, at the file's own offset.
  virtual int write(int fd, std::span<const char> bytes);
  virtual int sync(int fd);
  virtual int rename(const std::string& from, const std::string& to);

  static Disk& real();
};

// Closes itself. Shared by those who read and the one who syncs.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace holdfast::provision
