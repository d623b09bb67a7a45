// SPDX-License-Identifier: Apache-2.0
// The control server against well-behaved, slow, rude and vanishing clients.
#include "dataplane/control/server.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/dataplane/control/socket_peer.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;

class RecordingHandler : public ControlHandler {
 public:
  void handle(const Request& request, Reply reply) override {
    ++requests;
    if (drop) return;
    if (keep) return kept.push_back(reply);
    if (std::holds_alternative<CallList>(request.operation)) return reply.send(page);
    reply.send(StatusReport{});
  }
  void on_client_gone(uint64_t client) override { gone.push_back(client); }
  int requests = 0;
  std::vector<uint64_t> gone;
  bool keep = false, drop = false;
  std::deque<Reply> kept;
  CallPage page{CallList{}};
};

class Server : public testing::Test {
 protected:
  void start(const ServerOptions& options = {}) {
    auto server = ControlServer::listen(path_, handler_, options);
    ASSERT_TRUE(server) << server.error();
    server_ = std::move(server).value();
  }
  std::unique_ptr<SocketPeer> greeted() {
    auto peer = std::make_unique<SocketPeer>(path_);
    EXPECT_EQ(peer->receive(*server_)->at("hello"), "holdfast-dataplane");
    peer->hello();
    EXPECT_EQ(peer->receive(*server_)->at("ok"), true);
    return peer;
  }
  std::string error_code(SocketPeer& peer) {
    const auto answer = peer.receive(*server_);
    return answer && answer->contains("error") ? answer->at("error").at("code") : json("none");
  }
  uint64_t counter(const std::string& name) const {
    for (const auto& c : server_->counters()) {
      if (c.name == name) return c.count;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }
  void TearDown() override {
    handler_.kept.clear();
    server_.reset();
    ::unlink((path_ + ".lock").c_str());
  }

  // A page that fills most of a frame.
  CallPage big_page() const {
    CallList all;
    all.limit = kMaxPageCalls;
    CallPage page(all);
    CallReport report;
    report.call = std::string(64, 'x');
    report.legs.resize(2);
    for (auto& leg : report.legs) leg.streams.resize(8);
    for (uint64_t i = 1; page.add(report, i); ++i) {
    }
    return page;
  }

  std::string path_ = testing::TempDir() + "hf-server-" + std::to_string(::getpid()) + ".sock";
  RecordingHandler handler_;
  std::unique_ptr<ControlServer> server_;
};

const json kStatus{{"id", 7}, {"op", "status"}};

TEST_F(Server, SocketIsForTheOwnerOnly) {
  start();
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  server_.reset();
  EXPECT_NE(::stat(path_.c_str(), &info), 0) << "the socket goes with the server";
}

TEST_F(Server, SecondInstanceIsRefusedAndHarmsNothing) {
  start();
  RecordingHandler other;
  const auto second = ControlServer::listen(path_, other);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), "another holdfast-dataplane (pid " + std::to_string(::getpid()) +
                                ") already serves " + path_);
  greeted();
}

TEST_F(Server, ReplacesAStaleSocketButNoOtherFile) {
  start();
  ASSERT_EQ(::link(path_.c_str(), (path_ + ".old").c_str()), 0);
  server_.reset();
  ASSERT_EQ(::rename((path_ + ".old").c_str(), path_.c_str()), 0);
  start();
  greeted();
  server_.reset();
  std::ofstream(path_) << "precious";
  EXPECT_EQ(ControlServer::listen(path_, handler_).error(),
            path_ + " exists and is not a socket; remove it or name another");
  ::unlink(path_.c_str());
}

TEST_F(Server, RefusesPathsThatCannotWork) {
  EXPECT_FALSE(ControlServer::listen("", handler_));
  EXPECT_FALSE(ControlServer::listen("/tmp/" + std::string(200, 'x'), handler_));
  EXPECT_NE(ControlServer::listen("/nonexistent/a/b.sock", handler_).error().find("/nonexistent/a"),
            std::string::npos);
  EXPECT_NE(ControlServer::listen("/proc/hf.sock", handler_).error().find("cannot open"),
            std::string::npos);
}

TEST_F(Server, AnswersARequestThatComesByteByByte) {
  start();
  auto peer = greeted();
  for (const char c : encode_frame(kStatus.dump())) {
    ASSERT_EQ(peer->send_bytes({&c, 1}), 1U);
    SocketPeer::run(*server_);
  }
  const auto answer = peer->receive(*server_);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->at("id"), 7);
  EXPECT_EQ(answer->at("ok"), true);
}

TEST_F(Server, AnswersManyRequestsInOnePiece) {
  start();
  auto peer = greeted();
  std::string burst;
  for (int i = 0; i < 67; ++i) burst += encode_frame(json{{"id", i}, {"op", "status"}}.dump());
  ASSERT_EQ(peer->send_bytes(burst), burst.size());
  for (int i = 0; i < 67; ++i) {
    const auto answer = peer->receive(*server_);
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->at("id"), i);
  }
}

TEST_F(Server, HelloComesFirstAndNamesOurProtocol) {
  start();
  SocketPeer early(path_);
  early.receive(*server_);
  early.send(kStatus);
  EXPECT_EQ(error_code(early), "hello_first");
  EXPECT_EQ(handler_.requests, 0);

  SocketPeer other(path_);
  other.receive(*server_);
  other.send({{"id", 1}, {"op", "hello"}, {"protocol", 2}, {"unheard_of", 1}});
  EXPECT_EQ(error_code(other), "wrong_protocol");
  EXPECT_TRUE(other.closed_by_server(*server_));
  EXPECT_EQ(counter("closed_wrong_protocol"), 1U);
}

TEST_F(Server, GarbageIsAnsweredByNameAndTheConnectionGoesOn) {
  start();
  auto peer = greeted();
  const struct {
    std::string body, code;
  } cases[] = {
      {"", "bad_json"},
      {"{", "bad_json"},
      {"[]", "bad_json"},
      {"\xff\xfe{}", "bad_json"},
      {"{\"id\":1,\"op\":\"\xc3\x28\"}", "bad_json"},
      {std::string("\0\0\0", 3), "bad_json"},
      {std::string(kMaxFrameBytes, '['), "bad_json"},
      {"{\"id\":1,\"op\":\"status\",\"x\":" + std::string(40, '[') + std::string(40, ']') + "}",
       "bad_json"},
      {"{}", "bad_request"},
      {"{\"id\":-1,\"op\":\"status\"}", "bad_request"},
      {"{\"id\":1,\"op\":\"status\",\"x\":1}", "bad_request"},
      {"{\"id\":1,\"op\":\"call.steal\"}", "unknown_op"},
  };
  for (const auto& [body, code] : cases) {
    std::string frame = encode_frame(body);
    while (!frame.empty()) {
      frame.erase(0, peer->send_bytes(frame));
      SocketPeer::run(*server_);
    }
    EXPECT_EQ(error_code(*peer), code) << body.substr(0, 60);
  }
  EXPECT_EQ(counter("bad_frames"), 8U);
  EXPECT_EQ(counter("bad_requests"), 4U);
  EXPECT_EQ(handler_.requests, 0);
  peer->send(kStatus);
  EXPECT_EQ(peer->receive(*server_)->at("ok"), true);
}

TEST_F(Server, AnOversizeFrameEndsTheConnection) {
  start();
  auto peer = greeted();
  peer->send_bytes(std::string("\x00\x10\x00\x01", 4));
  EXPECT_EQ(error_code(*peer), "too_large");
  EXPECT_TRUE(peer->closed_by_server(*server_));
  EXPECT_EQ(counter("closed_too_large"), 1U);
  EXPECT_EQ(server_->clients(), 0U);
}

TEST_F(Server, TheThirtyThirdClientIsRefused) {
  start();
  std::vector<std::unique_ptr<SocketPeer>> peers;
  for (int i = 0; i < 32; ++i) peers.push_back(greeted());
  SocketPeer more(path_);
  EXPECT_EQ(error_code(more), "too_many_clients");
  EXPECT_TRUE(more.closed_by_server(*server_));
  EXPECT_EQ(counter("closed_too_many_clients"), 1U);
  peers.pop_back();
  SocketPeer::run(*server_);
  greeted();
}

TEST_F(Server, OutOfDescriptorsTheServerWaitsInsteadOfSpinning) {
  ServerOptions options;
  options.stall_ms = 40;
  start(options);
  rlimit before{}, few{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  few = {64, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<int> taken;
  SocketPeer peer(path_);
  for (int fd = 0; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken.push_back(fd);
  SocketPeer::run(*server_);
  EXPECT_EQ(counter("accept_failed"), 1U);
  for (const int fd : taken) ::close(fd);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(peer.receive(*server_)) << "accepted when there is room again";
}

TEST_F(Server, ALateAnswerFindsItsClient) {
  start();
  handler_.keep = true;
  auto first = greeted(), second = greeted();
  first->send({{"id", 1}, {"op", "status"}});
  SocketPeer::run(*server_);
  second->send({{"id", 2}, {"op", "status"}});
  while (handler_.requests < 2) SocketPeer::run(*server_);
  handler_.kept[1].fail(ErrorCode::kBusy, "later");
  handler_.kept[0].send(StatusReport{});
  handler_.kept[0].send(StatusReport{});  // the second answer counts for nothing
  EXPECT_EQ(first->receive(*server_)->at("id"), 1);
  EXPECT_EQ(error_code(*second), "busy");
  EXPECT_FALSE(first->receive(*server_));
}

TEST_F(Server, ALateAnswerToAGoneClientOrServerIsHarmless) {
  start();
  handler_.keep = true;
  auto peer = greeted();
  peer->send(kStatus);
  peer->send(kStatus);
  while (handler_.requests < 2) SocketPeer::run(*server_);
  peer->close();
  SocketPeer::run(*server_);
  EXPECT_EQ(server_->clients(), 0U);
  auto next = greeted();  // must not be taken for the one that left
  handler_.kept[0].send(StatusReport{});
  EXPECT_EQ(counter("answers_to_gone"), 1U);
  EXPECT_FALSE(next->receive(*server_));
  server_.reset();
  handler_.kept[1].fail(ErrorCode::kInternal, "too late");
}

TEST_F(Server, AReplyThatIsLetGoAnswersInternal) {
  start();
  handler_.drop = true;
  auto peer = greeted();
  peer->send(kStatus);
  EXPECT_EQ(error_code(*peer), "internal");
  EXPECT_EQ(counter("unanswered"), 1U);
}

TEST_F(Server, RequestsBeyondTheLimitWaitUnread) {
  ServerOptions options;
  options.max_pending = 2;
  start(options);
  handler_.keep = true;
  auto peer = greeted();
  for (int i = 0; i < 5; ++i) peer->send({{"id", i}, {"op", "status"}});
  for (int i = 0; i < 5; ++i) SocketPeer::run(*server_);
  EXPECT_EQ(handler_.requests, 2);
  for (int i = 0; i < 5; ++i) {
    ASSERT_FALSE(handler_.kept.empty()) << i;
    handler_.kept.front().send(StatusReport{});
    handler_.kept.pop_front();
    const auto answer = peer->receive(*server_);
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->at("id"), i);
    SocketPeer::run(*server_);
  }
  EXPECT_EQ(handler_.requests, 5);
}

TEST_F(Server, ASlowReaderIsClosedAndTheOthersAreServed) {
  ServerOptions options;
  options.stall_ms = 40;
  start(options);
  handler_.page = big_page();
  auto slow = greeted(), good = greeted();
  for (int i = 0; i < 20; ++i) slow->send({{"id", i}, {"op", "call.list"}});
  for (int i = 0; i < 1000 && server_->clients() == 2; ++i) {
    good->send(kStatus);
    ASSERT_TRUE(good->receive(*server_));
    SocketPeer::run(*server_);
  }
  EXPECT_EQ(server_->clients(), 1U);
  EXPECT_EQ(counter("closed_slow_reader"), 1U);
  EXPECT_LE(handler_.requests, 1002) << "requests of a client that does not read are not served";
}

TEST_F(Server, ALateAnswerThatOverflowsTheBufferClosesTheClient) {
  ServerOptions options;
  options.max_output_bytes = kMaxFrameBytes;
  options.stall_ms = 40;
  start(options);
  handler_.keep = true;
  auto peer = greeted();
  for (int i = 0; i < 3; ++i) peer->send({{"id", i}, {"op", "call.list"}});
  while (handler_.requests < 3) SocketPeer::run(*server_);
  for (auto& reply : handler_.kept) reply.send(big_page());
  for (int i = 0; i < 100 && server_->clients() > 0; ++i) SocketPeer::run(*server_);
  EXPECT_EQ(server_->clients(), 0U);
  EXPECT_EQ(counter("closed_slow_reader"), 1U);
  EXPECT_EQ(counter("answers_to_gone"), 1U);
}

// What a handler keeps for a connection ends with it, however that ends.
TEST_F(Server, TheHandlerHearsOfEveryConnectionsEnd) {
  start();
  handler_.keep = true;
  auto first = greeted(), second = greeted();
  for (auto* peer : {first.get(), second.get()}) peer->send({{"id", 1}, {"op", "status"}});
  while (handler_.requests < 2) SocketPeer::run(*server_);
  const uint64_t one = handler_.kept[0].client(), other = handler_.kept[1].client();
  EXPECT_NE(one, other);
  EXPECT_TRUE(handler_.gone.empty());
  first.reset();
  while (server_->clients() > 1) SocketPeer::run(*server_);
  second->send({{"id", 1}, {"op", "hello"}, {"protocol", 99}});  // the server closes
  while (server_->clients() > 0) SocketPeer::run(*server_);
  EXPECT_EQ(handler_.gone.size(), 2U);
  EXPECT_EQ(std::set<uint64_t>(handler_.gone.begin(), handler_.gone.end()),
            (std::set<uint64_t>{one, other}));
}

// meson runs this test at the top of the source tree.
TEST_F(Server, EveryCounterStandsInTheContract) {
  start();
  std::ifstream file(std::string(std::getenv("HOLDFAST_SOURCE_ROOT")) + "/docs/control-socket.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  for (const auto& counter : server_->counters()) {
    EXPECT_NE(page.find("`" + counter.name + "`"), std::string::npos) << counter.name;
  }
}

TEST_F(Server, AnIdleServerIsNotReady) {
  start();
  auto peer = greeted();
  for (int i = 0; i < 5; ++i) SocketPeer::run(*server_);
  pollfd poll{server_->epoll_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&poll, 1, 50), 0) << "nothing to do must not wake the slow thread";
}

}  // namespace
}  // namespace holdfast::control
