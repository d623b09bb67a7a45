// SPDX-License-Identifier: Apache-2.0
// The real disk.
#include "provision-proxy/store/disk.hh"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace holdfast::provision {

int Disk::write(int fd, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return 0;
}

int Disk::sync(int fd) {
  return ::fsync(fd) == 0 ? 0 : errno;
}

int Disk::rename(const std::string& from, const std::string& to) {
  return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

Disk& Disk::real() {
  static Disk disk;
  return disk;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace holdfast::provision
