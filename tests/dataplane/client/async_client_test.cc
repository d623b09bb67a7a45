// SPDX-License-Identifier: Apache-2.0
// The asynchronous client against servers that are absent, slow, hung, confused, or die.
#include "dataplane/client/async_client.hh"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/dataplane/client/hand_loop.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;
using Kind = ClientError::Kind;

const std::string kPath = testing::TempDir() + "hf-async-" + std::to_string(::getpid()) + ".sock";

// A server of one client, told what to do step by step.
class Server {
 public:
  Server() : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, kPath.data(), kPath.size());
    ::unlink(kPath.c_str());
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 4), 0);
  }
  ~Server() {
    leave();
    ::close(listener_);
    ::unlink(kPath.c_str());
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  bool accept() {
    leave();
    client_ = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
    in_ = {};
    return client_ >= 0;
  }
  void leave() {
    if (client_ >= 0) ::close(client_);
    client_ = -1;
  }
  void bytes(std::string_view text) const {
    EXPECT_EQ(::send(client_, text.data(), text.size(), MSG_NOSIGNAL), ssize_t(text.size()));
  }
  void frame(const json& message) const { bytes(encode_frame(message.dump())); }
  void greet(uint32_t protocol = kProtocol) const {
    frame({{"hello", "holdfast-dataplane"}, {"protocol", protocol}, {"version", "9.8.7"}});
  }
  // The next request; null when there is none.
  json next() {
    std::string_view body;
    for (;;) {
      if (in_.next(body) == FrameReader::Status::kFrame) return json::parse(body);
      char buffer[4096];
      const ssize_t n = ::recv(client_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (n <= 0) return nullptr;
      in_.append({buffer, static_cast<size_t>(n)});
    }
  }
  void answer(const json& request, json members = json::object()) const {
    members["id"] = request["id"];
    members["ok"] = true;
    frame(members);
  }

 private:
  int listener_;
  int client_ = -1;
  FrameReader in_;
};

// A client that writes down what it is told.
struct Client {
  explicit Client(AsyncOptions options = {}) : client(loop, kPath, options) {}
  void start() {
    client.start([this] { log += "up "; },
                 [this](const ClientError& why) {
                   log += "down ";
                   down = why.message;
                 });
  }
  void come_up(Server& server) {
    if (!loop_started) start();
    loop_started = true;
    ASSERT_TRUE(server.accept());
    server.greet();
    turn();
    const json hello = server.next();
    ASSERT_EQ(hello["op"], "hello");
    ASSERT_EQ(hello["protocol"], kProtocol);
    server.answer(hello);
    turn();
    ASSERT_TRUE(client.is_up());
  }
  void ask(const std::string& name) {
    client.request(CallDelete{name}, [this, name](const Result<json, ClientError>& answer) {
      log += name + (answer                                  ? "=ok "
                     : answer.error().kind == Kind::kTimeout ? "=late "
                     : answer.error().kind == Kind::kRefused ? "=no "
                                                             : "=lost ");
    });
  }
  void turn() { loop.turn(client); }
  void pass(uint64_t ms) { loop.pass(client, ms); }

  HandClientLoop loop;
  AsyncClient client;
  bool loop_started = false;
  std::string log;
  std::string down;
};

TEST(AsyncClient, GreetsAsksAndReadsAnswers) {
  Server server;
  Client client;
  client.come_up(server);
  EXPECT_EQ(client.client.server_version(), "9.8.7");
  client.ask("a");
  client.ask("b");
  const json a = server.next();
  const json b = server.next();
  EXPECT_EQ(a["op"], "call.delete");
  EXPECT_EQ(a["call"], "a");
  server.answer(b);  // in another order
  server.frame({{"id", a["id"]}, {"ok", false}, {"error", {{"code", "unknown_call"}}}});
  client.turn();
  EXPECT_EQ(client.log, "up b=ok a=no ");
}

TEST(AsyncClient, ReadsTypedAnswersAndNamesWhatMakesNoSense) {
  Server server;
  Client client;
  client.come_up(server);
  std::string got;
  client.client.remove({"a"}, [&](auto answer) { got = answer ? answer->call : "?"; });
  server.answer(server.next(), {{"call", "a"}, {"started", 7}, {"legs", json::array()}});
  client.turn();
  EXPECT_EQ(got, "a");
  client.client.status([&](auto answer) { got = answer ? "" : answer.error().message; });
  server.answer(server.next(), {{"pid", "seven"}});
  client.turn();
  EXPECT_EQ(got.find("the dataplane's answer makes no sense: "), 0u) << got;
  client.client.list({0, 2, false}, [&](auto answer) {
    got = answer ? std::to_string(answer->calls.size()) + "," + std::to_string(*answer->next) : "?";
  });
  server.answer(
      server.next(),
      {{"calls", {{{"call", "x"}, {"started", 1}, {"legs", json::array()}}}}, {"next", 5}});
  client.turn();
  EXPECT_EQ(got, "1,5");
}

TEST(AsyncClient, FramesMayComeByteByByte) {
  Server server;
  Client client;
  client.start();
  ASSERT_TRUE(server.accept());
  const std::string greeting =
      encode_frame(R"({"hello":"holdfast-dataplane","protocol":1,"version":"9.8.7"})");
  for (const char byte : greeting) {
    server.bytes({&byte, 1});
    client.turn();
  }
  const json hello = server.next();
  const std::string welcome = encode_frame(json{{"id", hello["id"]}, {"ok", true}}.dump());
  for (const char byte : welcome) {
    EXPECT_FALSE(client.client.is_up());
    server.bytes({&byte, 1});
    client.turn();
  }
  EXPECT_EQ(client.log, "up ");
}

TEST(AsyncClient, WithoutAServerItTriesAgainEverMoreSeldom) {
  ::unlink(kPath.c_str());
  Client client({.first_retry_ms = 20, .max_retry_ms = 200});
  client.start();
  client.ask("a");
  EXPECT_EQ(client.log, "a=lost ");
  EXPECT_EQ(client.client.last_error()->message,
            "holdfast-dataplane is not running: " + kPath + ": No such file or directory");
  client.pass(10'000);
  Server server;
  client.pass(200);
  client.loop_started = true;
  client.come_up(server);
  EXPECT_EQ(client.log, "a=lost up ");
}

TEST(AsyncClient, AServerThatDiesFailsWhatIsUnderWayAndIsFoundAgain) {
  Server server;
  Client client;
  client.come_up(server);
  client.ask("a");
  server.leave();
  client.turn();
  EXPECT_EQ(client.log, "up down a=lost ");
  EXPECT_EQ(client.down, "holdfast-dataplane closed the connection: " + kPath);
  client.pass(20);
  client.come_up(server);
  client.ask("b");
  server.answer(server.next());
  client.turn();
  EXPECT_EQ(client.log, "up down a=lost up b=ok ");
}

TEST(AsyncClient, AServerThatHangsCostsEachRequestItsTimeOnce) {
  Server server;
  Client client({.answer_timeout_ms = 400});
  client.come_up(server);
  client.ask("a");
  client.pass(300);
  client.ask("b");
  client.pass(99);
  EXPECT_EQ(client.log, "up ");
  client.pass(1);  // a is late; b, behind it, is not waited for
  EXPECT_EQ(client.log, "up down a=late b=late ");
  client.ask("c");
  EXPECT_EQ(client.log, "up down a=late b=late c=lost ");
  // It goes on: up again when all that it owes has come, and their answers reach nobody.
  server.answer(server.next());
  client.turn();
  EXPECT_FALSE(client.client.is_up());
  server.answer(server.next());
  EXPECT_TRUE(server.next().is_null());
  client.turn();
  EXPECT_EQ(client.log, "up down a=late b=late c=lost up ");
  EXPECT_EQ(client.client.counters().late_answers, 2u);
  EXPECT_EQ(client.client.counters().connections, 1u);
}

TEST(AsyncClient, AnswersThatALateLoopFindsInTheSocketAreInTime) {
  Server server;
  Client client({.answer_timeout_ms = 400});
  client.come_up(server);
  client.ask("a");
  client.ask("b");
  server.answer(server.next());
  server.answer(server.next());
  client.pass(500);  // nobody looked at the socket before the time was over
  EXPECT_EQ(client.log, "up a=ok b=ok ");
}

TEST(AsyncClient, MoreThanTheServerCanAnswerIsLateAndNoHang) {
  Server server;
  Client client({.answer_timeout_ms = 400, .max_sent = 1});
  client.come_up(server);
  for (const char name : {'a', 'b', 'c'}) client.ask(std::string(1, name));
  client.pass(300);
  server.answer(server.next());
  client.turn();
  client.pass(100);
  EXPECT_EQ(client.log, "up a=ok c=late ") << "b has been on its way for 100 ms";
  server.answer(server.next());
  client.turn();
  EXPECT_EQ(client.log, "up a=ok c=late b=ok ");
}

TEST(AsyncClient, AServerThatHangsForLongGetsAnotherConnection) {
  Server server;
  Client client({.answer_timeout_ms = 400, .greeting_timeout_ms = 2000, .hang_ms = 10'000});
  client.come_up(server);
  client.ask("a");
  client.pass(400 + 10'000 + 20);
  // The kernel took the second connection; its greeting does not come either.
  client.pass(2000 + 40);
  EXPECT_EQ(client.client.last_error()->kind, Kind::kTimeout);
  ASSERT_TRUE(server.accept());  // the second, given up
  client.come_up(server);        // the third
  EXPECT_EQ(client.log, "up down a=late up ");
}

TEST(AsyncClient, AnswersThatMakeNoSenseEndTheConnection) {
  const json answers[] = {
      {{"id", 4711}, {"ok", true}},      // nobody asked
      {{"id", -1}, {"ok", true}},        // no id
      {{"id", 2}},                       // no ok
      {{"id", nullptr}, {"ok", false}},  // it did not understand us
      json::array({1, 2}),
  };
  for (const json& answer : answers) {
    Server server;
    Client client;
    client.come_up(server);
    client.ask("a");
    server.frame(answer);
    client.turn();
    EXPECT_EQ(client.log, "up down a=lost ") << answer;
    EXPECT_EQ(client.client.last_error()->kind, Kind::kBadAnswer) << answer;
  }
  const std::string garbage[] = {encode_frame("{]"), encode_frame("\xff"),
                                 std::string("\x7f\xff\xff\xff", 4), std::string(200, 'x')};
  for (const std::string& bytes : garbage) {
    Server server;
    Client client;
    client.come_up(server);
    client.ask("a");
    server.bytes(bytes);
    client.turn();
    EXPECT_EQ(client.log, "up down a=lost ");
  }
}

TEST(AsyncClient, AGreetingThatIsNotOursNeverComesUp) {
  Server server;
  Client client;
  client.start();
  ASSERT_TRUE(server.accept());
  server.greet(kProtocol + 1);
  client.turn();
  EXPECT_EQ(client.client.last_error()->code, ErrorCode::kWrongProtocol);
  client.pass(20);
  ASSERT_TRUE(server.accept());
  server.frame({{"id", nullptr}, {"ok", false}, {"error", {{"code", "too_many_clients"}}}});
  client.turn();
  EXPECT_EQ(client.client.last_error()->code, ErrorCode::kTooManyClients);
  client.pass(40);
  client.loop_started = true;
  client.come_up(server);
  EXPECT_EQ(client.log, "up ");
}

TEST(AsyncClient, KeepsNoMoreThanItsBounds) {
  Server server;
  Client client({.max_requests = 5, .max_sent = 2});
  client.come_up(server);
  for (const char name : {'a', 'b', 'c', 'd', 'e', 'f'}) client.ask(std::string(1, name));
  EXPECT_EQ(client.log, "up f=no ");
  EXPECT_EQ(client.client.counters().refused_full, 1u);
  const json a = server.next();
  const json b = server.next();
  EXPECT_TRUE(server.next().is_null());
  server.answer(a);
  client.turn();
  EXPECT_EQ(server.next()["call"], "c");
  server.answer(b);
  client.turn();
  EXPECT_EQ(server.next()["call"], "d");
  EXPECT_EQ(client.log, "up f=no a=ok b=ok ");
}

TEST(AsyncClient, AServerThatDoesNotReadBlocksNobody) {
  Server server;
  Client client({.max_requests = 8192, .max_sent = 8192});
  client.come_up(server);
  for (int i = 0; i < 8000; ++i)
    client.client.request(CallDelete{std::string(128, 'k')}, [](const auto&) {});
  EXPECT_TRUE(client.loop.writable());
  for (int i = 0; i < 8000; ++i) {
    json request = server.next();
    if (request.is_null()) {
      client.turn();
      request = server.next();
    }
    ASSERT_EQ(request["op"], "call.delete");
    server.answer(request);
    client.turn();
  }
  EXPECT_FALSE(client.loop.writable());
  EXPECT_EQ(client.log, "up ");
}

TEST(AsyncClient, CallbacksMayAskAgain) {
  Server server;
  Client client;
  client.come_up(server);
  client.client.request(CallDelete{"a"}, [&](const auto&) { client.ask("b"); });
  server.answer(server.next());
  client.turn();
  const json b = server.next();
  ASSERT_EQ(b["call"], "b");
  server.leave();
  client.turn();
  EXPECT_EQ(client.log, "up down b=lost ");
}

}  // namespace
}  // namespace holdfast::control
