// SPDX-License-Identifier: Apache-2.0
// The control client against servers that are absent, old, mute, confused or gone.
#include "dataplane/client/client.hh"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "dataplane/control/frame.hh"

namespace holdfast::control {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Kind = ClientError::Kind;

const std::string kGreeting = R"({"hello":"holdfast-dataplane","protocol":1,"version":"9.8.7"})";
const std::string kHelloAnswer = R"({"id":1,"ok":true})";

// Takes one client and plays frames to it, each as soon as the client has sent something; the first
// one at once. Then waits for the client to leave, or leaves itself.
class ScriptedServer {
 public:
  ScriptedServer(const std::string& path, std::vector<std::string> frames, bool leave = false)
      : path_(path), listener_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ::unlink(path.c_str());
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    thread_ = std::thread([this, frames = std::move(frames), leave] { play(frames, leave); });
  }
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);  // in case nobody came
    thread_.join();
    ::close(listener_);
    ::unlink(path_.c_str());
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

 private:
  void play(const std::vector<std::string>& frames, bool leave) const {
    const int client = ::accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    char bytes[4096];
    for (size_t i = 0; i < frames.size(); ++i) {
      if (i > 0 && ::recv(client, bytes, sizeof bytes, 0) <= 0) break;
      ::send(client, frames[i].data(), frames[i].size(), MSG_NOSIGNAL);
    }
    while (!leave && ::recv(client, bytes, sizeof bytes, 0) > 0) {
    }
    ::close(client);
  }

  std::string path_;
  int listener_;
  std::thread thread_;
};

const std::string kPath = testing::TempDir() + "hf-client-" + std::to_string(::getpid()) + ".sock";

TEST(Client, NamesTheReasonWhyThereIsNoConnection) {
  const auto gone = DataplaneClient::connect("/nonexistent/x.sock");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, Kind::kUnreachable);
  EXPECT_EQ(gone.error().message,
            "holdfast-dataplane is not running: /nonexistent/x.sock: No such file or directory");
  EXPECT_FALSE(DataplaneClient::connect(""));
  EXPECT_FALSE(DataplaneClient::connect("/tmp/" + std::string(200, 'x')));
}

struct Greeting {
  std::string body;
  Kind kind;
  std::string message;
};

TEST(Client, RefusesAGreetingThatIsNotOurs) {
  const Greeting cases[] = {
      {R"({"hello":"holdfast-dataplane","protocol":2,"version":"9.8.7"})", Kind::kBadAnswer,
       "holdfast-dataplane 9.8.7 speaks protocol 2, this program 1; install the same version of "
       "both"},
      {R"({"hello":"other"})", Kind::kBadAnswer,
       "the dataplane's answer makes no sense: " + kPath +
           " is not the socket of holdfast-dataplane"},
      {"[]", Kind::kBadAnswer, "the dataplane's answer makes no sense: no JSON object"},
      {R"({"id":null,"ok":false,"error":{"code":"too_many_clients","message":"full"}})",
       Kind::kRefused, "full (too_many_clients)"},
      {R"({"id":null,"ok":false,"error":7})", Kind::kRefused,
       "the dataplane refused without a reason"},
  };
  for (const auto& [body, kind, message] : cases) {
    ScriptedServer server(kPath, {encode_frame(body)});
    const auto client = DataplaneClient::connect(kPath, 2000ms);
    ASSERT_FALSE(client) << body;
    EXPECT_EQ(client.error().kind, kind) << body;
    EXPECT_EQ(client.error().message, message);
  }
}

TEST(Client, AServerThatIsMuteIsATimeoutAndOneThatLeavesALoss) {
  {
    ScriptedServer server(kPath, {});
    const auto client = DataplaneClient::connect(kPath, 30ms);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().kind, Kind::kTimeout);
    EXPECT_EQ(client.error().message, "holdfast-dataplane did not answer within 30 ms: " + kPath);
  }
  ScriptedServer server(kPath, {encode_frame(kGreeting)}, true);
  const auto client = DataplaneClient::connect(kPath, 2000ms);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().message, "holdfast-dataplane closed the connection: " + kPath);
}

TEST(Client, AnAnswerThatMakesNoSenseEndsTheConversation) {
  const std::string answers[] = {
      encode_frame(R"({"id":99,"ok":true})"),
      encode_frame(R"({"ok":true})"),
      encode_frame(R"({"id":2})"),
      encode_frame("nonsense"),
      std::string("\x7f\xff\xff\xff", 4),
      encode_frame(R"({"id":2,"ok":"yes"})"),
  };
  for (const auto& answer : answers) {
    ScriptedServer server(kPath, {encode_frame(kGreeting), encode_frame(kHelloAnswer), answer});
    auto client = DataplaneClient::connect(kPath, 2000ms);
    ASSERT_TRUE(client) << client.error().message;
    EXPECT_EQ((*client)->server_version(), "9.8.7");
    EXPECT_EQ((*client)->status().error().kind, Kind::kBadAnswer) << answer;
    EXPECT_EQ((*client)->status().error().kind, Kind::kBadAnswer) << "and stays so";
  }
}

TEST(Client, ARefusalKeepsTheConversationGoing) {
  ScriptedServer server(
      kPath, {encode_frame(kGreeting), encode_frame(kHelloAnswer),
              encode_frame(R"({"id":2,"ok":false,"error":{"code":"unknown_call","message":"no"}})"),
              encode_frame(R"({"id":3,"ok":true,"x":1})")});
  auto client = DataplaneClient::connect(kPath, 2000ms);
  ASSERT_TRUE(client);
  const auto refused = (*client)->remove({"a"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnknownCall);
  EXPECT_EQ(refused.error().message, "no (unknown_call)");
  const auto answer = (*client)->call("anything", json::object());
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, json({{"x", 1}}));
}

TEST(Client, PagesMustAdvance) {
  ScriptedServer server(kPath, {encode_frame(kGreeting), encode_frame(kHelloAnswer),
                                encode_frame(R"({"id":2,"ok":true,"calls":[],"next":5})"),
                                encode_frame(R"({"id":3,"ok":true,"calls":[],"next":5})")});
  auto client = DataplaneClient::connect(kPath, 2000ms);
  ASSERT_TRUE(client);
  const auto calls = (*client)->calls(false);
  ASSERT_FALSE(calls);
  EXPECT_EQ(calls.error().kind, Kind::kBadAnswer);
}

}  // namespace
}  // namespace holdfast::control
