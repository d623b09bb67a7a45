// SPDX-License-Identifier: Apache-2.0
// holdfastd as a process: a SIP call becomes a record that outlives kill -9; the command shows it;
// start-up errors are one line.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

namespace holdfast::daemon {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

// A port of 127.0.0.1 that is free over UDP and TCP, and that no connection of another test is
// given: below those that the kernel chooses (ip_local_port_range begins at 32768).
uint16_t free_port() {
  static uint16_t next = static_cast<uint16_t>(10000 + ::getpid() % 9000);
  for (;; ++next) {
    bool free = true;
    for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
      const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
      sockaddr_in at{};
      at.sin_family = AF_INET;
      at.sin_port = htons(next);
      at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      free = free && ::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
      ::close(fd);
    }
    if (free) return next++;
  }
}

class EndToEnd : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "hf-e2e-" + std::to_string(::getpid());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    port_ = free_port();
    admin_port_ = free_port();
    write_config("");
  }
  void TearDown() override {
    if (daemon_ > 0) stop(SIGKILL);
    std::filesystem::remove_all(directory_);
  }

  // A centre on 127.0.0.3 where nobody listens.
  void write_config(const std::string& more) const {
    std::ofstream(directory_ + "/hf.toml")
        << "[dataplane]\ncontrol-socket = \"" << directory_ << "/dataplane.sock\"\n"
        << "[[interface]]\nname = \"lan\"\ndevice = \"lo\"\nmedia-addresses = [\"127.0.0.1\"]\n"
        << "[[sip-listener]]\ninterface = \"lan\"\nfaces = \"both\"\nport = " << port_ << "\n"
        << "[centre]\nservers = [\"127.0.0.3:9\"]\ndomain = \"centre.example\"\ninterface = "
        << "\"lan\"\nprobe-suspect-ms = 100\nprobe-timeout-ms = 100\n"
        << "[storage]\ndirectory = \"" << directory_ << "/state\"\n"
        << "[admin]\nlisten = \"127.0.0.1:" << admin_port_ << "\"\nsocket = \"" << directory_
        << "/d.sock\"\n"
        << more;
  }

  // Starts holdfastd, its stderr in `log`.
  void start() {
    daemon_ = ::fork();
    if (daemon_ == 0) {
      const int log = ::open((directory_ + "/log").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
      ::dup2(log, STDERR_FILENO);
      const std::string config = directory_ + "/hf.toml";
      ::execl(std::getenv("HOLDFASTD"), "holdfastd", "-c", config.c_str(), nullptr);
      ::_exit(127);
    }
  }
  int stop(int signal) {
    ::kill(daemon_, signal);
    int status = -1;
    ::waitpid(daemon_, &status, 0);
    daemon_ = 0;
    return status;
  }
  int wait_for_end() {
    int status = -1;
    ::waitpid(daemon_, &status, 0);
    daemon_ = 0;
    return status;
  }
  std::string log() const {
    std::ifstream file(directory_ + "/log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  json command(const std::string& arguments, int expected = 0) const {
    const std::string line = std::string(std::getenv("HOLDFAST")) + " --socket " + directory_ +
                             "/dataplane.sock --daemon-socket " + directory_ + "/d.sock " +
                             arguments + " --json 2>/dev/null";
    FILE* pipe = ::popen(line.c_str(), "r");
    std::string out;
    char buffer[4096];
    for (size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
    const int status = ::pclose(pipe);
    if (expected >= 0) {
      EXPECT_EQ(WEXITSTATUS(status), expected) << arguments;
    }
    return json::parse(out, nullptr, false);
  }
  // The answer of that command once it holds.
  json wait_for(const std::string& arguments, const std::function<bool(const json&)>& holds) const {
    const auto until = Clock::now() + seconds(30);
    json answer;
    while (Clock::now() < until) {
      answer = command(arguments, -1);
      if (answer.is_object() && holds(answer)) return answer;
      if (::waitpid(daemon_, nullptr, WNOHANG) != 0) break;  // it has ended
      std::this_thread::sleep_for(milliseconds(20));
    }
    ADD_FAILURE() << arguments << "\n" << answer.dump(1) << log();
    return answer;
  }

  // An INVITE from a phone on 127.0.0.2; the final answer's status.
  int invite(const std::string& call_id) const {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in here{}, there{};
    here.sin_family = there.sin_family = AF_INET;
    ::inet_pton(AF_INET, "127.0.0.2", &here.sin_addr);
    ::inet_pton(AF_INET, "127.0.0.1", &there.sin_addr);
    there.sin_port = htons(port_);
    ::bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here);
    socklen_t size = sizeof here;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &size);
    const std::string me = "127.0.0.2:" + std::to_string(ntohs(here.sin_port));
    const std::string to = "sip:1001@127.0.0.1:" + std::to_string(port_);
    const std::string request =
        "INVITE " + to + " SIP/2.0\r\nVia: SIP/2.0/UDP " + me + ";branch=z9hG4bK" + call_id +
        "\r\nMax-Forwards: 70\r\nFrom: "
        "<sip:1000@branch>;tag=a\r\nTo: <" +
        to + ">\r\nCall-ID: " + call_id + "\r\nCSeq: 1 INVITE\r\nContact: <sip:1000@" + me +
        ">\r\nUser-Agent: Test/1\r\nContent-Length: 0\r\n\r\n";
    int status = 0;
    for (int tries = 0; tries < 100 && status < 200; ++tries) {
      ::sendto(fd, request.data(), request.size(), 0, reinterpret_cast<sockaddr*>(&there),
               sizeof there);
      pollfd poll{fd, POLLIN, 0};
      while (status < 200 && ::poll(&poll, 1, 300) > 0) {
        char bytes[4096] = {};
        if (::recv(fd, bytes, sizeof bytes - 1, 0) <= 0) break;
        status = std::atoi(bytes + std::string_view("SIP/2.0 ").size());
      }
    }
    ::close(fd);
    return status;
  }

  std::string directory_;
  uint16_t port_ = 0, admin_port_ = 0;
  pid_t daemon_ = 0;
};

TEST_F(EndToEnd, ACallIsARecordThatOutlivesKill9) {
  start();
  wait_for("upstreams", [](const json& d) { return d["state"] == "survival"; });
  const int answered = invite("first");
  EXPECT_GE(answered, 400) << "there is no way to a number that nobody has";
  const auto calls = wait_for("calls", [](const json& d) {
    return d["records"].size() == 1 && d["records"][0]["end"].is_string();
  });
  const auto& record = calls["records"][0];
  EXPECT_EQ(record["call_id"], "first");
  EXPECT_EQ(record["status"], answered);
  EXPECT_EQ(record["end"], "refused_by_us");
  EXPECT_EQ(record["user_agent"], "Test/1");
  EXPECT_TRUE(record["source"].get<std::string>().starts_with("127.0.0.2:"));
  EXPECT_EQ(record["interface"], "lan");

  stop(SIGKILL);
  start();
  const auto again = wait_for("calls", [](const json& d) { return d["records"].size() == 1; });
  EXPECT_EQ(again["records"][0]["call"], record["call"]);
  EXPECT_EQ(wait_for("status",
                     [](const json& d) {
                       return d["holdfastd"].is_object();
                     })["holdfastd"]["records"]["run"],
            2);
  EXPECT_EQ(command("report loss")["calls"].size(), 1U);
  EXPECT_TRUE(command("registrations")["registrations"].empty());
  EXPECT_EQ(stop(SIGTERM), 0) << log();
  EXPECT_NE(log().find("stopping: calls that live go on without us"), std::string::npos);
}

TEST_F(EndToEnd, DrainsByCommandAndBySignal) {
  start();
  wait_for("upstreams", [](const json&) { return true; });
  const std::string line = std::string(std::getenv("HOLDFAST")) + " --daemon-socket " + directory_ +
                           "/d.sock drain >/dev/null";
  EXPECT_EQ(std::system(line.c_str()), 0);
  EXPECT_EQ(wait_for_end(), 0) << log();
  start();
  wait_for("upstreams", [](const json&) { return true; });
  ::kill(daemon_, SIGUSR1);
  EXPECT_EQ(wait_for_end(), 0) << log();
}

TEST_F(EndToEnd, StartUpErrorsAreOneLineAndStatusOne) {
  const auto last_line_of_failure = [&] {
    std::filesystem::remove(directory_ + "/log");
    start();
    EXPECT_EQ(WEXITSTATUS(wait_for_end()), 1);
    const auto text = log();
    const auto at = text.rfind("holdfastd: ");
    return at == std::string::npos ? text : text.substr(at);
  };
  write_config("[sip]\ndscp = 99\n");
  EXPECT_EQ(last_line_of_failure(), "holdfastd: " + directory_ +
                                        "/hf.toml:23: sip.dscp: 99 is out of bounds; choose 0 to "
                                        "63\n");
  write_config("");
  std::ofstream(directory_ + "/state") << "a file";
  EXPECT_EQ(last_line_of_failure(), "holdfastd: " + directory_ + "/state is not a directory\n");
  std::filesystem::remove(directory_ + "/state");

  const int taken = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  ::inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
  at.sin_port = htons(port_);
  ASSERT_EQ(::bind(taken, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  const auto busy = last_line_of_failure();
  ::close(taken);
  EXPECT_NE(busy.find("lan udp 127.0.0.1:" + std::to_string(port_)), std::string::npos) << busy;
}

TEST_F(EndToEnd, TheCommandSaysThatTheDaemonIsNotThere) {
  for (const char* arguments : {"calls", "registrations", "upstreams", "report loss"})
    command(arguments, 1);
  const std::string wrong = std::string(std::getenv("HOLDFAST")) + " --daemon-socket " +
                            directory_ + "/d.sock calls --since yesterday 2>/dev/null";
  EXPECT_EQ(WEXITSTATUS(std::system(wrong.c_str())), 2);
}

}  // namespace
}  // namespace holdfast::daemon
