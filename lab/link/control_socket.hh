// SPDX-License-Identifier: Apache-2.0
// The link stage's UNIX control socket: one line in, one line out, a few clients at a time.
#pragma once

#include <array>
#include <functional>
#include <string>

namespace holdfast::lab {

inline constexpr size_t kMaxControlClients = 8;
inline constexpr size_t kMaxControlLine_bytes = 1024;

class ControlSocket {
 public:
  using Handler = std::function<std::string(const std::string& line)>;

  explicit ControlSocket(Handler handler) : handler_(std::move(handler)) {}
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  // Listens at the path, replacing a socket that nobody listens on any more. Empty on success.
  std::string open(const std::string& path);
  // One descriptor to wait on: readable when serve() has something to do.
  int fd() const { return epoll_; }
  // Accepts, reads and answers whatever is there; never blocks. A client that is too many, sends
  // an endless line or does not read its answers is closed.
  void serve();

 private:
  struct Client {
    int fd = -1;
    std::string input;
  };
  void accept_clients();
  bool serve_client(Client& client);

  Handler handler_;
  std::string path_;
  int epoll_ = -1;
  int listener_ = -1;
  std::array<Client, kMaxControlClients> clients_;
};

// Sends one line to a stage and returns its answer; false with the cause in `answer` if there is
// no stage at the path or it does not answer within two seconds.
bool ask(const std::string& path, const std::string& line, std::string& answer);

}  // namespace holdfast::lab
