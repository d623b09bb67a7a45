// SPDX-License-Identifier: Apache-2.0
// The admin server on real sockets: documents, shapes of request smuggling, slow and greedy
// clients.
#include "control/admin/server.hh"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "sip/anchor/stream_name.hh"

namespace holdfast::admin {
namespace {

using nlohmann::json;
using std::chrono::seconds;

// A state of the branch with one of everything.
std::shared_ptr<SipSnapshot> some_state() {
  auto state = std::make_shared<SipSnapshot>();
  auto& proxy = state->proxy;
  proxy.now_ms = 100'000;
  proxy.health = sip::HealthState::survival;
  proxy.health_since_ms = 90'000;
  proxy.upstreams = {
      {{"centre.example", *SocketAddress::parse("198.18.3.10:5060"), sip::Transport::udp, 0},
       sip::MemberState::down}};
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
        [](sip::LogLevel, const std::string&) {});
  }
  void TearDown() override {
    server_.reset();
    writer_.reset();
    std::filesystem::remove_all(directory_);
  }

  void start() {
    Sources sources;
    sources.sip = [this](Sources::Done done) {
      if (busy) return false;
      if (!stuck) done(state_);
      return true;
    };
    sources.store = [this] { return writer_->status(); };
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
  std::atomic<bool> busy{false}, stuck{false};
  std::atomic<int> drained{-1};
};

TEST_F(AdminServer, ServesThePageWithoutForeignParts) {
  start();
  const auto page = get("/");
  EXPECT_TRUE(page.starts_with("HTTP/1.1 200 OK\r\n")) << page;
  EXPECT_NE(page.find("Content-Security-Policy: default-src 'none'; script-src 'self'"),
            std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos);
  EXPECT_EQ(page.find("https://"), std::string::npos);
  EXPECT_NE(get("/page.js").find("text/javascript"), std::string::npos);
  EXPECT_NE(get("/page.css").find("text/css"), std::string::npos);
  EXPECT_EQ(status_of(get("/../etc/passwd")), "HTTP/1.1 404 Not Found");
}

TEST_F(AdminServer, ServesDocuments) {
  start();
  const auto status = body_of(get("/api/status"));
  EXPECT_EQ(status["state"], "survival");
  EXPECT_EQ(status["calls"], 1);
  EXPECT_EQ(status["records"]["state"], "good");
  EXPECT_EQ(status["warnings"].size(), 1U);
  const auto registrations = body_of(get("/api/registrations"))["registrations"];
  ASSERT_EQ(registrations.size(), 1U);
  EXPECT_EQ(registrations[0]["expires_in_s"], 60);
  EXPECT_TRUE(registrations[0]["confirmed_s_ago"].is_null());
  const auto upstreams = body_of(get("/api/upstreams"));
  EXPECT_EQ(upstreams["servers"][0]["state"], "down");
  EXPECT_EQ(upstreams["transitions"][0]["ago_s"], 10);
  const auto calls = body_of(get("/api/calls"));
  EXPECT_EQ(calls["live"][0]["call"], "0000000000000abc");
  EXPECT_EQ(calls["live"][0]["talking_s"], 20);
  EXPECT_TRUE(calls["records"].empty());
}

// A call's report with one stream that lost eleven packets here and five beyond us.
control::CallReport lossy_report(uint64_t call_key) {
  control::CallReport report;
  report.call = sip::to_string(sip::StreamName{.call_key = call_key, .media = "audio"});
  report.legs.resize(2);
  for (auto& leg : report.legs) {
    leg.local = leg.local_rtcp = *SocketAddress::parse("198.18.1.2:20000");
    leg.remote = SocketAddress::parse("198.18.1.10:4000");
    leg.next_hop.state = "resolved";
  }
  report.legs[0].leg = 1;
  report.legs[0].interface = "lan";
  report.legs[0].streams.resize(1);
  auto& stream = report.legs[0].streams[0];
  stream.ssrc = 0xdeadbeef;
  stream.clock_hz = 8000;
  stream.expected = 1500;
  stream.received = 1489;
  stream.lost = 11;
  stream.jitter_mean = 16;
  stream.loss_runs = {{"11", 1}};
  report.legs[0].drops = {{"bad_source", 3}};
  report.legs[1].leg = 2;
  report.legs[1].interface = "wan";
  control::FarEndReport far;
  far.ssrc = 0xdeadbeef;
  far.cumulative_lost = 16;
  far.lost_before = 11;
  far.reports = 6;
  report.legs[1].far_end = {far};
  return report;
}

class LossReport : public AdminServer {
 protected:
  // A call that lives and one that has ended, with the same losses.
  void record_two_calls() {
    for (const uint64_t key : {0xabcU, 0xdefU}) {
      sip::CallBegan began;
      began.call_key = key;
      writer_->put(store::BeganItem{began, 1'700'000'000'000});
    }
    sip::CallEnded ended;
    ended.call_key = 0xdef;
    ended.end = sip::CallEnd::callee_hung_up;
    ended.media = {lossy_report(0xdef)};
    writer_->put(store::EndedItem{ended, 1'700'000'060'000, 60'000});
    store::MinuteRow minute;
    minute.call_key = 0xdef;
    minute.stream = ended.media[0].call;
    minute.ssrc = 0xdeadbeef;
    minute.minute = 28'333'333;
    writer_->put(store::MinutesItem{{minute}, {}});
    ASSERT_TRUE(writer_->flush(seconds(20)));
    state_->media = {lossy_report(0xabc)};
  }
  // What the command prints, and its status.
  std::pair<std::string, int> command(const std::string& arguments) const {
    const std::string line = std::string(std::getenv("HOLDFAST")) + " --daemon-socket " +
                             config_.socket + " " + arguments + " 2>&1";
    FILE* pipe = ::popen(line.c_str(), "r");
    std::string out;
    char buffer[4096];
    for (size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
    return {out, WEXITSTATUS(::pclose(pipe))};
  }
};

TEST_F(LossReport, OfCallsThatLiveAndThatHaveEnded) {
  start();
  record_two_calls();
  const auto report = body_of(get("/api/report/loss"));
  ASSERT_EQ(report["calls"].size(), 2U) << report;
  for (const auto& call : report["calls"]) {
    EXPECT_EQ(call["totals"]["lost"], 11) << call;
    EXPECT_EQ(call["totals"]["lost_beyond"], 5);
    EXPECT_EQ(call["totals"]["dropped_by_us"], 3);
    ASSERT_EQ(call["streams"].size(), 1U);
    EXPECT_EQ(call["streams"][0]["ssrc"], "0xdeadbeef");
    EXPECT_EQ(call["streams"][0]["measured_by"], "us");
    EXPECT_EQ(call["streams"][0]["loss_runs"]["11"], 1);
    EXPECT_EQ(call["streams"][0]["jitter_mean_ms"], 2.0);
    EXPECT_EQ(call["beyond"][0]["measured_by"], "far end");
    EXPECT_EQ(call["drops"][0]["reason"], "bad_source");
  }
  EXPECT_EQ(report["calls"][0]["call"], "0000000000000def");
  EXPECT_EQ(report["calls"][0]["live"], false);
  EXPECT_EQ(report["calls"][0]["end"], "callee_hung_up");
  EXPECT_EQ(report["calls"][0]["minutes"][0]["minute"], "2023-11-14T22:13:00.000Z");
  EXPECT_EQ(report["calls"][1]["live"], true);
  EXPECT_EQ(report["totals"]["lost"], 22);
  EXPECT_EQ(report["ends"]["callee_hung_up"], 1);
  const auto one = body_of(get("/api/report/loss?call=0000000000000abc"));
  EXPECT_EQ(one["calls"].size(), 1U);
  const auto page = body_of(get("/api/report/loss?limit=1"));
  const auto rest = body_of(get("/api/report/loss?limit=1&before=" + page["next"].dump()));
  EXPECT_EQ(rest["calls"][0]["call"], "0000000000000abc");
}

TEST_F(LossReport, ByTheCommand) {
  start();
  record_two_calls();
  const auto [table, good] = command("report loss --minutes");
  EXPECT_EQ(good, 0) << table;
  for (const auto* text : {"0000000000000def", "callee_hung_up", "lives", "11:1", "far end's RTCP",
                           "bad_source", "2023-11-14 22:13:00", "was lost on the way from us",
                           "How all these calls ended: "
                           "callee_hung_up 1"})
    EXPECT_NE(table.find(text), std::string::npos) << text << "\n" << table;

  const auto [csv, done] = command("report loss --csv --call 0000000000000def");
  EXPECT_EQ(done, 0);
  std::vector<std::string> lines;
  for (size_t at = 0, end = 0; (end = csv.find("\r\n", at)) != std::string::npos; at = end + 2)
    lines.push_back(csv.substr(at, end - at));
  ASSERT_EQ(lines.size(), 5U) << csv;  // heading, stream, beyond, drop, minute
  const auto columns = std::count(lines[0].begin(), lines[0].end(), ',');
  for (const auto& line : lines) EXPECT_EQ(std::count(line.begin(), line.end(), ','), columns);
  EXPECT_NE(lines[1].find(",stream,"), std::string::npos);
  EXPECT_NE(lines[1].find(",1500,1489,11,0.733,11:1,2.00,"), std::string::npos) << lines[1];
  EXPECT_TRUE(lines[1].ends_with(",us"));
  EXPECT_NE(lines[2].find(",beyond,"), std::string::npos);
  EXPECT_TRUE(lines[2].ends_with(",far end"));
  EXPECT_NE(lines[3].find(",3,,,,,,bad_source,"), std::string::npos) << lines[3];

  const auto all = json::parse(command("report loss --json --all --limit 1").first);
  EXPECT_EQ(all["calls"].size(), 2U) << "every page";
  const auto calls = command("calls");
  EXPECT_NE(calls.first.find("callee_hung_up"), std::string::npos) << calls.first;
  EXPECT_NE(command("registrations").first.find("198.18.1.10:5060"), std::string::npos);
  EXPECT_NE(command("upstreams").first.find("every server is down"), std::string::npos);
  EXPECT_EQ(command("drain").second, 0);
  EXPECT_EQ(drained, 1);
  EXPECT_EQ(command("drain --off").second, 0);
  EXPECT_EQ(drained, 0);
}

TEST_F(LossReport, WrongUseOfTheCommandIsStatusTwo) {
  start();
  for (const char* arguments :
       {"report loss --json --csv", "report loss --call xyz", "report loss --since yesterday",
        "report loss --until 2026-13-01", "report loss --limit 0", "report loss --limit 1001",
        "calls --since 5", "calls --limit x", "report loss --call 00000000000000000",
        "drain now"}) {
    const auto [out, status] = command(arguments);
    EXPECT_EQ(status, 2) << arguments << "\n" << out;
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1) << out;
  }
  for (const char* since : {"30m", "2h", "7d", "2026-11-21", "2026-11-21T10:05"})
    EXPECT_EQ(command(std::string("calls --since ") + since).second, 0) << since;
  stuck = true;
  const auto [out, status] = command("calls");
  EXPECT_EQ(status, 1);
  EXPECT_EQ(out, "holdfast: holdfastd refused: the SIP loop did not answer in time\n");
}

TEST_F(AdminServer, WrongQueriesAreNamed) {
  start();
  for (const auto* target :
       {"/api/calls?limit=0", "/api/calls?limit=1001", "/api/calls?limit=x",
        "/api/report/loss?since=yesterday", "/api/calls?before=-", "/api/report/loss?call=xyz"}) {
    const auto response = get(target);
    EXPECT_EQ(status_of(response), "HTTP/1.1 400 Bad Request") << target;
    EXPECT_FALSE(body_of(response)["error"].get<std::string>().empty());
  }
  EXPECT_EQ(status_of(get("/api/nonsense")), "HTTP/1.1 404 Not Found");
}

TEST_F(AdminServer, ShapesOfSmugglingAreRefusedAndTheConnectionEnds) {
  start();
  const std::string host = "Host: localhost\r\n";
  const std::pair<std::string, std::string> shapes[] = {
      {"GET /api/status HTTP/1.1\r\n\r\n", "400"},
      {"GET /api/status HTTP/1.1\r\n" + host + "Host: other\r\n\r\n", "400"},
      {"GET /api/status HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello", "413"},
      {"GET / HTTP/1.1\r\n" + host + "Content-Length: 0\r\nContent-Length: 44\r\n\r\n", "4"},
      {"GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n",
       "4"},
      {"GET / HTTP/1.1\r\n" + host + "Transfer-Encoding : chunked\r\n\r\n", "4"},
      {"GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n", ""},  // folded: joined, or refused
      {"GET / HTTP/1.1\nHost: localhost\n\n", "505"},
      {"GET http://localhost/ HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"GET / HTTP/1.0\r\n" + host + "\r\n", "505"},
      {"GET / HTTP/2.0\r\n" + host + "\r\n", "505"},
      {"POST /api/drain HTTP/1.1\r\n" + host + "\r\n", "405"},
      {"GET /\x01 HTTP/1.1\r\n" + host + "\r\n", "4"},
      {std::string("GET /a\0b HTTP/1.1\r\n", 19) + host + "\r\n", "4"},
      {"\x16\x03\x01\x02", "4"},  // TLS; the rest never comes
      {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403"},
  };
  for (const auto& [request, status] : shapes) {
    const auto response = ask(request);
    EXPECT_EQ(response.find("[HANGS]"), std::string::npos) << request;
    if (request[0] == '\x16' && response.empty()) continue;
    EXPECT_TRUE(response.starts_with("HTTP/1.1 " + status)) << request << "\n->\n" << response;
    const std::string close = "Connection: close";
    EXPECT_EQ(response.find(close), response.rfind(close)) << "one response, no more";
  }
  EXPECT_EQ(drained, -1);
}

TEST_F(AdminServer, ASecondRequestOnTheConnectionIsNotRead) {
  start();
  const std::string one = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const auto response = ask(one + one);
  EXPECT_NE(response.find("Connection: close"), std::string::npos);
  EXPECT_EQ(response.find("HTTP/1.1 200", 8), std::string::npos);
}

TEST_F(AdminServer, HeadersAreBounded) {
  start();
  const auto response =
      ask("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(9000, 'a') + "\r\n\r\n");
  EXPECT_TRUE(response.starts_with("HTTP/1.1 431") || response.empty()) << response;
  EXPECT_EQ(counted("refused_header_too_large"), 1U);
}

TEST_F(AdminServer, ASlowClientIsLeftAndOthersAreServed) {
  start();
  const int slow = connect_page();
  ASSERT_EQ(::send(slow, "GET / HT", 8, MSG_NOSIGNAL), 8);
  EXPECT_EQ(status_of(get("/api/status")), "HTTP/1.1 200 OK");
  EXPECT_EQ(read_all(slow), "");
  wait_counted("refused_too_slow");
}

TEST_F(AdminServer, AByteAtATimeDoesNotStretchTheTime) {
  start();
  const int fd = connect_page();
  const auto from = std::chrono::steady_clock::now();
  const std::string request = "GET / HTTP/1.1\r\nHost: localhost\r\nX: ";
  for (size_t i = 0;; ++i) {
    const char byte = i < request.size() ? request[i] : 'a';
    if (::send(fd, &byte, 1, MSG_NOSIGNAL) != 1) break;
    pollfd poll{fd, POLLIN, 0};
    if (::poll(&poll, 1, 5) > 0) break;  // closed
    ASSERT_LT(std::chrono::steady_clock::now() - from, seconds(20));
  }
  ::close(fd);
  wait_counted("refused_too_slow");
}

TEST_F(AdminServer, ConnectionsAreBoundedAndTheCommandStillGetsIn) {
  times_.request_ms = 20'000;
  start();
  std::vector<int> idle;
  for (size_t i = 0; i < kMaxConnections; ++i) idle.push_back(connect_page());
  const auto until = std::chrono::steady_clock::now() + seconds(20);
  while (counted("refused_too_many") == 0 && std::chrono::steady_clock::now() < until)
    EXPECT_EQ(read_all(connect_page()), "");
  EXPECT_GE(counted("refused_too_many"), 1U);
  const auto response = send(connect_socket(), "GET /api/status HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(response), "HTTP/1.1 200 OK");
  for (const int fd : idle) ::close(fd);
}

TEST_F(AdminServer, AStuckOrBusySipLoopIsAnAnswerToo) {
  start();
  stuck = true;
  EXPECT_EQ(status_of(get("/api/status")), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(counted("refused_no_answer"), 1U);
  stuck = false;
  busy = true;
  EXPECT_EQ(status_of(get("/api/calls")), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(status_of(get("/")), "HTTP/1.1 200 OK");
}

TEST_F(AdminServer, RecordsThatCannotBeReadAreAnAnswerToo) {
  start();
  writer_.reset();
  std::filesystem::remove(directory_ + "/holdfast.db");
  auto fresh = store::Writer({.path = directory_ + "/other.db", .trusted_time = {}},
                             [](sip::LogLevel, const std::string&) {});
  EXPECT_EQ(status_of(get("/api/calls")), "HTTP/1.1 503 Service Unavailable");
}

TEST_F(AdminServer, OnlyTheSocketDrains) {
  start();
  const std::string request = "POST /api/drain?on=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
  EXPECT_EQ(status_of(ask(request)), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_EQ(drained, -1);
  EXPECT_EQ(status_of(send(connect_socket(), request)), "HTTP/1.1 200 OK");
  EXPECT_EQ(drained, 1);
  send(connect_socket(), "POST /api/drain?on=0 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(drained, 0);
}

TEST_F(AdminServer, TheSocketIsForItsOwnerAloneAndOneServerHasIt) {
  start();
  EXPECT_EQ(std::filesystem::status(config_.socket).permissions() & std::filesystem::perms(0077),
            std::filesystem::perms::none);
  auto second = Server::start(config_, {}, times_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), "another holdfastd already serves " + config_.socket);
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(config_.socket));
}

TEST_F(AdminServer, WhatIsLeftOfAKilledOneIsReplaced) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  config_.socket.copy(at.sun_path, sizeof at.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ::close(fd);
  start();
  EXPECT_NE(server_, nullptr);
}

TEST_F(AdminServer, AFileInThePlaceOfTheSocketIsLeftAlone) {
  config_.socket = directory_ + "/holdfast.db";
  auto server = Server::start(config_, {}, times_);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error(), config_.socket + " is there, and is no socket");
}

TEST_F(AdminServer, ATakenPortIsOneLine) {
  start();
  config_.listen.port = server_->page_address().port;
  config_.socket += "2";
  auto second = Server::start(config_, {}, times_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(),
            "admin page " + config_.listen.to_string() + ": Address already in use");
}

}  // namespace
}  // namespace holdfast::admin
