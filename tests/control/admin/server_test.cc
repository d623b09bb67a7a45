// SPDX-License-Identifier: Apache-2.0
// The admin server on real sockets: documents, shapes of request smuggling, slow and greedy
// clients.
#include "base/bind_words.hh"
#include "tests/control/admin/admin_fixture.hh"

namespace holdfast::admin {
namespace {

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
  EXPECT_TRUE(upstreams["servers"][0]["why"].is_null());
  EXPECT_EQ(upstreams["transitions"][0]["ago_s"], 10);
  const auto calls = body_of(get("/api/calls"));
  EXPECT_EQ(calls["live"][0]["call"], "0000000000000abc");
  EXPECT_EQ(calls["live"][0]["talking_s"], 20);
  EXPECT_TRUE(calls["live"][0]["remarks"].empty() && calls["live"][0]["not_heard"].empty());
  EXPECT_TRUE(calls["records"].empty());
  EXPECT_TRUE(body_of(get("/api/events"))["events"].empty());
}

TEST_F(AdminServer, WarnsInWordsThatSayWhy) {
  state_->proxy.upstreams[0].why = "TLS expired: the peer's certificate has expired";
  state_->proxy.gateways = {
      {"pstn",
       {*IpAddress::parse("198.18.1.20"), 5061},
       sip::Transport::tls,
       "TLS wrong_name: it is for DNS:x",
       88'000},
      {"pstn-b", {*IpAddress::parse("198.18.1.21"), 5060}, sip::Transport::udp, "", 0}};
  state_->anchor.state = sip::AnchorState::away;
  state_->anchor.last_failure = "holdfast-dataplane is not running: /run/x: Connection refused";
  start();
  EXPECT_EQ(body_of(get("/api/status"))["warnings"],
            json::array({"the centre is lost, and the branch works without it (state survival)",
                         "server centre.example (udp 198.18.3.10:5060) is down: TLS expired: the "
                         "peer's certificate has expired",
                         "gateway pstn (tls 198.18.1.20:5061) could not be reached by the last "
                         "request, 12 s ago: TLS wrong_name: it is for DNS:x",
                         "holdfast-dataplane is not running: /run/x: Connection refused; new "
                         "calls go unanchored"}));
  EXPECT_EQ(body_of(get("/api/upstreams"))["servers"][0]["why"], state_->proxy.upstreams[0].why);
}

TEST_F(AdminServer, TellsOfCallsThatAreHeardOnOneSideOnly) {
  start();
  sip::CallStatus& call = state_->proxy.calls.at(0);
  call.was_missing = {true, true};
  call.is_missing[1] = true;
  using Kind = sip::MediaEventKind;
  state_->proxy.media_events = {{state_->proxy.now_ms - 9000, 0xabc, Kind::no_media_from_caller},
                                {state_->proxy.now_ms - 4000, 0xabc, Kind::no_media_from_callee}};
  sip::CallBegan began;
  began.call_key = 0xabc;
  writer_->put(store::BeganItem{began, 1'700'000'000'000});
  writer_->put(store::RemarkItem{0xabc, sip::CallRemark::no_media_from_callee});
  ASSERT_TRUE(writer_->flush(std::chrono::seconds(20)));
  const auto calls = body_of(get("/api/calls"));
  EXPECT_EQ(calls["live"][0]["remarks"],
            json::array({"no_media_from_caller", "no_media_from_callee"}));
  EXPECT_EQ(calls["live"][0]["not_heard"], json::array({"callee"}));
  EXPECT_EQ(calls["records"][0]["remarks"], json::array({"no_media_from_callee"}));
  const auto events = body_of(get("/api/events"))["events"];
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0]["event"], "no_media_from_callee") << "the newest first";
  EXPECT_EQ(events[0]["ago_s"], 4);
  EXPECT_EQ(events[1]["call"], "0000000000000abc");
  const auto warnings = body_of(get("/api/status"))["warnings"];
  EXPECT_NE(warnings.dump().find("1 calls hear one side only"), std::string::npos) << warnings;
}

TEST_F(AdminServer, WrongQueriesAreNamed) {
  start();
  for (const auto* target :
       {"/api/calls?limit=0", "/api/calls?limit=1001", "/api/calls?limit=x",
        "/api/report/loss?since=yesterday", "/api/calls?foo=1", "/api/calls?limit=1&limit=2",
        "/api/status?limit=1", "/api/calls?before=-", "/api/report/loss?call=xyz"}) {
    const auto response = get(target);
    EXPECT_EQ(status_of(response), "HTTP/1.1 400 Bad Request") << target;
    EXPECT_FALSE(body_of(response)["error"].get<std::string>().empty());
  }
  for (const char* target : {"/api/nonsense", "/api/nonsense?limit=1", "/api/drain?on=1"})
    EXPECT_EQ(status_of(get(target)), "HTTP/1.1 404 Not Found") << target;
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
                             [](LogLevel, const std::string&) {});
  EXPECT_EQ(status_of(get("/api/calls")), "HTTP/1.1 503 Service Unavailable");
}

TEST_F(AdminServer, CallsFromBeforeARestartLiveThoughTheyHaveSaidNothing) {
  sip::CallBegan began;
  began.call_key = 0xb0;
  began.from = "sip:1002@centre.example";
  began.decision = "to_centre";
  writer_->put(store::BeganItem{began, 1'700'000'000'000});
  sip::CallAnswered answered;
  answered.call_key = 0xb0;
  writer_->put(store::AnsweredItem{answered, 1'700'000'002'000});
  ASSERT_TRUE(writer_->flush(seconds(20)));
  state_->anchor.adopted = {0xabc, 0xb0, 0xb1};  // the first has spoken
  start();
  EXPECT_EQ(body_of(get("/api/status"))["calls"], 3);
  const auto live = body_of(get("/api/calls"))["live"];
  ASSERT_EQ(live.size(), 3U) << live;
  EXPECT_EQ(live[0]["call"], "00000000000000b0");
  EXPECT_EQ(live[0]["from"], "sip:1002@centre.example");
  EXPECT_EQ(live[0]["phase"], "answered");
  EXPECT_EQ(live[0]["from_before_restart"], true);
  EXPECT_GT(live[0]["talking_s"], 0);
  EXPECT_EQ(live[1]["call"], "00000000000000b1") << "without a record: the key";
  EXPECT_TRUE(live[1]["phase"].is_null());
  EXPECT_TRUE(live[1]["age_s"].is_null());
  EXPECT_EQ(live[2]["call"], "0000000000000abc");
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
  for (const char* wrong : {"", "?on", "?on=", "?on=yes", "?on=2", "?off=1", "?on=1&on=0"})
    EXPECT_EQ(status_of(send(connect_socket(), std::string("POST /api/drain") + wrong +
                                                   " HTTP/1.1\r\nHost: localhost\r\n\r\n")),
              "HTTP/1.1 400 Bad Request")
        << wrong;
  EXPECT_EQ(drained, 0);
  EXPECT_EQ(body_of(get("/api/calls?foo=1"))["error"], "foo is no parameter of /api/calls");
}

TEST_F(AdminServer, TheSocketIsForItsOwnerAloneAndOneServerHasIt) {
  start();
  EXPECT_EQ(std::filesystem::status(config_.socket).permissions() & std::filesystem::perms(0077),
            std::filesystem::perms::none);
  auto second = Server::start(config_, {}, times_);
  ASSERT_FALSE(second);
  EXPECT_EQ(
      second.error().find("admin socket " + config_.socket + ": another program already serves it"),
      0U)
      << second.error();
  server_.reset();
  EXPECT_TRUE(std::filesystem::exists(config_.socket)) << "tells that one ran here";
  start();
  EXPECT_EQ(
      status_of(send(connect_socket(), "GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n")),
      "HTTP/1.1 200 OK");
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
  EXPECT_EQ(second.error(), "admin page " + config_.listen.to_string() + ": " +
                                bind_words(EADDRINUSE, PortKind::kTcp, config_.listen.port));
}

}  // namespace
}  // namespace holdfast::admin
