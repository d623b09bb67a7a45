// SPDX-License-Identifier: Apache-2.0
// A TFTP server on the loopback with files in memory, and plain sockets to ask it with.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "provision-proxy/tftp/server.hh"

namespace holdfast::provision {

// Files that come in pieces, each from a later turn of the loop. A name that is not there is error
// 1; "/never" does not answer; "/broken" fails after its first piece.
class MemorySource : public TftpSource {
 public:
  explicit MemorySource(boost::asio::io_context& io) : io_(io) {}

  void open(std::string path, SocketAddress peer, std::function<void(Opened)> then) override {
    last_peer = peer;
    ++opens;
    if (path == "/never") return;
    boost::asio::post(io_, [this, path = std::move(path), then = std::move(then)] {
      const auto found = files.find(path);
      if (found == files.end()) return then(TftpError{TftpErrorCode::file_not_found, "no " + path});
      then(std::shared_ptr<TftpFile>(
          std::make_shared<File>(io_, found->second, path == "/broken", says_size)));
    });
  }

  std::map<std::string, std::string> files;
  bool says_size = true;
  SocketAddress last_peer;
  int opens = 0;

 private:
  class File : public TftpFile, public std::enable_shared_from_this<File> {
   public:
    File(boost::asio::io_context& io, const std::string& bytes, bool breaks, bool says_size)
        : io_(io), bytes_(bytes), breaks_(breaks), says_size_(says_size) {}
    std::optional<uint64_t> size() const override {
      return says_size_ ? std::optional<uint64_t>(bytes_.size()) : std::nullopt;
    }
    void next(std::function<void(TftpPiece)> then) override {
      boost::asio::post(io_, [weak = weak_from_this(), then = std::move(then)] {
        const auto self = weak.lock();
        if (!self) return;
        const std::string piece = self->bytes_.substr(self->place_, 7000);
        self->place_ += piece.size();
        if (self->breaks_ && piece.empty()) return then({TftpPiece::State::failed, {}});
        if (piece.empty()) return then({TftpPiece::State::end, {}});
        then({TftpPiece::State::bytes, piece});
      });
    }

   private:
    boost::asio::io_context& io_;
    const std::string bytes_;
    const bool breaks_, says_size_;
    size_t place_ = 0;
  };

  boost::asio::io_context& io_;
};

// A blocking UDP socket of a client.
class UdpClient {
 public:
  explicit UdpClient(const char* address = "127.0.0.1")
      : v6_(std::string_view(address).find(':') != std::string_view::npos),
        fd_(::socket(v6_ ? AF_INET6 : AF_INET, SOCK_DGRAM, 0)) {
    const auto local = sockaddr_of({*IpAddress::parse(address), 0});
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&local), sizeof local), 0);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
    ::setsockopt(fd_, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on);
  }
  ~UdpClient() { ::close(fd_); }
  UdpClient(const UdpClient&) = delete;
  UdpClient& operator=(const UdpClient&) = delete;

  void send(const SocketAddress& to, const std::string& bytes) {
    const auto peer = sockaddr_of(to);
    ::sendto(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&peer),
             sizeof peer);
  }

  // The next datagram, or none within that time; from and tos say more about it.
  std::optional<std::string> receive(int wait_ms = 2000) {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, wait_ms) != 1) return std::nullopt;
    char buffer[70'000], control[256];
    sockaddr_in6 peer{};
    iovec part{buffer, sizeof buffer};
    msghdr message{};
    message.msg_name = &peer;
    message.msg_namelen = sizeof peer;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(fd_, &message, 0);
    if (size < 0) return std::nullopt;
    from = address_of(peer);
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c))
      if (c->cmsg_type == IP_TOS || c->cmsg_type == IPV6_TCLASS) tos = *CMSG_DATA(c);
    return std::string(buffer, static_cast<size_t>(size));
  }

  std::string ask(const SocketAddress& to, const std::string& bytes) {
    send(to, bytes);
    return receive().value_or("silence");
  }

  SocketAddress from;
  int tos = -1;

 private:
  static sockaddr_in6 sockaddr_of(const SocketAddress& address) {
    sockaddr_in6 made{};
    if (address.ip.is_v4()) {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_port = htons(address.port);
      std::memcpy(&v4.sin_addr, address.ip.bytes.data(), 4);
      std::memcpy(&made, &v4, sizeof v4);
      return made;
    }
    made.sin6_family = AF_INET6;
    made.sin6_port = htons(address.port);
    std::memcpy(&made.sin6_addr, address.ip.bytes.data(), 16);
    return made;
  }
  static SocketAddress address_of(const sockaddr_in6& peer) {
    if (peer.sin6_family == AF_INET6)
      return {IpAddress::v6(peer.sin6_addr.s6_addr), ntohs(peer.sin6_port)};
    sockaddr_in v4{};
    std::memcpy(&v4, &peer, sizeof v4);
    return {IpAddress::v4(reinterpret_cast<const uint8_t*>(&v4.sin_addr)), ntohs(v4.sin_port)};
  }

  const bool v6_;
  const int fd_;
};

class TftpServerTest : public testing::Test {
 protected:
  void SetUp() override {
    config.listen = {*SocketAddress::parse("127.0.0.1:0")};
    source.files["/sip100.img"] = std::string(512, 'a') + "bc";
  }
  void TearDown() override { stop(); }

  void start() {
    server = std::make_unique<TftpServer>(io, config, source);
    ASSERT_EQ(server->open(), "");
    addresses = server->addresses();
    thread = std::thread([this] { io.run(); });
  }
  // Runs on the server's thread.
  template <typename Work>
  auto ask(Work what) {
    std::packaged_task<decltype(what())()> task(std::move(what));
    auto result = task.get_future();
    boost::asio::post(io, std::ref(task));
    return result.get();
  }
  TftpCounters counters() {
    return ask([this] { return server->counters(); });
  }
  // Waits until no transfer is under way.
  void settle() {
    for (int n = 0; n < 500; ++n) {
      if (ask([this] { return server->transfers(); }) == 0) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "a transfer does not end";
  }
  void stop() {
    if (!server) return;
    ask([this] {
      server->stop();
      const auto& c = server->counters();
      EXPECT_EQ(c.datagrams, c.started + c.refusals.sum());
      EXPECT_EQ(c.started, c.failures.sum() + c.ends.sum());
      EXPECT_EQ(c.refusals[TftpRefusal::malformed], c.rejects.sum());
    });
    work.reset();
    thread.join();
    server.reset();
  }
  const SocketAddress& address() const { return addresses.front(); }

  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work =
      boost::asio::make_work_guard(io);
  MemorySource source{io};
  TftpConfig config;
  std::unique_ptr<TftpServer> server;
  std::vector<SocketAddress> addresses;
  std::thread thread;
};

}  // namespace holdfast::provision
