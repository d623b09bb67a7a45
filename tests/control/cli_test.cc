// SPDX-License-Identifier: Apache-2.0
// The holdfast program as an operator runs it: output, JSON, and exit status.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "dataplane/client/client.hh"
#include "tests/control/fake_dataplane.hh"
#include "tests/environment.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;

struct Outcome {
  int status = -1;
  std::string out;
};

class Cli : public testing::Test {
 protected:
  // `arguments` goes through the shell, so that tests may redirect.
  Outcome run(const std::string& arguments) const {
    const std::string command =
        test::environment("HOLDFAST") + " --socket " + path_ + " " + arguments;
    FILE* pipe = ::popen(command.c_str(), "r");
    Outcome result;
    char buffer[4096];
    for (size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
      result.out.append(buffer, n);
    }
    const int status = ::pclose(pipe);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
  }
  void start() { fake_ = std::make_unique<FakeDataplane>(path_); }
  void add_call(const std::string& key) {
    ASSERT_EQ(run("relay add " + key + " --leg lan=198.18.1.10:4000 --leg wan").status, 0);
  }
  void TearDown() override {
    fake_.reset();
    ::unlink((path_ + ".lock").c_str());
  }

  std::string path_ = testing::TempDir() + "hf-cli-" + std::to_string(::getpid()) + ".sock";
  std::unique_ptr<FakeDataplane> fake_;
};

TEST_F(Cli, SaysThatTheDataplaneIsNotRunning) {
  for (const char* command : {"status", "relay list", "relay delete a", "report --json"}) {
    const auto result = run(std::string(command) + " 2>&1");
    EXPECT_EQ(result.status, 1) << command;
    EXPECT_EQ(result.out, "holdfast: holdfast-dataplane is not running: " + path_ +
                              ": No such file or directory\n");
  }
}

TEST_F(Cli, SaysThatASocketIsStale) {
  start();
  // What is left when a dataplane is killed: the file, with nobody behind it.
  ASSERT_EQ(::link(path_.c_str(), (path_ + ".old").c_str()), 0);
  fake_.reset();
  ASSERT_EQ(::rename((path_ + ".old").c_str(), path_.c_str()), 0);
  const auto result = run("status 2>&1");
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.out.find("is not running: " + path_ + ": Connection refused"),
            std::string::npos);
  ::unlink(path_.c_str());
}

TEST_F(Cli, AHoldfastdThatIsNotRunningIsToldFromOneThatNeverWas) {
  start();
  const std::string socket = path_ + ".daemon";
  const auto never = run("--daemon-socket " + socket + " status");
  EXPECT_EQ(never.status, 0);
  EXPECT_NE(never.out.find("holdfastd has not been started"), std::string::npos);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  socket.copy(at.sun_path, sizeof at.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ::close(fd);
  const auto ended = run("--daemon-socket " + socket + " status 2>&1");
  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.out.find("holdfastd is not running: " + socket), std::string::npos) << ended.out;
  ::unlink(socket.c_str());
}

// Answers so many requests at a UNIX socket: with `of_key` those that ask for one call.
std::thread answer_as_holdfastd(const std::string& socket, int requests,
                                const std::string& of_key) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  socket.copy(at.sun_path, sizeof at.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  EXPECT_EQ(::listen(fd, 4), 0);
  return std::thread([fd, requests, of_key] {
    for (int i = 0; i < requests; ++i) {
      const int client = ::accept(fd, nullptr, nullptr);
      char request[1024] = {};
      EXPECT_GT(::recv(client, request, sizeof request - 1, 0), 0);
      const bool one = std::string(request).find("&call=") != std::string::npos;
      const std::string answer = "HTTP/1.1 200 OK\r\n\r\n" + (one ? of_key : std::string("{}"));
      EXPECT_GT(::send(client, answer.data(), answer.size(), MSG_NOSIGNAL), 0);
      ::close(client);
    }
    ::close(fd);
  });
}

TEST_F(Cli, ACaptureOfACallThatHasEndedSaysSo) {
  start();
  const std::string socket = path_ + ".daemon", key = "00000000000000ab";
  std::thread daemon = answer_as_holdfastd(
      socket, 2,
      R"({"records": [{"call": "00000000000000ab", "ended": "2026-11-21T10:05:00.123Z"}]})");
  const auto ended =
      run("--daemon-socket " + socket + " capture -w " + path_ + ".pcap --call " + key + " 2>&1");
  daemon.join();
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.out, "holdfast: call " + key + " ended at 2026-11-21 10:05:00 UTC\n");
  ::unlink(socket.c_str());
}

TEST_F(Cli, WrongUseIsStatusTwoAndOneLine) {
  start();
  for (const char* arguments :
       {"",
        "nonsense",
        "relay",
        "relay add",
        "relay add a",
        "relay add a --leg lan",
        "relay add a --leg lan --leg wan --leg lan",
        "relay add a --leg lan --leg wan --dscp 64",
        "relay add a --leg lan --leg wan --family 5",
        "relay add a --leg lan=198.18.1.10:4000 --leg wan=198.18.3.10:4000 --family 6",
        "relay add a --leg lan=1.2.3.4 --leg wan",
        "relay add a --leg =1.2.3.4:4 --leg wan",
        "relay add a --leg lan,port=3 --leg wan",
        "relay add a --leg lan,clock=128/8000 --leg wan",
        "relay add '' --leg lan --leg wan",
        "relay delete",
        "relay delete a --all",
        "relay update",
        "relay update 1",
        "relay update x --relearn",
        "relay update 1 --remote phone:4000",
        "report --json --csv",
        "check-config",
        "dhcp-options",
        "dhcp-options --url http://a --vlan 4095",
        "status --no-such-flag"}) {
    const auto result = run(std::string(arguments) + " 2>&1");
    EXPECT_EQ(result.status, 2) << arguments << "\n" << result.out;
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
    EXPECT_EQ(run(std::string(arguments) + " 2>/dev/null").out, "") << arguments;
  }
  EXPECT_EQ(run("--help").status, 0);
  EXPECT_EQ(run("relay add --help").status, 0);
  EXPECT_EQ(run("--version").out, "holdfast 0.1.0\n");
}

TEST_F(Cli, AddsListsAndDeletesACall) {
  start();
  const auto added =
      run("relay add a --leg lan=198.18.1.10:4000 --leg wan=[2001:db8::9]:4000 --json");
  EXPECT_EQ(added.status, 0);
  const auto call = json::parse(added.out);
  EXPECT_EQ(call["legs"][0]["local"], "198.18.1.2:20002");
  EXPECT_EQ(call["legs"][1]["local_rtcp"], "[2001:db8::2]:20005");

  EXPECT_EQ(run("relay list").out.find("CALL  LEG  INTERFACE  LOCAL"), 0U);
  EXPECT_EQ(json::parse(run("relay list --json").out)["calls"].size(), 1U);
  EXPECT_EQ(run("relay list --finished").out, "no finished calls\n");
  const auto again = run("relay add a --leg lan --leg wan 2>&1");
  EXPECT_EQ(again.status, 1);
  EXPECT_EQ(again.out, "holdfast: call a is there already (call_exists)\n");

  EXPECT_EQ(run("relay delete a").status, 0);
  EXPECT_EQ(run("relay delete a 2>/dev/null").status, 1);
  EXPECT_EQ(run("relay list").out, "no calls\n");
  EXPECT_EQ(json::parse(run("relay list --finished --json").out)["calls"].size(), 1U);
}

TEST_F(Cli, EveryLegOptionArrives) {
  start();
  const auto result =
      run("relay add a --leg lan=198.18.1.10:4000,rtcp=198.18.1.10:4009,port=20000,clock=96/48000 "
          "--leg wan=198.18.3.10:4000 --dscp 0 --media video --strict --rtcp-mux --json");
  ASSERT_EQ(result.status, 0);
  const auto leg = json::parse(result.out)["legs"][0];
  EXPECT_EQ(leg["mark"]["dscp"], 0);
  EXPECT_EQ(leg["media"], "video");
  EXPECT_EQ(leg["local"], leg["local_rtcp"]);
  const auto six = run("relay add b --leg lan --leg wan --family 6 --json");
  EXPECT_EQ(json::parse(six.out)["legs"][0]["local"], "[2001:db8::2]:20006");
  const auto strict = run("relay add c --leg lan --leg wan --strict 2>&1");
  EXPECT_EQ(strict.status, 1);
  EXPECT_EQ(strict.out, "holdfast: legs[0].learn strict needs a remote (bad_request)\n");
}

TEST_F(Cli, UpdatesALeg) {
  start();
  add_call("a");
  EXPECT_EQ(run("relay update 1 --remote 198.18.1.11:5000 --dscp 10").out,
            "leg 1: remote 198.18.1.11:5000, dscp 10\n");
  EXPECT_EQ(run("relay update 1 --media fax").status, 0);
  EXPECT_EQ(run("relay update 2 --relearn").out, "leg 2: remote to be learned, dscp 46\n");
  EXPECT_EQ(run("relay update 9 --relearn 2>&1").out, "holdfast: no leg 9 (unknown_leg)\n");
}

TEST_F(Cli, KeysComeFromAFileOfOurOwn) {
  start();
  const std::string path = testing::TempDir() + "hf-keys-" + std::to_string(::getpid());
  const std::string key = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3Bxcg==";
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  write("in 1 AEAD_AES_128_GCM inline:" + key + "\nout 2 AEAD_AES_128_GCM inline:" + key +
        "|2^31\n");
  const std::string add = "relay add a --leg lan,srtp=" + path + " --leg wan";
  EXPECT_EQ(run(add + " 2>&1").out,
            "holdfast: " + path + ": others can read these keys; chmod 600 it\n");
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_NE(run(add).out.find("  AEAD_AES_128_GCM  "), std::string::npos);
  write("in 1 AEAD_AES_256_GCM inline:" + key + "\n");
  const auto wrong = run("relay update 1 --srtp " + path + " 2>&1");
  EXPECT_EQ(wrong.status, 2);
  EXPECT_EQ(wrong.out, "holdfast: " + path + ": in: key and salt are not as long as the suite's\n");
  write("out 1 AEAD_AES_128_GCM inline:" + key + "\n");
  EXPECT_EQ(run("relay update 1 --srtp " + path).status, 0);
  EXPECT_NE(run("relay list").out.find("no key / AEAD_AES_128_GCM"), std::string::npos);
  EXPECT_EQ(run("relay update 1 --srtp none").status, 0);
  EXPECT_EQ(run("relay list").out.find("GCM"), std::string::npos);
  write("both 1 AEAD_AES_128_GCM inline:" + key + "\n");
  EXPECT_EQ(run("relay update 1 --srtp " + path + " 2>&1").out,
            "holdfast: " + path + ": needs lines that begin with in or out\n");
  ::unlink(path.c_str());
}

TEST_F(Cli, DeletesAllOverSeveralPages) {
  start();
  auto client = DataplaneClient::connect(path_);
  ASSERT_TRUE(client);
  for (int i = 0; i < 600; ++i) {
    CallAdd add{"call-" + std::to_string(i), {}};
    add.legs[0].interface = "lan";
    add.legs[1].interface = "wan";
    ASSERT_TRUE((*client)->add(add));
  }
  EXPECT_EQ(json::parse(run("relay list --json").out)["calls"].size(), 600U);
  const auto result = run("relay delete --all");
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.out.find("600 calls deleted\n"), std::string::npos);
  EXPECT_EQ(json::parse(run("relay list --finished --json").out)["calls"].size(), 600U);
  EXPECT_EQ(run("relay delete --all").out, "0 calls deleted\n");
}

TEST_F(Cli, StatusBalancesTheBooks) {
  start();
  const auto good = run("status");
  EXPECT_NE(good.out.find("SRTP by ipsec-mb 1.3.0 (AVX2), since the CPU has AES-NI and PCLMULQDQ; "
                          "legs with it: 3\n"),
            std::string::npos);
  EXPECT_EQ(good.status, 0);
  for (const char* part : {"holdfast-dataplane 0.1.0, pid 42, up 1 h 2 min, legs 0 of 4096",
                           "\nresumed 7 calls of the dataplane before, 1 refused; down 163 ms\n",
                           "warning: no huge pages", "bad_version", "The books balance", "75.0"}) {
    EXPECT_NE(good.out.find(part), std::string::npos) << part << "\n" << good.out;
  }
  EXPECT_EQ(json::parse(run("status --json").out)["ports"][0]["balanced"], true);
  fake_->unbalanced = true;
  EXPECT_NE(run("status").out.find("do not balance: lan: 111 in, 110 accounted for"),
            std::string::npos);
  EXPECT_EQ(json::parse(run("status --json").out)["ports"][0]["balanced"], false);
}

TEST_F(Cli, ReportsEveryStreamOfLiveAndFinishedCalls) {
  start();
  EXPECT_EQ(run("report").out, "no streams\n");
  add_call("a");
  add_call("'b,\"x'");
  ASSERT_EQ(run("relay delete a").status, 0);
  const auto document = json::parse(run("report --json").out);
  ASSERT_EQ(document["streams"].size(), 4U);
  const auto& stream = document["streams"][0];
  EXPECT_EQ(stream["call"], "a");
  EXPECT_EQ(stream["finished"], true);
  EXPECT_EQ(stream["ssrc"], "0xdecafbad");
  EXPECT_EQ(stream["lost"], 62);
  EXPECT_EQ(stream["loss_runs"]["60"], 1);
  EXPECT_DOUBLE_EQ(stream["loss_percent"], 6.2);
  EXPECT_DOUBLE_EQ(stream["jitter_mean_ms"], 2.0);
  EXPECT_DOUBLE_EQ(stream["jitter_max_ms"], 10.0);
  const auto csv = run("report --csv").out;
  EXPECT_NE(
      csv.find(
          "\r\na,1,lan,0xdecafbad,0,1000,938,62,6.200,1:2 60:1,3,4,0,2,2.00,10.00,ended,,us,0\r\n"),
      std::string::npos)
      << csv;
  EXPECT_NE(csv.find("\r\n\"b,\"\"x\",3,lan,"), std::string::npos) << csv;
  EXPECT_NE(run("report").out.find("1:2 60:1"), std::string::npos);
}

TEST_F(Cli, ReportsWhatTheFarEndSaysAndThatItSaysSo) {
  start();
  fake_->far_end = true;
  add_call("a");
  const auto said = json::parse(run("report --json").out)["far_end"];
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0]["measured_by"], "far end");
  EXPECT_EQ(said[0]["call"], "a");
  EXPECT_EQ(said[0]["lost_beyond"], 7);
  const auto csv = run("report --csv").out;
  EXPECT_NE(csv.find("\r\na,1,lan,0xdecafbad,,,,7,,,,,,,3.00,,beyond us,41.50,far end,\r\n"),
            std::string::npos)
      << csv;
  EXPECT_NE(run("report").out.find("far end"), std::string::npos);
}

TEST_F(Cli, ReportsWhatHadNoPlaceAmongTheStreams) {
  start();
  add_call("a");
  EXPECT_TRUE(json::parse(run("report --json").out)["unlisted"].empty());
  fake_->crowded = true;
  add_call("b");
  const auto unlisted = json::parse(run("report --json").out)["unlisted"];
  ASSERT_EQ(unlisted.size(), 2U);
  EXPECT_EQ(unlisted[0]["call"], "b");
  EXPECT_EQ(unlisted[0]["folded"]["lost"], 5);
  EXPECT_EQ(unlisted[0]["unaccounted_packets"], 7);
  const auto csv = run("report --csv").out;
  for (const char* line : {"\r\nb,3,lan,17 more,,100,95,5,5.000,,2,,,,,,folded,,us,0\r\n",
                           "\r\nb,3,lan,,,,7,,,,,,,,,,unaccounted,,us,\r\n"}) {
    EXPECT_NE(csv.find(line), std::string::npos) << csv;
  }
  EXPECT_NE(run("report").out.find("17 more"), std::string::npos);
}

TEST_F(Cli, JitterOfAnUnknownClockIsNotGivenInMilliseconds) {
  start();
  fake_->clock_hz = 0;
  add_call("a");
  EXPECT_TRUE(json::parse(run("report --json").out)["streams"][0]["jitter_mean_ms"].is_null());
  EXPECT_NE(run("report --csv").out.find(",2,,,active,,us,0\r\n"), std::string::npos);
}

TEST_F(Cli, ChecksAConfiguration) {
  const std::string file = path_ + ".toml";
  std::ofstream(file) << "[[interface]]\nname = \"lan\"\ndevice = \"eth0\"\n"
                         "media-addresses = [\"198.18.1.2\"]\n";
  EXPECT_EQ(run("check-config " + file).status, 0);
  EXPECT_NE(run("check-config " + file).out.find(" is good: at most 4096 legs"), std::string::npos);
  std::ofstream(file)
      << "[[interface]]\nname = \"lan\"\ndevice = \"eth0\"\nsrtp-without-tls = true\n"
         "media-addresses = [\"198.18.1.2\"]\n[[sip-listener]]\ninterface = \"lan\"\n"
         "faces = \"both\"\n[centre]\nservers = [\"198.18.3.2\"]\n"
         "domain = \"lab.voip\"\ninterface = \"lan\"\n";
  EXPECT_NE(
      run("check-config " + file).out.find("\nwarning: interface lan: srtp-without-tls is on"),
      std::string::npos);
  std::ofstream(file) << "[[interface]]\nvlna = 1\n";
  const auto bad = run("check-config " + file + " 2>&1");
  EXPECT_EQ(bad.status, 1);
  EXPECT_NE(
      bad.out.find(file + ":2: interface.1.vlna: is not an option (did you mean \"vlan\"?)\n"),
      std::string::npos)
      << bad.out;
  ::unlink(file.c_str());
}

TEST_F(Cli, OutputThatCannotBeWrittenIsAnError) {
  start();
  EXPECT_EQ(run("status >/dev/full 2>/dev/null").status, 1);
}

}  // namespace
}  // namespace holdfast::control
