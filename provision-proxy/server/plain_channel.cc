// SPDX-License-Identifier: Apache-2.0
// A channel that is a TCP socket.
#include <sys/socket.h>

#include <cerrno>

#include "provision-proxy/server/channel.hh"

namespace holdfast::provision {
namespace {

IoResult failed(IoState would_block) {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {would_block, 0};
  return {IoState::kFailed, 0};
}

class PlainChannel final : public Channel {
 public:
  explicit PlainChannel(int socket) : socket_(socket) {}

  IoState handshake() override { return IoState::kDone; }

  IoResult read(std::span<char> into) override {
    ssize_t n = 0;
    do {
      n = ::recv(socket_, into.data(), into.size(), MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n > 0) return {IoState::kDone, static_cast<size_t>(n)};
    return n == 0 ? IoResult{IoState::kEnd, 0} : failed(IoState::kWantsRead);
  }

  IoResult write(std::span<const iovec> pieces) override {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg() does not change them
    message.msg_iovlen = pieces.size();
    ssize_t n = 0;
    do {
      n = ::sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n >= 0) return {IoState::kDone, static_cast<size_t>(n)};
    return failed(IoState::kWantsWrite);
  }

  bool has_pending() const override { return false; }
  void end_writing() override { ::shutdown(socket_, SHUT_WR); }

 private:
  int socket_;
};

}  // namespace

std::unique_ptr<Channel> make_plain_channel(int socket) {
  return std::make_unique<PlainChannel>(socket);
}

}  // namespace holdfast::provision
