// SPDX-License-Identifier: Apache-2.0
// Looks at sockets by connecting to them.
#include "dataplane/host/unix_socket.hh"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace holdfast::dataplane {

AtPath look_at_socket(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return AtPath::nothing;
  sockaddr_un address{};
  if (!S_ISSOCK(info.st_mode) || path.size() >= sizeof address.sun_path) return AtPath::no_socket;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  AtPath found = AtPath::served;
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {  // vhost-user has the one, memif the other
    const int fd = ::socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) break;
    const int error =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
    ::close(fd);
    if (error == ECONNREFUSED) found = AtPath::stale;
    if (error != EPROTOTYPE) break;
  }
  return found;
}

std::string free_socket_path(const std::string& path) {
  switch (look_at_socket(path)) {
    case AtPath::nothing:
      return {};
    case AtPath::served:
      return "another program serves the socket " + path + "; end it or name another";
    case AtPath::no_socket:
      return path + " exists and is not a socket; remove it or name another";
    case AtPath::stale:
      break;
  }
  if (::unlink(path.c_str()) == 0) return {};
  return "cannot remove the stale socket " + path + ": " + std::strerror(errno);
}

}  // namespace holdfast::dataplane
