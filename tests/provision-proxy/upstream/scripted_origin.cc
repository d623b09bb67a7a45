// SPDX-License-Identifier: Apache-2.0
// Plain blocking sockets, a thread for each connection.
#include "tests/provision-proxy/upstream/scripted_origin.hh"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace holdfast::provision {
namespace {

int listen_on(const std::string& address, uint16_t wanted, int backlog, uint16_t& port) {
  const bool v6 = address.find(':') != std::string::npos;
  const int fd = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_SAVE_SYN, &on, sizeof on);
  sockaddr_storage here{};
  socklen_t size = 0;
  if (v6) {
    auto& in6 = reinterpret_cast<sockaddr_in6&>(here);
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(wanted);
    ::inet_pton(AF_INET6, address.c_str(), &in6.sin6_addr);
    size = sizeof in6;
  } else {
    auto& in4 = reinterpret_cast<sockaddr_in&>(here);
    in4.sin_family = AF_INET;
    in4.sin_port = htons(wanted);
    ::inet_pton(AF_INET, address.c_str(), &in4.sin_addr);
    size = sizeof in4;
  }
  ::bind(fd, reinterpret_cast<sockaddr*>(&here), size);
  ::listen(fd, backlog);
  size = sizeof here;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &size);
  port = ntohs(v6 ? reinterpret_cast<sockaddr_in6&>(here).sin6_port
                  : reinterpret_cast<sockaddr_in&>(here).sin_port);
  return fd;
}

}  // namespace

OriginConnection::OriginConnection(int fd, size_t number, ssl_st* tls)
    : fd_(fd), number_(number), tls_(tls) {
  if (tls_ == nullptr) return;
  SSL_set_fd(tls_, fd_);
  if (SSL_accept(tls_) != 1) {
    open_ = false;
    return;
  }
  if (X509* peer = SSL_get1_peer_certificate(tls_)) {
    char name[256] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name, sizeof name);
    client_name_ = name;
    X509_free(peer);
  }
}

OriginConnection::~OriginConnection() {
  if (tls_ != nullptr) {
    if (open_) SSL_shutdown(tls_);
    SSL_free(tls_);
  }
  ::close(fd_);
}

size_t OriginConnection::receive(char* into, size_t size) {
  if (!open_) return 0;
  const ssize_t n =
      tls_ != nullptr ? SSL_read(tls_, into, static_cast<int>(size)) : ::recv(fd_, into, size, 0);
  return n > 0 ? static_cast<size_t>(n) : 0;
}

std::string OriginConnection::read_until(std::string_view end) {
  for (;;) {
    const auto at = buffer_.find(end);
    if (at != std::string::npos) {
      auto head = buffer_.substr(0, at + end.size());
      buffer_.erase(0, at + end.size());
      return head;
    }
    char bytes[4096];
    const size_t n = receive(bytes, sizeof bytes);
    if (n == 0) return "";
    buffer_.append(bytes, n);
  }
}

std::string OriginConnection::read_head() {
  return read_until("\r\n\r\n");
}

std::string OriginConnection::read(size_t size) {
  while (buffer_.size() < size) {
    char bytes[65536];
    const size_t n = receive(bytes, sizeof bytes);
    if (n == 0) break;
    buffer_.append(bytes, n);
  }
  auto got = buffer_.substr(0, size);
  buffer_.erase(0, got.size());
  return got;
}

bool OriginConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!open_) return false;
    const ssize_t n = tls_ != nullptr
                          ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                          : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

void OriginConnection::drip(std::string_view bytes, size_t piece, std::chrono::milliseconds pause) {
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  while (!bytes.empty() && send(bytes.substr(0, piece))) {
    bytes.remove_prefix(std::min(piece, bytes.size()));
    std::this_thread::sleep_for(pause);
  }
}

void OriginConnection::half_close() {
  ::shutdown(fd_, SHUT_WR);
}

void OriginConnection::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  open_ = false;  // the destructor's close() sends it
}

bool OriginConnection::wait_for_close() {
  char bytes[4096];
  while (receive(bytes, sizeof bytes) > 0) {
  }
  return true;
}

void OriginConnection::shut() {
  ::shutdown(fd_, SHUT_RDWR);
}

int OriginConnection::dscp() const {
  uint8_t syn[128] = {};
  socklen_t size = sizeof syn;
  if (::getsockopt(fd_, IPPROTO_TCP, TCP_SAVED_SYN, syn, &size) != 0 || size < 20) return -1;
  const bool v6 = syn[0] >> 4U == 6;
  return v6 ? (syn[0] << 4 | syn[1] >> 4) >> 2 & 0x3f : syn[1] >> 2;
}

ScriptedOrigin::ScriptedOrigin(Script script, const TlsFiles* tls, const std::string& address,
                               uint16_t port)
    : script_(std::move(script)),
      listener_(listen_on(address, port, 512, port_)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  if (tls != nullptr) {
    tls_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_chain_file(tls_, tls->certificate.c_str());
    SSL_CTX_use_PrivateKey_file(tls_, tls->key.c_str(), SSL_FILETYPE_PEM);
    if (!tls->client_ca.empty()) {
      SSL_CTX_load_verify_locations(tls_, tls->client_ca.c_str(), nullptr);
      SSL_CTX_set_verify(tls_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
  }
  acceptor_ = std::thread([this] { accept_all(); });
}

ScriptedOrigin::~ScriptedOrigin() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto* connection : open_) connection->shut();
  }
  ::eventfd_write(stop_, 1);
  acceptor_.join();
  for (auto& thread : threads_) thread.join();
  ::close(listener_);
  ::close(stop_);
  SSL_CTX_free(tls_);
}

void ScriptedOrigin::note(std::string head) {
  const std::lock_guard lock(mutex_);
  notes_.push_back(std::move(head));
}
std::vector<std::string> ScriptedOrigin::notes() const {
  const std::lock_guard lock(mutex_);
  return notes_;
}

void ScriptedOrigin::accept_all() {
  for (;;) {
    pollfd polls[2] = {{listener_, POLLIN, 0}, {stop_, POLLIN, 0}};
    ::poll(polls, 2, -1);
    if (polls[1].revents != 0) return;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const size_t number = connections_++;
    threads_.emplace_back([this, fd, number] { serve(fd, number); });
  }
}

void ScriptedOrigin::serve(int fd, size_t number) {
  // A handshake must not outlive the origin either.
  const timeval limit{20, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  OriginConnection connection(fd, number, tls_ == nullptr ? nullptr : SSL_new(tls_));
  std::list<OriginConnection*>::iterator at;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    at = open_.insert(open_.end(), &connection);
  }
  script_(connection);
  const std::lock_guard lock(mutex_);
  open_.erase(at);
}

uint16_t closed_port() {
  uint16_t port = 0;
  const int fd = listen_on("127.0.0.1", 0, 1, port);
  ::close(fd);
  return port;
}

SilentPort::SilentPort() : listener_(listen_on("127.0.0.1", 0, 0, port_)) {
  for (int i = 0; i < 3; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in there{};
    there.sin_family = AF_INET;
    there.sin_port = htons(port_);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::connect(fd, reinterpret_cast<sockaddr*>(&there), sizeof there);
    fillers_.push_back(fd);
  }
}
SilentPort::~SilentPort() {
  for (const int fd : fillers_) ::close(fd);
  ::close(listener_);
}

size_t open_descriptors() {
  size_t count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

}  // namespace holdfast::provision
