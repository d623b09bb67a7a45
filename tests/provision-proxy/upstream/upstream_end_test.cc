// SPDX-License-Identifier: Apache-2.0
// Every way in which a transfer can end, and what each says of the origin.
#include <gtest/gtest.h>

#include <thread>

#include "tests/provision-proxy/upstream/bench.hh"
#include "tests/provision-proxy/upstream/scripted_origin.hh"

namespace holdfast::provision {
namespace {

using std::chrono::milliseconds;

UpstreamRequest hasty(std::string target = "/") {
  auto request = get(std::move(target));
  request.connect_timeout = milliseconds(300);
  request.answer_timeout = milliseconds(150);
  request.stall_timeout = milliseconds(150);
  return request;
}

struct Row {
  const char* name;
  ScriptedOrigin::Script script;
  UpstreamEnd end;
  bool opens;  // the breaker
  std::string body;
};

TEST(UpstreamEnd, IsToldByName) {
  const auto head = [](OriginConnection& c) { c.read_head(); };
  const auto after_head = [](std::string bytes) {
    return [bytes = std::move(bytes)](OriginConnection& c) {
      c.read_head();
      c.send(bytes);
    };
  };
  const Row rows[] = {
      {"closes at once", [](OriginConnection&) {}, UpstreamEnd::closed, false, ""},
      {"resets at once", [](OriginConnection& c) { c.reset(); }, UpstreamEnd::closed, false, ""},
      {"closes after the request", head, UpstreamEnd::closed, false, ""},
      {"resets after the request",
       [](OriginConnection& c) {
         c.read_head();
         c.reset();
       },
       UpstreamEnd::closed, false, ""},
      {"says nothing", [](OriginConnection& c) { c.wait_for_close(); }, UpstreamEnd::answer_timeout,
       true, ""},
      {"stands still in the status line",
       [](OriginConnection& c) {
         c.read_head();
         c.send("HTTP/1.1 2");
         c.wait_for_close();
       },
       UpstreamEnd::answer_timeout, true, ""},
      {"stands still in the head",
       [](OriginConnection& c) {
         c.read_head();
         c.send("HTTP/1.1 200 OK\r\nA: b\r\n");
         c.wait_for_close();
       },
       UpstreamEnd::answer_timeout, true, ""},
      {"stands still after 103",
       [](OriginConnection& c) {
         c.read_head();
         c.send("HTTP/1.1 103 Early Hints\r\n\r\n");
         c.wait_for_close();
       },
       UpstreamEnd::answer_timeout, true, ""},
      {"closes in the head", after_head("HTTP/1.1 200 OK\r\nA: b\r\n"), UpstreamEnd::closed, false,
       ""},
      {"closes in a field", after_head("HTTP/1.1 200 OK\r\nA: b"), UpstreamEnd::closed, false, ""},
      {"closes after 103", after_head("HTTP/1.1 103 Early Hints\r\n\r\n"), UpstreamEnd::closed,
       false, ""},
      {"stands still in the body",
       [](OriginConnection& c) {
         c.read_head();
         c.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
         c.wait_for_close();
       },
       UpstreamEnd::stalled, false, "half"},
      {"closes in the body", after_head("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
       UpstreamEnd::truncated, false, "half"},
      {"closes before the body", after_head("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
       UpstreamEnd::truncated, false, ""},
      {"closes between chunks",
       after_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
       UpstreamEnd::truncated, false, "half"},
      {"closes in a chunk",
       after_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf"),
       UpstreamEnd::truncated, false, "half"},
      {"closes before the last line of the chunks",
       after_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"),
       UpstreamEnd::truncated, false, "half"},
      {"no chunk", after_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
       UpstreamEnd::truncated, false, ""},
      {"unknown transfer coding",
       after_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\nnonsense\r\n"),
       UpstreamEnd::protocol, false, ""},
      {"HTTP/0.9", after_head("<html>hello</html>"), UpstreamEnd::protocol, false, ""},
      {"HTTP/2", after_head("HTTP/2 200\r\n\r\n"), UpstreamEnd::protocol, false, ""},
      {"another protocol", after_head("SSH-2.0-OpenSSH_9.2\r\n"), UpstreamEnd::protocol, false, ""},
      {"101", after_head("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
       UpstreamEnd::protocol, false, ""},
      {"no colon", after_head("HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n"),
       UpstreamEnd::protocol, false, ""},
      {"NUL",
       after_head(std::string("HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n", 47)),
       UpstreamEnd::protocol, false, ""},
      {"two lengths",
       after_head("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbodyx"),
       UpstreamEnd::protocol, false, ""},
      {"a length that is none", after_head("HTTP/1.1 200 OK\r\nContent-Length: four\r\n\r\nbody"),
       UpstreamEnd::protocol, false, ""},
      {"a length that overflows",
       after_head("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nbody"),
       UpstreamEnd::protocol, false, ""},
      {"an endless head",
       [](OriginConnection& c) {
         c.read_head();
         c.send("HTTP/1.1 200 OK\r\n");
         while (c.send("A: " + std::string(1000, 'b') + "\r\n")) {
         }
       },
       UpstreamEnd::too_large, false, ""},
      {"an endless line",
       [](OriginConnection& c) {
         c.read_head();
         c.send("HTTP/1.1 200 OK\r\nA: ");
         while (c.send(std::string(1000, 'b'))) {
         }
       },
       UpstreamEnd::too_large, false, ""},
      {"endless interim answers",
       [](OriginConnection& c) {
         c.read_head();
         while (c.send("HTTP/1.1 100 Continue\r\n\r\n")) {
         }
       },
       UpstreamEnd::too_large, false, ""},
      {"502 is an answer", after_head("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno"),
       UpstreamEnd::complete, false, "no"},
  };
  for (const auto& row : rows) {
    ScriptedOrigin origin(row.script);
    Bench bench(loopback(origin.port()));
    Recorder got;
    bench.fetch(hasty(), got);
    EXPECT_EQ(name_of(got.end()), name_of(row.end)) << row.name << ": " << got.outcome.detail;
    EXPECT_EQ(got.ends, 1) << row.name;
    EXPECT_EQ(got.body, row.body) << row.name;
    EXPECT_EQ(got.outcome.detail.empty(), row.end == UpstreamEnd::complete) << row.name;
    EXPECT_EQ(bench.upstream().health().state() == OriginState::open, row.opens) << row.name;
    EXPECT_EQ(bench.upstream().status().ends[static_cast<size_t>(row.end)], 1U) << row.name;
    EXPECT_EQ(bench.loop().transfers(), 0U) << row.name;
  }
}

// The kernel accepts for the origin, so that a reset may be there before anybody looks.
TEST(UpstreamEnd, AResetBeforeTheConnectionIsSeenIsNoRefusal) {
  ScriptedOrigin origin([](OriginConnection& c) { c.reset(); });
  Bench bench(loopback(origin.port()));
  Recorder got;
  bench.upstream().start(hasty(), got);
  bench.run_until([&] {
    std::this_thread::sleep_for(milliseconds(5));  // the reset goes before our next look
    return got.ended();
  });
  EXPECT_EQ(name_of(got.end()), "closed") << got.outcome.detail;
  EXPECT_EQ(bench.upstream().health().state(), OriginState::closed);
}

TEST(UpstreamEnd, RefusedOpensTheBreakerAtOnce) {
  Bench bench(loopback(closed_port()));
  Recorder first, second;
  bench.fetch(hasty(), first);
  EXPECT_EQ(name_of(first.end()), "refused") << first.outcome.detail;
  EXPECT_EQ(bench.upstream().health().state(), OriginState::open);
  const auto start = std::chrono::steady_clock::now();
  bench.fetch(hasty(), second);
  EXPECT_EQ(name_of(second.end()), "breaker_open");
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(50));
  ASSERT_EQ(bench.log().size(), 1U);
  EXPECT_EQ(bench.log()[0], "origin: is away: every address refuses");
}

TEST(UpstreamEnd, NoConnectionInTime) {
  SilentPort port;
  Bench bench(loopback(port.port()));
  Recorder got;
  bench.fetch(hasty(), got);
  EXPECT_EQ(name_of(got.end()), "connect_timeout") << got.outcome.detail;
  EXPECT_EQ(bench.upstream().health().state(), OriginState::open);
  EXPECT_EQ(bench.upstream().health().reason(), OriginEvidence::connect_silent);
}

TEST(UpstreamEnd, UnreachableIsTold) {
  auto config = loopback(9);
  config.host = "255.255.255.255";  // connect() says at once that nobody can be there
  Bench bench(config);
  Recorder got;
  bench.fetch(hasty(), got);
  EXPECT_EQ(name_of(got.end()), "unreachable") << got.outcome.detail;
  EXPECT_EQ(bench.upstream().health().state(), OriginState::open);
}

TEST(UpstreamEnd, ABodyLargerThanAllowed) {
  const std::string body(100'000, 'x');
  for (const auto& answer : {ok(body), "HTTP/1.1 200 OK\r\n\r\n" + body}) {
    ScriptedOrigin origin([&](OriginConnection& c) {
      c.read_head();
      c.send(answer);
    });
    Bench bench(loopback(origin.port()));
    for (const uint64_t most : {99'999U, 100'000U}) {
      auto request = hasty();
      request.max_body_bytes = most;
      Recorder got;
      bench.fetch(std::move(request), got);
      EXPECT_EQ(name_of(got.end()), most < body.size() ? "too_large" : "complete");
      EXPECT_LE(got.body.size(), most);
    }
  }
}

TEST(UpstreamEnd, OneSilentFileIsNoDeadCentre) {
  ScriptedOrigin origin([](OriginConnection& c) {
    for (;;) {
      const auto head = c.read_head();
      if (head.empty()) return;
      if (head.starts_with("GET /slow ")) c.wait_for_close();
      c.send(ok("x"));
    }
  });
  Bench bench(loopback(origin.port()));
  Recorder slow, quick;
  bench.upstream().start(hasty("/slow"), slow);
  bench.run_for(milliseconds(30));
  bench.fetch(hasty("/quick"), quick);
  EXPECT_EQ(name_of(quick.end()), "complete");
  bench.run_until([&] { return slow.ended(); });
  EXPECT_EQ(name_of(slow.end()), "answer_timeout");
  EXPECT_EQ(bench.upstream().health().state(), OriginState::closed);
}

TEST(UpstreamEnd, TheProbeBringsItBack) {
  const uint16_t port = closed_port();
  auto config = loopback(port);
  config.health.probe_interval_ms = 30;
  config.probe_target = "/health";
  Bench bench(config);
  std::vector<OriginState> seen;
  bench.upstream().on_health([&](const OriginTransition& change) { seen.push_back(change.to); });
  Recorder got;
  bench.fetch(hasty(), got);
  EXPECT_EQ(name_of(got.end()), "refused");
  ASSERT_TRUE(bench.run_until([&] { return bench.upstream().health().probes() >= 2; }));
  EXPECT_NE(bench.upstream().health().state(), OriginState::closed);
  ScriptedOrigin origin(
      [&](OriginConnection& c) {
        const auto head = c.read_head();
        origin.note(head);
        c.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        c.wait_for_close();
      },
      nullptr, "127.0.0.1", port);
  ASSERT_TRUE(bench.run_until([&] { return bench.upstream().health().admits(); }));
  bench.run_for(milliseconds(5));
  EXPECT_EQ(origin.notes().at(0),
            "HEAD /health HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) + "\r\n\r\n");
  EXPECT_EQ(seen.front(), OriginState::open);
  EXPECT_EQ(seen.back(), OriginState::closed);
  EXPECT_EQ(bench.log().size(), 2U) << "away and back, not each probe";
  EXPECT_EQ(bench.upstream().status().started, 1U) << "probes are not counted as transfers";
}

TEST(UpstreamEnd, WhenItOpensThoseWhoWaitAreTold) {
  ScriptedOrigin origin([](OriginConnection& c) { c.wait_for_close(); });
  auto config = loopback(origin.port());
  config.max_transfers = 1;
  Bench bench(config);
  std::vector<Recorder> got(4);
  for (auto& one : got) bench.upstream().start(hasty(), one);
  bench.run_until([&] { return got[0].ended() && got[3].ended(); });
  EXPECT_EQ(name_of(got[0].end()), "answer_timeout");
  for (size_t i = 1; i < got.size(); ++i) EXPECT_EQ(name_of(got[i].end()), "breaker_open");
}

}  // namespace
}  // namespace holdfast::provision
