// SPDX-License-Identifier: Apache-2.0
// An admin server on real sockets, with a branch of the test's making behind it.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "control/admin/server.hh"

namespace holdfast::admin {

using nlohmann::json;
using std::chrono::seconds;

// A state of the branch with one of everything.
inline std::shared_ptr<SipSnapshot> some_state() {
  auto state = std::make_shared<SipSnapshot>();
  auto& proxy = state->proxy;
  proxy.now_ms = 100'000;
  proxy.health = sip::HealthState::survival;
  proxy.health_since_ms = 90'000;
  proxy.upstreams = {
      {{"centre.example", *SocketAddress::parse("198.18.3.10:5060"), sip::Transport::udp, 0},
       sip::MemberState::down,
       ""}};
  proxy.transitions = {
      {sip::HealthState::suspect, sip::HealthState::survival, sip::HealthReason::all_down, 90'000}};
  sip::Binding binding;
  binding.aor = *sip::Uri::parse("sip:1001@centre.example");
  binding.contact = *sip::Uri::parse("sip:1001@198.18.1.10:5060");
  binding.source = {*SocketAddress::parse("198.18.1.10:5060"), sip::Transport::udp, "lan"};
  binding.expires_at_ms = 160'000;
  proxy.bindings = {binding};
  sip::CallStatus call;
  call.call_key = 0xabc;
  call.from = "sip:1001@centre.example";
  call.dialled = "sip:<script>alert(1)</script>@x";
  call.began_ms = 70'000;
  call.answered_ms = 80'000;
  call.phase = sip::CallPhase::answered;
  proxy.calls = {call};
  state->anchor.state = sip::AnchorState::up;
  return state;
}

class AdminServer : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "hf-admin-" + std::to_string(::getpid());
    std::filesystem::create_directories(directory_);
    config_.listen = *SocketAddress::parse("127.0.0.1:0");
    config_.socket = directory_ + "/d.sock";
    times_ = {300, 200, 300};
    writer_ = std::make_unique<store::Writer>(
        store::WriterConfig{
            .path = directory_ + "/holdfast.db", .commit_ms = 1, .trusted_time = {}},
        [](LogLevel, const std::string&) {});
  }
  void TearDown() override {
    server_.reset();
    writer_.reset();
    std::filesystem::remove_all(directory_);
  }

  void start() {
    Sources sources;
    sources.sip = [this](const Sources::Done& done) {
      if (busy) return false;
      if (!stuck) done(state_);
      return true;
    };
    sources.store = [this] {
      return disk_is_full ? full_disk() : writer_ ? writer_->status() : store::StoreStatus{};
    };
    sources.names = [] { return names::ResolverStatus{}; };
    sources.minutes = [] { return records::MinuteStatus{}; };
    sources.drain = [this](bool on) {
      drained = on ? 1 : 0;
      return true;
    };
    sources.database = directory_ + "/holdfast.db";
    auto server = Server::start(config_, std::move(sources), times_);
    ASSERT_TRUE(server) << server.error();
    server_ = std::move(server).value();
  }

  static store::StoreStatus full_disk() {
    store::StoreStatus status;
    status.trouble = Trouble::kFull;
    status.text = "database or disk is full";
    status.queued = 3;
    return status;
  }

  int connect_page() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server_->page_address().port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    return fd;
  }
  int connect_socket() const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    config_.socket.copy(to.sun_path, sizeof to.sun_path - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    return fd;
  }
  // All that comes until the server closes.
  static std::string read_all(int fd) {
    std::string all;
    char bytes[4096];
    for (;;) {
      pollfd poll{fd, POLLIN, 0};
      if (::poll(&poll, 1, 20'000) <= 0) return all + "[HANGS]";
      const ssize_t n = ::recv(fd, bytes, sizeof bytes, 0);
      if (n <= 0) break;
      all.append(bytes, static_cast<size_t>(n));
    }
    ::close(fd);
    return all;
  }
  static std::string send(int fd, const std::string& request) {
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    return read_all(fd);
  }
  std::string ask(const std::string& request) const { return send(connect_page(), request); }
  std::string get(const std::string& target) const {
    return ask("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  static json body_of(const std::string& response) {
    return json::parse(response.substr(response.find("\r\n\r\n") + 4), nullptr, false);
  }
  static std::string status_of(const std::string& response) {
    return response.substr(0, std::min(response.find("\r\n"), response.size()));
  }
  uint64_t counted(const std::string& name) const {
    const auto counters = server_->counters();
    const auto found = counters.find(name);
    return found == counters.end() ? 0 : found->second;
  }

  void wait_counted(const std::string& name) const {
    const auto until = std::chrono::steady_clock::now() + seconds(20);
    while (counted(name) == 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    EXPECT_EQ(counted(name), 1U);
  }

  std::string directory_;
  config::AdminConfig config_;
  ServerTimes times_;
  std::shared_ptr<SipSnapshot> state_ = some_state();
  std::unique_ptr<store::Writer> writer_;
  std::unique_ptr<Server> server_;
  std::atomic<bool> busy{false}, stuck{false}, disk_is_full{false};
  std::atomic<int> drained{-1};
};

}  // namespace holdfast::admin
