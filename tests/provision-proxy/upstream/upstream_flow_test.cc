// SPDX-License-Identifier: Apache-2.0
// Back-pressure, uploads, and the limit of bandwidth.
#include <gtest/gtest.h>

#include <deque>

#include "tests/provision-proxy/upstream/bench.hh"
#include "tests/provision-proxy/upstream/scripted_origin.hh"

namespace holdfast::provision {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

std::string pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 2654435761U >> 11U);
  return text;
}

TEST(UpstreamFlow, PausesAndResumes) {
  const auto large = pattern(2'000'000);
  std::atomic<size_t> sent{0};
  ScriptedOrigin origin([&](OriginConnection& c) {
    c.read_head();
    const auto answer = ok(large);
    for (size_t at = 0; at < answer.size(); at += 10'000) {
      if (!c.send(std::string_view(answer).substr(at, 10'000))) return;
      sent = at;
    }
    c.wait_for_close();
  });
  Bench bench(loopback(origin.port()));
  Recorder got;
  auto request = get();
  request.stall_timeout = milliseconds(50);  // does not run while it is paused
  const auto id = bench.upstream().start(std::move(request), got);
  int pieces = 0;
  bool paused = false;
  got.at_body = [&] {
    if (++pieces % 20 != 0) return;
    bench.upstream().pause(id);
    paused = true;
  };
  int pauses = 0;
  for (;;) {
    ASSERT_TRUE(bench.run_until([&] { return got.ended() || paused; }));
    if (got.ended()) break;
    const auto held = got.body.size();
    if (++pauses <= 2) bench.run_for(milliseconds(80));
    EXPECT_EQ(got.body.size(), held) << "nothing comes while it is paused";
    paused = false;
    bench.upstream().resume(id);
    bench.upstream().resume(id);  // twice does no harm
  }
  EXPECT_GE(pauses, 5);
  EXPECT_EQ(name_of(got.end()), "complete") << got.outcome.detail;
  EXPECT_TRUE(got.body == large);
}

TEST(UpstreamFlow, PausedFromTheHeadOn) {
  ScriptedOrigin origin([](OriginConnection& c) {
    c.read_head();
    c.send(ok("small"));
    c.wait_for_close();
  });
  Bench bench(loopback(origin.port()));
  Recorder got;
  Upstream::Id id = 0;
  got.at_head = [&] { bench.upstream().pause(id); };
  auto request = get();
  request.stall_timeout = milliseconds(30);
  id = bench.upstream().start(std::move(request), got);
  bench.run_for(milliseconds(80));
  EXPECT_EQ(got.heads, 1);
  EXPECT_TRUE(got.body.empty());
  EXPECT_FALSE(got.ended());
  bench.upstream().resume(id);
  ASSERT_TRUE(bench.run_until([&] { return got.ended(); }));
  EXPECT_EQ(got.body, "small");
}

TEST(UpstreamFlow, StallsAfterAResumeAreSeen) {
  ScriptedOrigin origin([](OriginConnection& c) {
    c.read_head();
    c.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    c.wait_for_close();
  });
  Bench bench(loopback(origin.port()));
  Recorder got;
  Upstream::Id id = 0;
  got.at_body = [&] { bench.upstream().pause(id); };
  auto request = get();
  request.stall_timeout = milliseconds(40);
  id = bench.upstream().start(std::move(request), got);
  bench.run_for(milliseconds(120));
  EXPECT_FALSE(got.ended());
  bench.upstream().resume(id);
  ASSERT_TRUE(bench.run_until([&] { return got.ended(); }));
  EXPECT_EQ(name_of(got.end()), "stalled");
}

// --- uploads

struct Pieces : BodySource {
  std::optional<uint64_t> size() const override { return total; }
  Read read(std::span<char> into) override {
    ++reads;
    if (ready.empty()) return {done ? last : State::wait, 0};
    auto& piece = ready.front();
    const size_t n = std::min(piece.size(), into.size());
    std::copy_n(piece.begin(), n, into.begin());
    piece.erase(0, n);
    if (piece.empty()) ready.pop_front();
    return {State::piece, n};
  }
  std::optional<uint64_t> total;
  std::deque<std::string> ready;
  bool done = false;
  State last = State::end;
  int reads = 0;
};

UpstreamRequest put(BodySource* source) {
  auto request = get("/0004f282e824-app.log");
  request.method = "PUT";
  request.source = source;
  return request;
}

TEST(UpstreamFlow, UploadsFromMemory) {
  for (const size_t size : {0U, 1U, 31U, 65'536U, 1'000'001U}) {
    const auto body = pattern(size);
    std::string head, came;
    ScriptedOrigin origin([&](OriginConnection& c) {
      head = c.read_head();
      came = c.read(size);
      c.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
      c.wait_for_close();
    });
    Bench bench(loopback(origin.port()));
    auto request = put(nullptr);
    request.body = body;
    request.fields.add("Content-Type", "text/plain");
    Recorder got;
    bench.fetch(std::move(request), got);
    EXPECT_EQ(name_of(got.end()), "complete");
    EXPECT_EQ(got.head.status, 201);
    EXPECT_EQ(got.outcome.sent_bytes, size);
    EXPECT_TRUE(came == body);
    std::string expected =
        "PUT /0004f282e824-app.log HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(origin.port()) +
        "\r\n";
    // libcurl writes its own length behind the fields or before: both are right.
    EXPECT_TRUE(head.starts_with(expected)) << head;
    EXPECT_NE(head.find("Content-Length: " + std::to_string(size) + "\r\n"), std::string::npos)
        << head;
    EXPECT_NE(head.find("Content-Type: text/plain\r\n"), std::string::npos);
    EXPECT_EQ(head.find("Expect"), std::string::npos);
    EXPECT_EQ(std::count(head.begin(), head.end(), '\n'), 5) << head;
  }
}

TEST(UpstreamFlow, AnEmptyPostHasALength) {
  std::string head;
  ScriptedOrigin origin([&](OriginConnection& c) {
    head = c.read_head();
    c.send(ok(""));
    c.wait_for_close();
  });
  Bench bench(loopback(origin.port()));
  auto request = get("/x");
  request.method = "POST";
  Recorder got;
  bench.fetch(std::move(request), got);
  EXPECT_TRUE(head.starts_with("POST /x HTTP/1.1\r\n"));
  EXPECT_NE(head.find("Content-Length: 0\r\n"), std::string::npos) << head;
  EXPECT_EQ(head.find("Content-Type"), std::string::npos) << head;
}

TEST(UpstreamFlow, PullsFromASourceThatHasToWait) {
  for (const bool sized : {true, false}) {
    std::string head, came;
    ScriptedOrigin origin([&](OriginConnection& c) {
      head = c.read_head();
      came = sized ? c.read(11) : c.read_until("0\r\n\r\n");
      c.send(ok("thanks"));
      c.wait_for_close();
    });
    Bench bench(loopback(origin.port()));
    Pieces source;
    if (sized) source.total = 11;
    auto request = put(&source);
    request.stall_timeout = request.answer_timeout = milliseconds(100);  // not while we wait
    Recorder got;
    const auto id = bench.upstream().start(std::move(request), got);
    ASSERT_TRUE(bench.run_until([&] { return source.reads == 1; }));
    bench.run_for(milliseconds(150));
    EXPECT_EQ(source.reads, 1) << "it is not asked before it says so";
    source.ready.push_back("hello ");
    bench.upstream().resume_upload(id);
    bench.run_for(milliseconds(20));
    source.ready.push_back("world");
    source.done = true;
    bench.upstream().resume_upload(id);
    bench.upstream().resume_upload(id);
    ASSERT_TRUE(bench.run_until([&] { return got.ended(); }));
    EXPECT_EQ(name_of(got.end()), "complete") << got.outcome.detail;
    EXPECT_EQ(got.body, "thanks");
    EXPECT_EQ(got.outcome.sent_bytes, 11U);
    if (sized) {
      EXPECT_EQ(came, "hello world");
    } else {
      EXPECT_EQ(came, "6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n");
      EXPECT_NE(head.find("Transfer-Encoding: chunked\r\n"), std::string::npos) << head;
    }
  }
}

TEST(UpstreamFlow, ASourceThatFailsEndsTheUpload) {
  const auto swallow = [](OriginConnection& c) {
    c.read_head();
    c.wait_for_close();
  };
  for (const auto last : {BodySource::State::failed, BodySource::State::end}) {
    ScriptedOrigin origin(swallow);
    Bench bench(loopback(origin.port()));
    Pieces source;
    source.total = 100;
    source.ready.push_back("too short");
    source.done = true;
    source.last = last;
    Recorder got;
    bench.fetch(put(&source), got);
    EXPECT_EQ(name_of(got.end()), "source_failed");
    EXPECT_EQ(bench.upstream().health().state(), OriginState::closed) << "not the origin's fault";
  }
}

TEST(UpstreamFlow, AnOriginThatTakesNothingIsSilent) {
  ScriptedOrigin origin([](OriginConnection& c) {
    c.read_head();
    std::this_thread::sleep_for(milliseconds(400));
  });
  Bench bench(loopback(origin.port()));
  auto request = put(nullptr);
  request.body = pattern(30'000'000);
  request.stall_timeout = milliseconds(100);
  Recorder got;
  bench.fetch(std::move(request), got);
  EXPECT_EQ(name_of(got.end()), "stalled");
  EXPECT_EQ(bench.upstream().health().reason(), OriginEvidence::silent);
}

TEST(UpstreamFlow, AnEarlyAnswerEndsAnUpload) {  // RFC 9110 section 15.5.14
  ScriptedOrigin origin([](OriginConnection& c) {
    c.read_head();
    c.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    c.half_close();
    c.wait_for_close();
  });
  Bench bench(loopback(origin.port()));
  Pieces source;
  source.ready.push_back("start");
  Recorder got;
  bench.fetch(put(&source), got);
  EXPECT_EQ(name_of(got.end()), "complete") << got.outcome.detail;
  EXPECT_EQ(got.head.status, 413);
  EXPECT_EQ(got.body, "no");
}

TEST(UpstreamFlow, HonoursExpectContinue) {
  std::string came;
  ScriptedOrigin origin([&](OriginConnection& c) {
    const auto head = c.read_head();
    if (head.find("Expect: 100-continue\r\n") == std::string::npos) return;
    c.send("HTTP/1.1 100 Continue\r\n\r\n");
    came = c.read(5);
    c.send(ok("x"));
    c.wait_for_close();
  });
  Bench bench(loopback(origin.port()));
  auto request = put(nullptr);
  request.body = "hello";
  request.fields.add("Expect", "100-continue");
  Recorder got;
  bench.fetch(std::move(request), got);
  EXPECT_EQ(name_of(got.end()), "complete");
  EXPECT_EQ(came, "hello");
  ASSERT_EQ(got.interims.size(), 1U);
  EXPECT_EQ(got.interims[0].status, 100);
}

// --- bandwidth

TEST(UpstreamFlow, SharesTheBandwidth) {
  const auto body = pattern(150'000);
  ScriptedOrigin origin([&](OriginConnection& c) {
    while (!c.read_head().empty()) c.send(ok(body));
  });
  Bench bench(loopback(origin.port()), 1'000'000);  // bytes a second
  std::vector<Recorder> got(4);
  const auto start = Clock::now();
  for (auto& one : got) {
    auto request = get();
    request.stall_timeout = milliseconds(5'000);
    bench.upstream().start(std::move(request), one);
  }
  std::vector<size_t> half;
  ASSERT_TRUE(bench.run_until([&] {
    size_t all = 0;
    for (const auto& one : got) all += one.body.size();
    if (half.empty() && all >= 300'000)
      for (const auto& one : got) half.push_back(one.body.size());
    return std::all_of(got.begin(), got.end(), [](auto& g) { return g.ended(); });
  }));
  const auto took = std::chrono::duration<double>(Clock::now() - start).count();
  // 600,000 bytes less a burst of 100,000 and a piece each that is not waited for.
  EXPECT_GE(took, 0.42);
  for (const auto& one : got) {
    EXPECT_EQ(name_of(one.end()), "complete");
    EXPECT_TRUE(one.body == body);
  }
  EXPECT_GT(bench.throttle().waits(), 0U);
  EXPECT_EQ(bench.throttle().waiting(), 0U);
  for (const size_t size : half) EXPECT_GT(size, 30'000U) << "each has its turn";
}

TEST(UpstreamFlow, UploadsTakeTheirTurnBesideDownloads) {
  const auto body = pattern(200'000);
  ScriptedOrigin origin([&](OriginConnection& c) {
    for (;;) {
      const auto head = c.read_head();
      if (head.empty()) return;
      if (head.starts_with("PUT")) {
        EXPECT_TRUE(c.read(body.size()) == body);
        c.send(ok("taken"));
      } else {
        c.send(ok(body));
      }
    }
  });
  Bench bench(loopback(origin.port()), 1'000'000);
  Recorder down, up;
  auto request = put(nullptr);
  request.body = body;
  const auto start = Clock::now();
  bench.upstream().start(get(), down);
  bench.upstream().start(std::move(request), up);
  ASSERT_TRUE(bench.run_until([&] { return down.ended() && up.ended(); }));
  EXPECT_GE(std::chrono::duration<double>(Clock::now() - start).count(), 0.2);
  EXPECT_EQ(name_of(up.end()), "complete") << up.outcome.detail;
  EXPECT_TRUE(down.body == body);
}

TEST(UpstreamFlow, CancelledWhileItWaitsForItsTurn) {
  const auto body = pattern(400'000);
  ScriptedOrigin origin([&](OriginConnection& c) {
    while (!c.read_head().empty()) c.send(ok(body));
  });
  Bench bench(loopback(origin.port()), 300'000);
  Recorder a, b;
  const auto id = bench.upstream().start(get(), a);
  bench.upstream().start(get(), b);
  ASSERT_TRUE(bench.run_until([&] { return bench.throttle().waiting() == 2; }));
  bench.upstream().cancel(id);
  EXPECT_EQ(bench.throttle().waiting(), 1U);
  const auto had = a.body.size();
  ASSERT_TRUE(bench.run_until([&] { return b.body.size() > 60'000; }));
  EXPECT_EQ(a.body.size(), had);
}

TEST(UpstreamFlow, PausedByHandAndByTheLimitAtOnce) {
  const auto body = pattern(200'000);
  ScriptedOrigin origin([&](OriginConnection& c) {
    while (!c.read_head().empty()) c.send(ok(body));
  });
  Bench bench(loopback(origin.port()), 1'000'000);
  Recorder got;
  const auto id = bench.upstream().start(get(), got);
  int pieces = 0;
  bool paused = false;
  got.at_body = [&] {
    if (++pieces % 3 != 0) return;
    bench.upstream().pause(id);
    paused = true;
  };
  for (;;) {
    ASSERT_TRUE(bench.run_until([&] { return got.ended() || paused; }));
    if (got.ended()) break;
    const auto held = got.body.size();
    bench.run_for(milliseconds(25));
    EXPECT_EQ(got.body.size(), held);
    paused = false;
    bench.upstream().resume(id);
  }
  EXPECT_EQ(name_of(got.end()), "complete");
  EXPECT_TRUE(got.body == body);
}

}  // namespace
}  // namespace holdfast::provision
