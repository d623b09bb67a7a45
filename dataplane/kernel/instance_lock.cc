// SPDX-License-Identifier: Apache-2.0
// The instance lock.
#include "dataplane/kernel/instance_lock.hh"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "dataplane/kernel/dying_process.hh"

namespace holdfast::dataplane {
namespace {

constexpr std::string_view kName = "holdfast/dataplane";

// The holder listens, so that we can ask who it is. 0: it does not say.
pid_t holder(const sockaddr* address, socklen_t size) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ucred peer{};
  socklen_t peer_size = sizeof peer;
  const bool known = fd >= 0 && connect(fd, address, size) == 0 &&
                     getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) == 0;
  if (fd >= 0) close(fd);
  return known ? peer.pid : 0;
}

}  // namespace

Result<InstanceLock, std::string> InstanceLock::take() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  static_assert(kName.size() + 1 <= sizeof address.sun_path);
  std::copy(kName.begin(), kName.end(), address.sun_path + 1);  // the leading NUL makes it abstract
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kName.size());
  const auto* where = static_cast<const sockaddr*>(static_cast<const void*>(&address));

  InstanceLock lock(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int error = lock.fd_ < 0 ? errno : 0;
  pid_t by = 0;
  const auto bound = [&] {
    error = bind(lock.fd_, where, size) == 0 ? 0 : errno;
    return error != EADDRINUSE;
  };
  if (error == 0) take_from_the_dying(bound, [&] { return by = holder(where, size); });
  if (error == EADDRINUSE) {
    return "another holdfast-dataplane" + (by == 0 ? "" : " (pid " + std::to_string(by) + ")") +
           " runs in this network namespace";
  }
  if (error == 0 && listen(lock.fd_, 1) == 0) return lock;
  if (error != 0) errno = error;
  return std::string("cannot take the instance lock: ") + std::strerror(errno);
}

InstanceLock::~InstanceLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace holdfast::dataplane
