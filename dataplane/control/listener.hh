// SPDX-License-Identifier: Apache-2.0
// The control socket in the file system: one owner at a time, mode 0600, no stale leftovers.
#pragma once

#include <memory>
#include <string>

#include "media/result.hh"

namespace holdfast::control {

// A file descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

class Listener {
 public:
  // The error is one line for a person.
  static Result<std::unique_ptr<Listener>, std::string> open(const std::string& path);
  ~Listener();  // removes the socket, then lets go of the lock
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int fd() const { return socket_.get(); }

 private:
  Listener(std::string path, Fd lock, Fd socket)
      : path_(std::move(path)), lock_(std::move(lock)), socket_(std::move(socket)) {}

  std::string path_;
  Fd lock_;  // flock on path_ + ".lock"; the file stays, removing it would open a race
  Fd socket_;
};

}  // namespace holdfast::control
