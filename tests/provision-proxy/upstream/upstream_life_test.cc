// SPDX-License-Identifier: Apache-2.0
// Connections kept and lost, retries, cancelling at each stage, many at a time, and the line.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/provision-proxy/upstream/bench.hh"
#include "tests/provision-proxy/upstream/scripted_origin.hh"

namespace holdfast::provision {
namespace {

using std::chrono::milliseconds;

// Answers all requests of a connection.
void serve(OriginConnection& c) {
  while (!c.read_head().empty()) c.send(ok("body"));
}

UpstreamRequest with_method(const std::string& method, std::string body = "") {
  auto request = get("/file");
  request.method = method;
  request.body = std::move(body);
  return request;
}

TEST(UpstreamLife, KeepsConnections) {
  ScriptedOrigin origin(serve);
  Bench bench(loopback(origin.port()));
  for (int i = 0; i < 20; ++i) {
    Recorder got;
    bench.fetch(get(), got);
    EXPECT_EQ(got.end(), UpstreamEnd::complete);
    EXPECT_EQ(got.outcome.reused, i > 0);
    EXPECT_EQ(got.outcome.address, "127.0.0.1");
  }
  EXPECT_EQ(origin.connections(), 1U);
  EXPECT_EQ(bench.upstream().status().reused, 19U);
}

TEST(UpstreamLife, ASilentlyClosedConnectionIsNotUsed) {
  ScriptedOrigin origin([](OriginConnection& c) {
    c.read_head();
    c.send(ok("x"));  // and closes
  });
  Bench bench(loopback(origin.port()));
  for (int i = 0; i < 3; ++i) {
    Recorder got;
    bench.fetch(get(), got);
    EXPECT_EQ(got.end(), UpstreamEnd::complete);
    bench.run_for(milliseconds(20));
  }
  EXPECT_EQ(origin.connections(), 3U);
}

// Answers once; the second request on the same connection makes it close without a byte: the race
// of a server's idle time against our request.
void answer_once_then_swallow(OriginConnection& c) {
  c.read_head();
  c.send(ok("first"));
  c.read_head();
}

TEST(UpstreamLife, RetriesOnceWhatMayBeSentTwice) {  // RFC 9110 section 9.2.2
  for (const std::string method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
    ScriptedOrigin origin(answer_once_then_swallow);
    Bench bench(loopback(origin.port()));
    Recorder first, second;
    bench.fetch(get(), first);
    bench.fetch(with_method(method, method == "PUT" ? "new content" : ""), second);
    EXPECT_EQ(name_of(second.end()), "complete") << method;
    EXPECT_TRUE(second.outcome.retried) << method;
    EXPECT_EQ(origin.connections(), 2U) << method;
    EXPECT_EQ(bench.upstream().status().retried, 1U);
  }
}

TEST(UpstreamLife, RetriesNoMoreThanOnce) {
  // Five kept connections, all of which die at their second request; so do new ones.
  std::atomic<int> swallowed{0};
  std::atomic<bool> dying{false};
  ScriptedOrigin origin([&](OriginConnection& c) {
    for (;;) {
      const auto head = c.read_head();
      if (head.empty()) return;
      if (dying) {
        ++swallowed;
        return;
      }
      while (origin.connections() < 5) std::this_thread::sleep_for(milliseconds(1));
      c.send(ok("x"));
    }
  });
  Bench bench(loopback(origin.port()));
  std::vector<Recorder> got(5);
  for (auto& one : got) bench.upstream().start(get(), one);
  bench.run_until(
      [&] { return std::all_of(got.begin(), got.end(), [](auto& g) { return g.ended(); }); });
  ASSERT_EQ(origin.connections(), 5U);
  dying = true;
  Recorder last;
  bench.fetch(get(), last);
  EXPECT_EQ(name_of(last.end()), "closed");
  EXPECT_EQ(swallowed, 2);
  EXPECT_TRUE(last.outcome.retried);
}

TEST(UpstreamLife, NeverSendsAPostTwice) {
  std::atomic<int> posts{0};
  ScriptedOrigin origin([&](OriginConnection& c) {
    for (;;) {
      const auto head = c.read_head();
      if (head.empty()) return;
      if (head.starts_with("POST")) {
        ++posts;
        return;  // swallowed
      }
      c.send(ok("x"));
    }
  });
  Bench bench(loopback(origin.port()));
  Recorder first, second;
  bench.fetch(get(), first);
  bench.fetch(with_method("POST", "once"), second);
  EXPECT_EQ(name_of(second.end()), "closed");
  EXPECT_FALSE(second.outcome.retried);
  EXPECT_EQ(posts, 1);
  EXPECT_EQ(origin.connections(), 2U) << "a connection of its own";
}

TEST(UpstreamLife, DoesNotRetryAfterALineOfTheAnswer) {
  ScriptedOrigin origin([](OriginConnection& c) {
    c.read_head();
    c.send(ok("first"));
    c.read_head();
    c.send("HTTP/1.1 200 OK\r\n");
  });
  Bench bench(loopback(origin.port()));
  Recorder first, second;
  bench.fetch(get(), first);
  bench.fetch(get(), second);
  EXPECT_EQ(name_of(second.end()), "closed");
  EXPECT_EQ(origin.connections(), 1U);
}

// Cancelled from within a callback, and from outside, at each stage.
enum class Stage { queued, connecting, waiting, interim, head, body, paused, end };

struct Canceller : Recorder {
  Stage stage = Stage::queued;
  std::function<void()> act;
  void on_interim(const ResponseHead& got) override {
    Recorder::on_interim(got);
    if (stage == Stage::interim) act();
  }
};

TEST(UpstreamLife, CancelsAtEachStage) {
  const auto before = open_descriptors();
  for (const auto stage : {Stage::queued, Stage::connecting, Stage::waiting, Stage::interim,
                           Stage::head, Stage::body, Stage::paused, Stage::end}) {
    SilentPort silent;
    ScriptedOrigin origin([&](OriginConnection& c) {
      while (!c.read_head().empty()) {
        if (stage == Stage::waiting) c.wait_for_close();
        c.send("HTTP/1.1 103 Early Hints\r\n\r\n");
        c.send(ok(std::string(stage == Stage::end ? 10 : 1'000'000, 'x')));
      }
    });
    Bench bench(loopback(stage == Stage::connecting ? silent.port() : origin.port()));
    Canceller got;
    Upstream::Id id = 0;
    bool cancelled = false;
    const auto cancel = [&] {
      bench.upstream().cancel(id);
      bench.upstream().cancel(id);  // twice does no harm
      cancelled = true;
    };
    got.stage = stage;
    got.act = cancel;
    if (stage == Stage::head) got.at_head = cancel;
    if (stage == Stage::body) got.at_body = cancel;
    if (stage == Stage::paused) got.at_body = [&] { bench.upstream().pause(id); };
    if (stage == Stage::end) got.at_end = cancel;
    auto request = get();
    request.stall_timeout = milliseconds(60'000);
    id = bench.upstream().start(std::move(request), got);
    if (stage == Stage::connecting || stage == Stage::waiting) bench.run_for(milliseconds(30));
    if (stage == Stage::paused) bench.run_until([&] { return !got.body.empty(); });
    if (stage <= Stage::waiting || stage == Stage::paused) cancel();
    ASSERT_TRUE(bench.run_until([&] { return cancelled; })) << static_cast<int>(stage);
    const auto pieces = got.body.size();
    bench.run_for(milliseconds(30));
    EXPECT_EQ(got.ends, stage == Stage::end ? 1 : 0) << static_cast<int>(stage);
    EXPECT_EQ(got.body.size(), pieces) << "nothing after cancel()";
    EXPECT_EQ(bench.loop().transfers(), 0U) << static_cast<int>(stage);
    EXPECT_EQ(bench.upstream().status().running, 0U);
    EXPECT_EQ(bench.upstream().status().dropped, stage == Stage::end ? 0U : 1U);
    EXPECT_EQ(bench.upstream().health().state(), OriginState::closed);
    // The loop still works.
    Recorder after;
    const bool answers = stage != Stage::connecting && stage != Stage::waiting;
    if (answers) bench.fetch(get(), after);
    EXPECT_EQ(after.end(), UpstreamEnd::complete);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(UpstreamLife, OneHandlerCancelsAnother) {
  ScriptedOrigin origin([](OriginConnection& c) {
    c.read_head();
    c.drip(ok(std::string(100'000, 'x')), 5000, milliseconds(1));
    c.wait_for_close();
  });
  Bench bench(loopback(origin.port()));
  Recorder a, b;
  const auto id_b = bench.upstream().start(get("/b"), b);
  bench.run_until([&] { return !b.body.empty(); });
  size_t at_cancel = 0;
  a.at_body = [&] {
    if (at_cancel > 0) return;
    bench.upstream().cancel(id_b);
    at_cancel = b.body.size();
  };
  bench.fetch(get("/a"), a);
  EXPECT_EQ(a.end(), UpstreamEnd::complete);
  EXPECT_EQ(b.body.size(), at_cancel);
  EXPECT_EQ(b.ends, 0);
}

TEST(UpstreamLife, StartsFromWithinCallbacks) {
  ScriptedOrigin origin(serve);
  Bench bench(loopback(origin.port()));
  Recorder first, at_head, at_body, at_end;
  first.at_head = [&] { bench.upstream().start(get("/1"), at_head); };
  first.at_body = [&] { bench.upstream().start(get("/2"), at_body); };
  first.at_end = [&] { bench.upstream().start(get("/3"), at_end); };
  bench.fetch(get(), first);
  EXPECT_TRUE(
      bench.run_until([&] { return at_head.ended() && at_body.ended() && at_end.ended(); }));
  EXPECT_EQ(at_end.body, "body");
}

TEST(UpstreamLife, TwoHundredAtATime) {
  const auto before = open_descriptors();
  {
    ScriptedOrigin origin([](OriginConnection& c) {
      for (;;) {
        const auto head = c.read_head();
        if (head.empty()) return;
        const auto target = head.substr(4, head.find(' ', 4) - 4);
        c.send(ok(target + std::string(30'000, 'x')));
      }
    });
    auto config = loopback(origin.port());
    config.max_transfers = 50;
    Bench bench(config);
    std::vector<Recorder> got(200);
    for (size_t i = 0; i < got.size(); ++i)
      bench.upstream().start(get("/" + std::to_string(i)), got[i]);
    EXPECT_EQ(bench.upstream().status().queued, 200U);
    EXPECT_TRUE(bench.run_until([&] {
      EXPECT_LE(bench.upstream().status().running, 50U);
      return std::all_of(got.begin(), got.end(), [](auto& g) { return g.ended(); });
    }));
    for (size_t i = 0; i < got.size(); ++i) {
      const auto name = "/" + std::to_string(i);
      EXPECT_EQ(name_of(got[i].end()), "complete") << i;
      EXPECT_TRUE(got[i].body == name + std::string(30'000, 'x')) << i;
    }
    EXPECT_LE(origin.connections(), 50U);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(UpstreamLife, TheLineIsBounded) {
  ScriptedOrigin origin([](OriginConnection& c) { c.wait_for_close(); });
  auto config = loopback(origin.port());
  config.max_transfers = 1;
  config.max_queued = 2;
  config.queue_timeout = milliseconds(50);
  Bench bench(config);
  std::vector<Recorder> got(4);
  bench.upstream().start(get(), got[0]);
  bench.run_for(milliseconds(10));  // it runs
  for (size_t i = 1; i < got.size(); ++i) bench.upstream().start(get(), got[i]);
  EXPECT_EQ(got[3].ends, 0) << "not from within start()";
  bench.run_for(milliseconds(10));
  EXPECT_EQ(name_of(got[3].end()), "queue_full");
  EXPECT_EQ(got[3].ends, 1);
  EXPECT_EQ(got[1].ends, 0);
  bench.run_until([&] { return got[1].ended() && got[2].ended(); });
  EXPECT_EQ(name_of(got[1].end()), "queue_full") << "it waited too long";
  EXPECT_EQ(got[0].ends, 0);
  EXPECT_EQ(bench.upstream().health().state(), OriginState::closed);
}

TEST(UpstreamLife, CancelAllTellsEachOnce) {
  ScriptedOrigin origin([](OriginConnection& c) { c.wait_for_close(); });
  auto config = loopback(origin.port());
  config.max_transfers = 2;
  Bench bench(config);
  std::vector<Recorder> got(5);
  for (auto& one : got) bench.upstream().start(get(), one);
  bench.run_for(milliseconds(20));
  bench.upstream().cancel_all();
  bench.run_for(milliseconds(20));
  for (const auto& one : got) {
    EXPECT_EQ(one.ends, 1);
    EXPECT_EQ(name_of(one.end()), "cancelled");
  }
}

TEST(UpstreamLife, CanBeDestroyedWhileAllRuns) {
  const auto before = open_descriptors();
  {
    ScriptedOrigin origin([](OriginConnection& c) {
      c.read_head();
      c.send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nsome");
      c.wait_for_close();
    });
    Bench bench(loopback(origin.port()));
    std::vector<Recorder> got(10);
    for (auto& one : got) bench.upstream().start(get(), one);
    bench.run_until([&] { return !got[9].body.empty(); });
    Recorder queued;
    bench.upstream().start(get(), queued);
    bench.upstream().resume(1);
    bench.drop_upstream();
    bench.run_for(milliseconds(20));
    for (const auto& one : got) EXPECT_EQ(one.ends, 0);
    EXPECT_EQ(bench.loop().transfers(), 0U);
    EXPECT_EQ(bench.loop().watched_sockets(), 0U);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(UpstreamLife, ConfigurationsThatCannotWorkAreNamed) {
  const auto good = loopback(8088);
  EXPECT_EQ(Upstream::problem_of(good), "");
  const std::pair<const char*, std::function<void(OriginConfig&)>> rows[] = {
      {"host", [](auto& c) { c.host = ""; }},
      {"host", [](auto& c) { c.host = "a b"; }},
      {"host", [](auto& c) { c.host = "a/b"; }},
      {"host", [](auto& c) { c.host = "user@a"; }},
      {"tls_name", [](auto& c) { c.tls_name = "a:1"; }},
      {"port", [](auto& c) { c.port = 0; }},
      {"dscp", [](auto& c) { c.dscp = 64; }},
      {"max_transfers", [](auto& c) { c.max_transfers = 0; }},
      {"key", [](auto& c) { c.client_key = "/etc/passwd"; }},
      {"ca", [](auto& c) { c.ca_file = "/nowhere/ca.pem"; }},
  };
  for (const auto& [name, spoil] : rows) {
    auto config = good;
    spoil(config);
    EXPECT_NE(Upstream::problem_of(config), "") << name;
  }
}

}  // namespace
}  // namespace holdfast::provision
