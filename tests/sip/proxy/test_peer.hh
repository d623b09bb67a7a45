// SPDX-License-Identifier: Apache-2.0
// A SIP peer of the tests: a real socket that says what the script says, and texts taken apart.
//
// It knows nothing of the product but addresses, so that a fault of our parser cannot hide itself.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::sip {

// One message as it came over the wire.
struct Text {
  std::string raw;

  bool empty() const { return raw.empty(); }
  std::string start_line() const { return raw.substr(0, raw.find("\r\n")); }
  std::string method() const { return raw.substr(0, raw.find(' ')); }
  std::string uri() const {
    const size_t at = raw.find(' ') + 1;
    return raw.substr(at, raw.find(' ', at) - at);
  }
  int status() const { return raw.starts_with("SIP/2.0 ") ? std::stoi(raw.substr(8, 3)) : 0; }
  std::string body() const {
    const size_t at = raw.find("\r\n\r\n");
    return at == std::string::npos ? std::string{} : raw.substr(at + 4);
  }
  // The values of all fields of that name, in order, one for each line.
  std::vector<std::string> all(std::string_view name) const {
    std::vector<std::string> values;
    size_t at = raw.find("\r\n") + 2;
    while (at < raw.size()) {
      const size_t end = raw.find("\r\n", at);
      const std::string line = raw.substr(at, end - at);
      at = end + 2;
      if (line.empty() || end == std::string::npos) break;
      const size_t colon = line.find(':');
      if (colon != name.size() || strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
      values.push_back(line.substr(std::min(line.find_first_not_of(' ', colon + 1), line.size())));
    }
    return values;
  }
  std::string one(std::string_view name) const {
    const auto values = all(name);
    return values.empty() ? std::string{} : values.front();
  }
  std::string tag(std::string_view name) const {
    const std::string value = one(name);
    const size_t at = value.find(";tag=");
    return at == std::string::npos ? std::string{}
                                   : value.substr(at + 5, value.find(';', at + 5) - at - 5);
  }
};

class TestPeer {
 public:
  // On that loopback address, any port.
  explicit TestPeer(const char* address, bool tcp = false) : tcp_(tcp) {
    const bool v6 = std::strchr(address, ':') != nullptr;
    fd_ = socket(v6 ? AF_INET6 : AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    to_sockaddr(address, 0, local_);
    (void)bind(fd_, reinterpret_cast<sockaddr*>(&local_), size(local_));
    if (tcp) listen(fd_, 8);
    socklen_t length = sizeof local_;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&local_), &length);
    address_ = address;
  }
  ~TestPeer() {
    if (fd_ >= 0) close(fd_);
    if (connection_ >= 0) close(connection_);
  }
  TestPeer(const TestPeer&) = delete;
  TestPeer& operator=(const TestPeer&) = delete;

  uint16_t port() const { return ntohs(reinterpret_cast<const sockaddr_in*>(&local_)->sin_port); }
  std::string ip() const { return address_; }
  // As in a URI or Via: with brackets if it needs them.
  std::string at() const {
    const bool v6 = address_.find(':') != std::string::npos;
    return (v6 ? '[' + address_ + ']' : address_) + ':' + std::to_string(port());
  }

  // TCP: to a listener of the proxy, from any port.
  void connect_to(const std::string& ip, uint16_t to_port) {
    connection_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage from{};
    to_sockaddr(address_.c_str(), 0, from);
    (void)bind(connection_, reinterpret_cast<sockaddr*>(&from), size(from));
    sockaddr_storage to{};
    to_sockaddr(ip.c_str(), to_port, to);
    (void)connect(connection_, reinterpret_cast<sockaddr*>(&to), size(to));
    // So that what is written byte by byte is sent so, and now.
    const int on = 1;
    setsockopt(connection_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  // TCP: takes the connection that the proxy has opened to us.
  bool accept_one() {
    pollfd fd{fd_, POLLIN, 0};
    if (poll(&fd, 1, 1000) <= 0) return false;
    connection_ = accept(fd_, nullptr, nullptr);
    return connection_ >= 0;
  }
  uint16_t connection_port() const {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    getsockname(connection_, reinterpret_cast<sockaddr*>(&from), &length);
    return ntohs(from.sin_port);
  }
  void hang_up() {
    close(connection_);
    connection_ = -1;
    buffer_.clear();
  }
  void stop_listening() {
    close(fd_);
    fd_ = -1;
  }

  void send(const std::string& ip, uint16_t to_port, std::string_view bytes) const {
    sockaddr_storage to{};
    to_sockaddr(ip.c_str(), to_port, to);
    sendto(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to), size(to));
  }
  void write(std::string_view bytes) const {
    ::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // The next message, if one is there; empty otherwise.
  Text next() { return tcp_ ? next_of_stream() : next_datagram(); }
  bool is_hung_up() const {
    char byte = 0;
    const ssize_t got = recv(connection_, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }
  int fd() const { return tcp_ ? connection_ : fd_; }

 private:
  static void to_sockaddr(const char* ip, uint16_t port, sockaddr_storage& out) {
    out = {};
    if (std::strchr(ip, ':') != nullptr) {
      auto* in6 = reinterpret_cast<sockaddr_in6*>(&out);
      in6->sin6_family = AF_INET6;
      in6->sin6_port = htons(port);
      inet_pton(AF_INET6, ip, &in6->sin6_addr);
    } else {
      auto* in = reinterpret_cast<sockaddr_in*>(&out);
      in->sin_family = AF_INET;
      in->sin_port = htons(port);
      inet_pton(AF_INET, ip, &in->sin_addr);
    }
  }
  static socklen_t size(const sockaddr_storage& address) {
    return address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  }
  Text next_datagram() const {
    std::string bytes(65536, '\0');
    const ssize_t got = recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got <= 0) return {};
    bytes.resize(static_cast<size_t>(got));
    return {bytes};
  }
  Text next_of_stream() {
    std::string bytes(65536, '\0');
    const ssize_t got =
        connection_ < 0 ? -1 : recv(connection_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) buffer_.append(bytes, 0, static_cast<size_t>(got));
    const size_t end = buffer_.find("\r\n\r\n");
    if (end == std::string::npos) return {};
    Text head{buffer_.substr(0, end + 4)};
    const std::string length = head.one("Content-Length");
    const size_t total = end + 4 + (length.empty() ? 0 : std::stoul(length));
    if (buffer_.size() < total) return {};
    Text message{buffer_.substr(0, total)};
    buffer_.erase(0, total);
    return message;
  }

  bool tcp_;
  int fd_ = -1;
  int connection_ = -1;
  sockaddr_storage local_{};
  std::string address_;
  std::string buffer_;
};

}  // namespace holdfast::sip
