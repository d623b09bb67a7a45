// SPDX-License-Identifier: Apache-2.0
// A small HTTP client: the server closes after each response, so that its end is the stream's.
#include "control/cli/daemon_client.hh"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

namespace holdfast::cli {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr size_t kMaxAnswerBytes = size_t{256} * 1024 * 1024;

class Socket {
 public:
  Socket() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

  // False: the time is over.
  bool wait(short events, Clock::time_point deadline) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd poll{fd_, events, 0};
    const int ready = ::poll(&poll, 1, left > 0 ? static_cast<int>(left) : 0);
    return ready > 0 || (ready < 0 && errno == EINTR && Clock::now() < deadline);
  }

 private:
  int fd_;
};

std::optional<DaemonError> connect(const Socket& socket, const std::string& path,
                                   const std::string& who) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool fits = !path.empty() && path.size() < sizeof address.sun_path;
  if (fits) std::memcpy(address.sun_path, path.data(), path.size());
  errno = ENAMETOOLONG;
  if (fits &&
      ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return std::nullopt;
  const int why = errno;
  const std::string what = why == EACCES || why == EPERM
                               ? "no permission to talk to " + who + " (be root)"
                           : why == EAGAIN ? who + " is too busy to take a client"
                                           : who + " is not running";
  return DaemonError{what + ": " + path + ": " + std::strerror(why), why == ENOENT};
}

Result<std::string, DaemonError> exchange(const Socket& socket, std::string_view request,
                                          const std::string& path, const std::string& who,
                                          Clock::time_point deadline) {
  const DaemonError late{who + " did not answer in time: " + path};
  while (!request.empty()) {
    const ssize_t n = ::send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL);
    if (n > 0) {
      request.remove_prefix(static_cast<size_t>(n));
    } else if (errno != EAGAIN && errno != EINTR) {
      break;  // it has closed; what it said before tells why
    } else if (!socket.wait(POLLOUT, deadline)) {
      return late;
    }
  }
  const DaemonError closed{who + " closed the connection: " + path};
  std::string answer;
  char bytes[65536];
  for (;;) {
    const ssize_t n = ::recv(socket.fd(), bytes, sizeof bytes, 0);
    if (n == 0) return answer;
    if (n > 0) {
      answer.append(bytes, static_cast<size_t>(n));
      if (answer.size() > kMaxAnswerBytes) return DaemonError{who + "'s answer does not end"};
    } else if (errno != EAGAIN && errno != EINTR) {
      return closed;
    } else if (!socket.wait(POLLIN, deadline)) {
      return late;
    }
  }
}

Result<json, DaemonError> read_answer(const std::string& answer, const std::string& who) {
  const DaemonError senseless{who + "'s answer makes no sense"};
  constexpr std::string_view kStart = "HTTP/1.1 ";
  const auto body = answer.find("\r\n\r\n");
  unsigned status = 0;
  if (!answer.starts_with(kStart) || body == std::string::npos ||
      std::from_chars(answer.data() + kStart.size(), answer.data() + answer.size(), status).ec !=
          std::errc{})
    return senseless;
  auto document = json::parse(answer.begin() + static_cast<std::ptrdiff_t>(body) + 4, answer.end(),
                              nullptr, false);
  if (!document.is_object()) return senseless;
  if (status == 200) return document;
  const auto text = document.value("error", json());
  return DaemonError{
      who + " refused: " + (text.is_string() ? text.get<std::string>() : std::to_string(status))};
}

}  // namespace

Result<json, DaemonError> ask_daemon(const std::string& path, const std::string& method,
                                     const std::string& target, std::chrono::milliseconds timeout,
                                     const std::string& who) {
  const auto deadline = Clock::now() + timeout;
  const Socket socket;
  if (auto error = connect(socket, path, who)) return *error;
  const std::string request =
      method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const auto answer = exchange(socket, request, path, who, deadline);
  if (!answer) return answer.error();
  return read_answer(*answer, who);
}

}  // namespace holdfast::cli
