// SPDX-License-Identifier: Apache-2.0
// Takes the lock, clears a stale socket away and listens.
#include "dataplane/control/listener.hh"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "dataplane/kernel/dying_process.hh"

namespace holdfast::control {
namespace {

constexpr int kBacklog = 64;

std::string failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

// The pid that the owner of the lock wrote, or "unknown".
std::string read_pid(int lock) {
  char text[16] = {};
  const ssize_t n = ::pread(lock, text, sizeof text - 1, 0);
  std::string pid(text, n > 0 ? static_cast<size_t>(n) : 0);
  pid.erase(std::find_if_not(pid.begin(), pid.end(), [](char c) { return c >= '0' && c <= '9'; }),
            pid.end());
  return pid.empty() ? "unknown" : pid;
}

Result<Fd, std::string> take_lock(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    const std::string folder = path.substr(0, slash);
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
      return failed("cannot create the folder of the control socket, " + folder);
    }
  }
  const std::string name = path + ".lock";
  Fd lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!lock) return failed("cannot open " + name);
  const bool taken = dataplane::take_from_the_dying(
      [&] { return ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; },
      [&] { return static_cast<pid_t>(std::strtol(read_pid(lock.get()).c_str(), nullptr, 10)); });
  if (!taken || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed("cannot lock " + name);
    return "another holdfast-dataplane (pid " + read_pid(lock.get()) + ") already serves " + path;
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.get(), 0) != 0 ||
      ::pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return failed("cannot write " + name);
  }
  return lock;
}

// Removes what a dataplane that was killed left behind, and nothing else.
std::string remove_stale(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0)
    return errno == ENOENT ? "" : failed("cannot look at " + path);
  if (!S_ISSOCK(info.st_mode))
    return path + " exists and is not a socket; remove it or name another";
  return ::unlink(path.c_str()) == 0 ? "" : failed("cannot remove the stale socket " + path);
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::unique_ptr<Listener>, std::string> Listener::open(const std::string& path) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return "the path of the control socket needs 1 to " +
           std::to_string(sizeof address.sun_path - 1) + " bytes: " + path;
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());

  auto lock = take_lock(path);
  if (!lock) return lock.error();
  if (auto wrong = remove_stale(path); !wrong.empty()) return wrong;
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return failed("cannot make a socket");
  // On Linux the mode set before bind is the mode of the file: it is never open to others.
  if (::fchmod(socket.get(), 0600) != 0 ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed("cannot bind " + path);
  }
  if (::listen(socket.get(), kBacklog) != 0) return failed("cannot listen on " + path);
  return std::unique_ptr<Listener>(new Listener(path, std::move(lock).value(), std::move(socket)));
}

Listener::~Listener() {
  ::unlink(path_.c_str());
}

}  // namespace holdfast::control
