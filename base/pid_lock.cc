// SPDX-License-Identifier: Apache-2.0
// A locked file with a pid in it.
#include "base/pid_lock.hh"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace holdfast {

Result<std::unique_ptr<PidLock>, std::string> PidLock::take(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return path + " cannot be opened: " + std::strerror(errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char pid[16] = {};
    const ssize_t n = ::pread(fd, pid, sizeof pid - 1, 0);
    ::close(fd);
    std::string who(pid, n > 0 ? static_cast<size_t>(n) : 0);
    while (!who.empty() && who.back() == '\n') who.pop_back();
    return "another process (pid " + who + ") already uses " + path;
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  const bool written = ::ftruncate(fd, 0) == 0 &&
                       ::pwrite(fd, pid.data(), pid.size(), 0) == static_cast<ssize_t>(pid.size());
  if (!written) {
    ::close(fd);
    return path + " cannot be written: " + std::strerror(errno);
  }
  return std::unique_ptr<PidLock>(new PidLock(fd));
}

PidLock::~PidLock() {
  ::close(fd_);  // the file stays: to remove it would let two processes lock two files
}

}  // namespace holdfast
