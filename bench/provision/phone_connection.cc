// SPDX-License-Identifier: Apache-2.0
// Reads answers of known bodies.
#include "bench/provision/phone_connection.hh"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace holdfast::bench {
namespace {

constexpr size_t kMaxHead = 8192;
constexpr size_t kReadBytes = 128 * 1024;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// The value of a field in a head, or nothing. `name` in lower case, with its colon.
std::string_view field(std::string_view head, std::string_view name) {
  for (size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    const auto line = head.substr(at + 2, name.size());
    if (!std::equal(line.begin(), line.end(), name.begin(), name.end(),
                    [](char a, char b) { return lower(a) == b; }))
      continue;
    auto value = head.substr(at + 2 + name.size());
    value = value.substr(0, value.find("\r\n"));
    while (value.starts_with(' ')) value.remove_prefix(1);
    return value;
  }
  return {};
}

}  // namespace

bool PhoneConnection::open(const std::string& address, uint16_t port, ssl_ctx_st* tls) {
  close();
  head_.clear();
  in_body_ = last_ = false;
  wanted_ = nullptr;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1) return false;
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return false;
  if (tls != nullptr) {
    ssl_ = SSL_new(tls);
    SSL_set_fd(ssl_, fd_);
    if (SSL_connect(ssl_) != 1) return false;
  }
  return ::fcntl(fd_, F_SETFL, O_NONBLOCK) == 0;
}

void PhoneConnection::close() {
  if (ssl_ != nullptr) SSL_free(ssl_);
  ssl_ = nullptr;
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool PhoneConnection::ask(const Wanted& wanted) {
  wanted_ = &wanted;
  in_body_ = false;
  at_ = 0;
  const auto& text = wanted.request;
  if (ssl_ != nullptr)
    return SSL_write(ssl_, text.data(), static_cast<int>(text.size())) ==
           static_cast<int>(text.size());
  return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

Progress PhoneConnection::fail(Progress how, std::string_view why) {
  why_ = why;
  close();
  return how;
}

// Into the buffer that all connections share, since each takes what it reads at once.
static std::array<char, kReadBytes> buffer;

long PhoneConnection::read_some(bool& would_block) {
  would_block = false;
  if (ssl_ == nullptr) {
    const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
    would_block = n < 0 && (errno == EAGAIN || errno == EINTR);
    return n;
  }
  const int n = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
  if (n > 0) return n;
  would_block = SSL_get_error(ssl_, n) == SSL_ERROR_WANT_READ;
  return would_block ? -1 : 0;
}

Progress PhoneConnection::read() {
  for (;;) {
    bool would_block = false;
    const long n = read_some(would_block);
    if (would_block) return Progress::waits;
    if (n <= 0) return fail(Progress::broken, "the peer closed the connection");
    const auto progress = take({buffer.data(), static_cast<size_t>(n)});
    // TLS may hold more than the socket tells of; a full buffer means that there is more.
    if (progress != Progress::waits || (ssl_ == nullptr && static_cast<size_t>(n) < buffer.size()))
      return progress;
  }
}

Progress PhoneConnection::take(std::string_view bytes) {
  if (wanted_ == nullptr) return fail(Progress::wrong, "bytes that nobody asked for");
  if (!in_body_) {
    const size_t before = head_.size();
    head_ += bytes.substr(0, kMaxHead - before);
    const size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end == head_.npos)
      return head_.size() < kMaxHead ? Progress::waits : fail(Progress::wrong, "endless head");
    head_.resize(end + 2);
    bytes.remove_prefix(end + 4 - before);
    if (!take_head()) return fail(Progress::wrong, "not a 200 of the right length");
    in_body_ = true;
    head_.clear();
  }
  const size_t left = wanted_->body.size() - at_;
  if (bytes.size() > left) return fail(Progress::wrong, "more bytes than the length says");
  if (std::memcmp(bytes.data(), wanted_->body.data() + at_, bytes.size()) != 0)
    return fail(Progress::wrong, "a byte of the body is another one");
  at_ += bytes.size();
  if (at_ < wanted_->body.size()) return Progress::waits;
  wanted_ = nullptr;
  return Progress::answered;
}

bool PhoneConnection::take_head() {
  const std::string_view head = head_;
  if (!head.starts_with("HTTP/1.1 200 ")) return false;
  last_ = field(head, "connection:") == "close";
  const auto text = field(head, "content-length:");
  size_t length = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), length).ptr;
  return !text.empty() && end == text.data() + text.size() && length == wanted_->body.size();
}

}  // namespace holdfast::bench
