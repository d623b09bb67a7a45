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

namespace holdfast::dataplane {
namespace {

constexpr std::string_view kName = "holdfast/dataplane";

// The holder listens, so that we can ask who it is.
std::string holder(const sockaddr* address, socklen_t size) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ucred peer{};
  socklen_t peer_size = sizeof peer;
  const bool known = fd >= 0 && connect(fd, address, size) == 0 &&
                     getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) == 0;
  if (fd >= 0) close(fd);
  return known ? " (pid " + std::to_string(peer.pid) + ")" : "";
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
  if (lock.fd_ >= 0 && bind(lock.fd_, where, size) == 0 && listen(lock.fd_, 1) == 0) return lock;
  if (errno == EADDRINUSE) {
    return "another holdfast-dataplane" + holder(where, size) + " runs in this network namespace";
  }
  return std::string("cannot take the instance lock: ") + std::strerror(errno);
}

InstanceLock::~InstanceLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace holdfast::dataplane
