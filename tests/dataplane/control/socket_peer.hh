// SPDX-License-Identifier: Apache-2.0
// A raw peer of the control socket for tests: sends any bytes, reads frames, never blocks for long.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "dataplane/control/frame.hh"
#include "dataplane/control/server.hh"

namespace holdfast::control {

class SocketPeer {
 public:
  explicit SocketPeer(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) close();
  }
  ~SocketPeer() { close(); }
  SocketPeer(const SocketPeer&) = delete;
  SocketPeer& operator=(const SocketPeer&) = delete;

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  bool connected() const { return fd_ >= 0; }

  // How many bytes the socket took.
  size_t send_bytes(std::string_view bytes) {
    const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return n > 0 ? static_cast<size_t>(n) : 0;
  }
  void send(const nlohmann::json& message) { send_bytes(encode_frame(message.dump())); }
  void hello() { send({{"id", 0}, {"op", "hello"}, {"protocol", kProtocol}}); }

  // Lets the server work and reads until a frame is there, the server has closed, or one second.
  std::optional<nlohmann::json> receive(ControlServer& server) {
    for (int i = 0; i < 1000; ++i) {
      std::string_view body;
      if (in_.next(body) == FrameReader::Status::kFrame) return nlohmann::json::parse(body);
      run(server);
      char bytes[65536];
      const auto n = ::recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (n > 0) {
        in_.append({bytes, static_cast<size_t>(n)});
      } else if (n == 0 || errno != EAGAIN) {
        closed_ = true;
        return std::nullopt;
      }
    }
    return std::nullopt;
  }
  bool closed_by_server(ControlServer& server) {
    while (receive(server)) {
    }
    return closed_;
  }

  // One turn of the owner's loop: waits a millisecond at most.
  static void run(ControlServer& server) {
    pollfd poll{server.epoll_fd(), POLLIN, 0};
    if (::poll(&poll, 1, 1) > 0) server.on_ready();
  }

 private:
  int fd_;
  FrameReader in_;
  bool closed_ = false;
};

}  // namespace holdfast::control
