// SPDX-License-Identifier: Apache-2.0
// A centre that is away, hangs, answers errors, or denies what it had.
#include <thread>

#include "provision-proxy/proxy/gone_watch.hh"
#include "tests/provision-proxy/proxy/flow_fixture.hh"

namespace holdfast::provision {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

milliseconds since(Clock::time_point begin) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
}

bool hang(OriginConnection& c, const std::string&) {
  c.wait_for_close();
  return false;
}

TEST_F(FlowTest, RefusedGivesWhatIsKept) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  ask(kConfig);
  kill_centre();
  const auto got = ask(kConfig);
  EXPECT_EQ(got.brief(), "200 " + master(kMac));
  EXPECT_EQ(got.how(), "Holdfast; fwd=stale; detail=refused");
  EXPECT_TRUE(got.fields.has("Age"));
  ASSERT_TRUE(run_until([&] { return !upstream().health().admits(); }));
  EXPECT_EQ(ask(kConfig).how(), "Holdfast; hit; detail=unreachable");
  EXPECT_EQ(count(FlowCount::stale), 2U);
}

TEST_F(FlowTest, RefusedWithNothingKeptIs504) {
  start_refused();
  const auto got = ask(kConfig);
  EXPECT_EQ(got.status, 504);
  EXPECT_EQ(got.how(), "Holdfast; fwd=miss; detail=refused");
  EXPECT_EQ(got.field("Cache-Control"), "no-store");
  const auto head = ask(kConfig, {}, "HEAD");
  EXPECT_EQ(head.brief(), "504");
  EXPECT_EQ(count(FlowCount::unavailable), 2U);
}

TEST_F(FlowTest, OpenBreakerAnswersWithoutWaiting) {
  start();
  centre_says(ok(master(kMac)));
  ask(kConfig);
  unix_ms_ += 10 * kMinute_ms;
  open_breaker();
  const auto before = upstream().status().started;
  const auto got = begin(kConfig);
  EXPECT_TRUE(got->done()) << "before handle() returns";
  EXPECT_EQ(got->brief(), "200 " + master(kMac));
  EXPECT_EQ(got->field("Age"), "600");
  const auto nothing = begin("/not-kept.cfg");
  EXPECT_EQ(nothing->status, 504);
  EXPECT_EQ(upstream().status().started, before);
}

TEST_F(FlowTest, BackAgainItIsAskedAgain) {
  start();
  centre_says(ok(master(kMac, "one")));
  ask(kConfig);
  unix_ms_ += kMinute_ms;
  open_breaker();
  centre_says(ok(master(kMac, "two")));
  revive_centre();
  ASSERT_TRUE(run_until([&] { return upstream().health().admits(); }));
  EXPECT_EQ(ask(kConfig).body, master(kMac, "two"));
}

TEST_F(FlowTest, AHangingCentreIsWaitedForAnswerMsAndNoLonger) {
  config_.answer_ms = 150;
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  ask(kConfig);
  centre(hang);
  const auto begun = Clock::now();
  const auto first = begin(kConfig);
  run_until([] { return false; }, milliseconds(75));
  const auto second = begin(kConfig);
  EXPECT_FALSE(second->done());
  ASSERT_TRUE(run_until([&] { return first->done() && second->done(); }));
  EXPECT_GE(since(begun), milliseconds(149));
  EXPECT_LT(since(begun), milliseconds(2000));
  EXPECT_EQ(first->brief(), "200 " + master(kMac));
  EXPECT_EQ(second->brief(), "200 " + master(kMac));
  ASSERT_TRUE(run_until([&] { return !upstream().health().admits(); }));
}

// Its head came in time, its body drips: nobody waits longer than for the head.
TEST_F(FlowTest, ABodyThatDripsIsNotWaitedFor) {
  config_.answer_ms = 100;
  start();
  centre_says(ok(master(kMac, "one")));
  ask(kConfig);
  unix_ms_ += kMinute_ms;
  std::atomic<bool> go{false};
  centre([&](OriginConnection& c, const std::string&) {
    const auto answer = ok(master(kMac, "two"));
    c.send(answer.substr(0, 100));
    for (int i = 0; i < 5000 && !go; ++i) std::this_thread::sleep_for(milliseconds(2));
    return c.send(answer.substr(100));
  });
  const auto first = ask(kConfig);
  EXPECT_EQ(first.body, master(kMac, "one"));
  EXPECT_EQ(first.how(), "Holdfast; fwd=stale; detail=slow");
  const auto late = begin(kConfig);
  ASSERT_TRUE(run_until([&] { return late->done(); }, milliseconds(2000)));
  EXPECT_EQ(late->body, master(kMac, "one")) << "who comes later is not held";
  go = true;
  ASSERT_TRUE(settle());
  EXPECT_EQ(ask(kConfig).body, master(kMac, "two")) << "it was stored behind them";
}

TEST_F(FlowTest, AnErrorWithACopyGivesTheCopy) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  ask(kConfig);
  for (const std::string_view status :
       {"500 Oops", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"}) {
    centre_says(with_status(status, "sorry"));
    const auto got = ask(kConfig);
    EXPECT_EQ(got.brief(), "200 " + master(kMac)) << status;
    EXPECT_EQ(got.how(), "Holdfast; fwd=stale; detail=error");
  }
}

TEST_F(FlowTest, AnErrorWithoutACopyPasses) {
  start();
  centre_says(with_status("503 Service Unavailable", "sorry", "Retry-After: 5\r\n"));
  const auto got = ask(kConfig);
  EXPECT_EQ(got.brief(), "503 sorry");
  EXPECT_EQ(got.field("Retry-After"), "5");
  EXPECT_EQ(count(FlowCount::stored), 0U);
}

TEST_F(FlowTest, A404IsKeptAndGivenWhileTheCentreIsAway) {
  start();
  centre_says(with_status("404 Not Found", "none"));
  EXPECT_EQ(ask(kConfig).brief(), "404 none");
  EXPECT_EQ(ask(kConfig).how(), "Holdfast; hit") << "within the interval";
  open_breaker();
  unix_ms_ += 10 * kMinute_ms;
  EXPECT_EQ(ask(kConfig).brief(), "404 none");
}

TEST_F(FlowTest, AKept404GivesWayToTheFile) {
  start();
  centre_says(with_status("404 Not Found", "none"));
  ask(kConfig);
  centre_says(ok(master(kMac)));
  unix_ms_ += kMinute_ms;
  EXPECT_EQ(ask(kConfig).body, master(kMac));
}

TEST_F(FlowTest, A404AfterAGoodOneIsNotBelievedAtOnce) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  ask(kConfig);
  centre_says(with_status("404 Not Found", "none"));
  for (int i = 0; i < 5; ++i) {
    const auto got = ask(kConfig);
    EXPECT_EQ(got.brief(), "200 " + master(kMac));
    EXPECT_EQ(got.how(), "Holdfast; fwd=stale; detail=gone");
    unix_ms_ += kMinute_ms;
  }
  EXPECT_EQ(alarms(AlarmKind::gone), 5U);
  unix_ms_ += kGoneOver_ms;
  EXPECT_EQ(ask(kConfig).brief(), "404 none") << "said for a day";
  unix_ms_ += kMinute_ms;
  EXPECT_EQ(ask(kConfig).brief(), "404 none") << "and from then on";
  EXPECT_EQ(ask(kConfig).brief(), "404 none");
  centre_says(ok(master(kMac, "two")));
  unix_ms_ += kMinute_ms;
  EXPECT_EQ(ask(kConfig).body, master(kMac, "two"));
}

TEST_F(FlowTest, TheWatchOutlastsRestarts) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  ask(kConfig);
  centre_says(with_status("404 Not Found", "none"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(kConfig).status, 200);
    restart();
  }
  unix_ms_ += kGoneOver_ms;
  EXPECT_EQ(ask(kConfig).brief(), "404 none") << "said for a day";
}

TEST_F(FlowTest, A404InBetweenStartsTheWatchAnew) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  ask(kConfig);
  for (int i = 0; i < 6; ++i) {
    centre_says(with_status("404 Not Found", "none"));
    EXPECT_EQ(ask(kConfig).status, 200);
    unix_ms_ += kGoneOver_ms;
    centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
    EXPECT_EQ(ask(kConfig).status, 200);
  }
}

struct EndCase {
  std::string_view answer;  // then it closes
  int status;
  std::string_view detail;
};
const EndCase kEnds[] = {
    {"", 502, "closed"},
    {"SSH-2.0-OpenSSH_9.2\r\n", 502, "protocol"},
    {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", 502, "protocol"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 502, "protocol"},
};

TEST_F(FlowTest, AnAnswerThatIsNoneIs502WhereNothingIsKept) {
  start();
  for (const auto& row : kEnds) {
    centre([&](OriginConnection& c, const std::string&) {
      c.send(row.answer);
      return false;
    });
    for (const std::string_view method : {"GET", "HEAD", "PUT"}) {
      const auto got = ask("/a.cfg", {}, method);
      EXPECT_EQ(got.status, row.status) << row.answer << method;
      EXPECT_EQ(got.how(), "Holdfast; fwd=miss; detail=" + std::string(row.detail)) << method;
      EXPECT_EQ(got.body.empty(), method == "HEAD");
      centre_says(ok("b=1\n"));  // in between, else the breaker has its doubts
      ask("/b.cfg");
      centre([&](OriginConnection& c, const std::string&) {
        c.send(row.answer);
        return false;
      });
    }
  }
  centre([](OriginConnection& c, const std::string&) {
    c.send("HTTP/1.1 200 OK\r\nX: " + std::string(300'000, 'x') + "\r\n\r\n");
    return false;
  });
  EXPECT_EQ(ask("/c.cfg").status, 502) << "a head without end";
  centre_says(ok("a=1\n"));
  EXPECT_EQ(ask("/a.cfg").status, 200);
}

TEST_F(FlowTest, ACentreThatClosesEachTimeIsKnownToBeAway) {
  start();
  centre_says(ok(master(kMac)));
  ask(kConfig);
  ASSERT_TRUE(settle());
  unix_ms_ += kMinute_ms;
  kill_centre();
  // Not our fixture's centre, which answers probes.
  const ScriptedOrigin closer([](OriginConnection& c) { c.read_head(); }, nullptr, "127.0.0.1",
                              upstream().config().port);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(upstream().health().admits()) << i;
    EXPECT_EQ(ask(kConfig).how(), "Holdfast; fwd=stale; detail=closed");
    run_until([] { return false; }, milliseconds(5));
  }
  EXPECT_FALSE(upstream().health().admits());
  EXPECT_EQ(ask(kConfig).how(), "Holdfast; hit; detail=unreachable");
}

TEST_F(FlowTest, ACentreThatClosesOnOneFileAloneIsFoundToBeThere) {
  start();
  centre([](OriginConnection&, const std::string&) { return false; });
  for (int i = 0; i < 3; ++i) {
    ask(kConfig);
    run_until([] { return false; }, milliseconds(5));
  }
  EXPECT_TRUE(run_until([&] { return upstream().health().admits(); }));
  EXPECT_EQ(upstream().health().probes(), 1U) << "at once: the interval is none of ours";
}

struct ContractCase {
  std::string_view cache_control;
  config::StoreContract store;
  config::StaleContract stale;
  int offline;
};
constexpr auto kByRfc = config::StoreContract::kRfc;
constexpr auto kAlways = config::StoreContract::kAlways;
constexpr auto kStaleByRfc = config::StaleContract::kRfc;
constexpr auto kOnUnreachable = config::StaleContract::kOnUnreachable;
const ContractCase kContracts[] = {
    {"", kByRfc, kStaleByRfc, 200},
    {"no-store", kByRfc, kStaleByRfc, 504},
    {"private", kByRfc, kStaleByRfc, 504},
    {"must-revalidate", kByRfc, kStaleByRfc, 504},
    {"max-age=60, must-revalidate", kByRfc, kStaleByRfc, 504},
    {"max-age=60, proxy-revalidate", kByRfc, kStaleByRfc, 504},
    {"no-cache", kByRfc, kStaleByRfc, 504},
    {"s-maxage=60", kByRfc, kStaleByRfc, 504},
    {"max-age=60", kByRfc, kStaleByRfc, 200},
    {"max-age=3600, must-revalidate", kByRfc, kStaleByRfc, 200},  // fresh still
    {"must-revalidate", kByRfc, kOnUnreachable, 200},
    {"no-store", kByRfc, kOnUnreachable, 504},  // what is not kept cannot be given
    {"no-store", kAlways, kStaleByRfc, 504},
    {"no-store", kAlways, kOnUnreachable, 200},
    {"private, no-cache, must-revalidate", kAlways, kOnUnreachable, 200},
};

TEST_F(FlowTest, TheContractSaysWhatIsGivenWhileTheCentreIsAway) {
  start();
  for (const auto& row : kContracts) {
    config_.store = row.store;
    config_.serve_stale = row.stale;
    const std::string target = "/" + std::to_string(&row - kContracts) + ".cfg";
    centre_says(ok("a=1\n", "Cache-Control: " + std::string(row.cache_control) + "\r\n"));
    EXPECT_EQ(ask(target).status, 200);
    ASSERT_TRUE(settle());
    unix_ms_ += 10 * kMinute_ms;
    kill_centre();
    const std::string what = std::string(row.cache_control) + " " +
                             std::string(to_string(row.store)) + " " +
                             std::string(to_string(row.stale));
    EXPECT_EQ(ask(target).status, row.offline) << what << ", the first one";
    ASSERT_TRUE(run_until([&] { return !upstream().health().admits(); }));
    EXPECT_EQ(ask(target).status, row.offline) << what << ", breaker open";
    revive_centre();
    ASSERT_TRUE(run_until([&] { return upstream().health().admits(); }));
  }
}

}  // namespace
}  // namespace holdfast::provision
