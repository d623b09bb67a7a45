// SPDX-License-Identifier: Apache-2.0
// Server and client of the link stage's control socket.
#include "lab/link/control_socket.hh"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace holdfast::lab {
namespace {

constexpr int kAnswerTimeout_s = 2;

bool unix_address(const std::string& path, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return true;
}

std::string system_error(const std::string& path) {
  return path + ": " + std::strerror(errno);
}

int connect_to(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int cause = errno;
  close(fd);
  errno = cause;
  return -1;
}

}  // namespace

ControlSocket::~ControlSocket() {
  for (const Client& client : clients_) {
    if (client.fd >= 0) close(client.fd);
  }
  if (listener_ >= 0) {
    close(listener_);
    unlink(path_.c_str());
  }
  if (epoll_ >= 0) close(epoll_);
}

std::string ControlSocket::open(const std::string& path) {
  sockaddr_un address{};
  if (!unix_address(path, address)) return "'" + path + "' cannot be the path of a socket";
  const int other = connect_to(address);
  if (other >= 0) {
    close(other);
    return path + ": another stage listens there";
  }
  if (errno == ECONNREFUSED) unlink(path.c_str());  // left behind by a stage that died

  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (epoll_ < 0 || fd < 0) return system_error(path);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, kMaxControlClients) != 0) {
    std::string error = system_error(path);
    close(fd);
    return error;
  }
  listener_ = fd;
  path_ = path;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener_;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) == 0 ? "" : system_error(path);
}

void ControlSocket::accept_clients() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    Client* room = nullptr;
    for (Client& client : clients_) {
      if (client.fd < 0) room = &client;
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (room == nullptr || epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
      close(fd);
      continue;
    }
    room->fd = fd;
    room->input.clear();
  }
}

void ControlSocket::serve() {
  accept_clients();
  for (Client& client : clients_) {
    if (client.fd < 0 || serve_client(client)) continue;
    close(client.fd);
    client.fd = -1;
  }
}

// False when the client is done with, or to be done with.
bool ControlSocket::serve_client(Client& client) {
  std::array<char, kMaxControlLine_bytes> buffer;
  const ssize_t n = recv(client.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) return false;
  client.input.append(buffer.data(), static_cast<size_t>(n));
  for (size_t end = 0; (end = client.input.find('\n')) != std::string::npos;) {
    const std::string answer = handler_(client.input.substr(0, end)) + "\n";
    client.input.erase(0, end + 1);
    const ssize_t sent = send(client.fd, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(answer.size())) return false;
  }
  if (client.input.size() < kMaxControlLine_bytes) return true;
  static constexpr char kTooLong[] = "error: the line is too long\n";
  send(client.fd, kTooLong, sizeof kTooLong - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  return false;
}

bool ask(const std::string& path, const std::string& line, std::string& answer) {
  sockaddr_un address{};
  if (!unix_address(path, address)) {
    answer = "'" + path + "' cannot be the path of a socket";
    return false;
  }
  const int fd = connect_to(address);
  if (fd < 0) {
    answer = system_error(path);
    return false;
  }
  const timeval timeout{kAnswerTimeout_s, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  const std::string request = line + "\n";
  bool ok = send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(request.size());
  answer.clear();
  while (ok && answer.find('\n') == std::string::npos) {
    std::array<char, 4096> buffer;
    const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
    ok = n > 0;
    if (ok) answer.append(buffer.data(), static_cast<size_t>(n));
  }
  close(fd);
  if (!ok) {
    answer = path + ": no answer";
    return false;
  }
  answer.erase(answer.find('\n'));
  return true;
}

}  // namespace holdfast::lab
