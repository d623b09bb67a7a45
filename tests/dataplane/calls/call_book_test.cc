// SPDX-License-Identifier: Apache-2.0
// Calls over their life, on running lcores, with next hops in the test's hands.
#include "dataplane/calls/call_book.hh"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

using control::ErrorCode;
using test_rig::Rig;
using test_rig::RigOptions;
using test_rig::Running;

// Answers when told to.
class FakeNextHops : public NextHops {
 public:
  int fd() const override { return -1; }
  void on_readable() override {}
  void on_timer(uint64_t) override {}
  bool watch(uint32_t token, unsigned ifindex, const IpAddress& destination) override {
    watched[token] = {ifindex, destination};
    return true;
  }
  bool watch_later(uint32_t token, unsigned ifindex, const IpAddress& destination) override {
    return watch(token, ifindex, destination);
  }
  void unwatch(uint32_t token) override { watched.erase(token); }
  bool add_static(unsigned, const IpAddress&, const MacAddress&) override { return true; }
  std::optional<Answer> answer(uint32_t token) const override {
    const auto found = watched.find(token);
    if (found == watched.end()) return std::nullopt;
    return Answer{found->second.second, known};
  }
  NextHopStats stats() const override { return {}; }

  std::map<uint32_t, std::pair<unsigned, IpAddress>> watched;
  NextHop known;  // of everybody
};

class CallBookTest : public ::testing::Test {
 protected:
  explicit CallBookTest(const RigOptions& options = {}) : rig(options), running(rig) {
    std::vector<CoreLine*> raw;
    for (uint32_t i = 0; i < options.cores; ++i) {
      lines.push_back(std::make_unique<CoreLine>(rig.core(i), rig.board().core_bell(i)));
      raw.push_back(lines.back().get());
    }
    book = std::make_unique<CallBook>(
        rig.board(), raw, std::vector<BookInterface>{{"lan", 7}, {"wan", 8}}, options.max_legs);
    book->set_next_hops(&next_hops);
  }

  static control::CallAdd request(const std::string& key) {
    control::CallAdd add;
    add.call = key;
    add.legs[0].interface = "lan";
    add.legs[0].remote = SocketAddress::parse("198.18.1.10:4000");
    add.legs[1].interface = "wan";
    add.legs[1].remote = SocketAddress::parse("198.18.3.10:30000");
    return add;
  }

  Rig rig;
  Running running;
  FakeNextHops next_hops;
  std::vector<std::unique_ptr<CoreLine>> lines;
  std::unique_ptr<CallBook> book;
};

TEST_F(CallBookTest, AddsAsksForNextHopsAndReports) {
  const auto added = book->add(request("a"));
  ASSERT_TRUE(added) << added.error().message;
  ASSERT_EQ(added->legs.size(), 2u);
  EXPECT_EQ(added->legs[0].local.to_string(), "198.18.1.2:20000");
  EXPECT_EQ(added->legs[0].local_rtcp.to_string(), "198.18.1.2:20001");
  EXPECT_EQ(added->legs[1].local.to_string(), "198.18.2.2:20000");
  EXPECT_EQ(added->legs[0].mark.dscp, 46);
  EXPECT_EQ(added->legs[1].mark.dscp, 46);
  EXPECT_EQ(added->legs[0].next_hop.state, "resolving");
  EXPECT_EQ(book->legs_in_use(), 2u);
  ASSERT_EQ(next_hops.watched.size(), 4u) << "RTP and RTCP of both legs";

  NextHop hop{.state = NextHopState::resolved,
              .mac = *MacAddress::parse("02:00:00:00:00:a0"),
              .gateway = {}};
  next_hops.known = hop;
  for (const auto& [token, what] : next_hops.watched) book->on_next_hop(token, hop);
  book->flush();
  const auto page = book->list({});
  ASSERT_TRUE(page);
  EXPECT_NE(page->to_json().find("\"resolved\""), std::string::npos);
}

TEST_F(CallBookTest, RefusalsHaveTheirCodesAndTakeNothing) {
  auto with = [](auto change) {
    control::CallAdd add = request("x");
    change(add);
    return add;
  };
  const std::pair<control::CallAdd, ErrorCode> rows[] = {
      {with([](auto& a) { a.legs[1].interface = "dmz"; }), ErrorCode::kUnknownInterface},
      {with([](auto& a) { a.legs[1].local_port = 30000; }), ErrorCode::kBadLocalPort},
      {with([](auto& a) { a.legs[1].remote_rtcp = SocketAddress::parse("[2001:db8::1]:5"); }),
       ErrorCode::kBadRequest},
  };
  for (const auto& [add, code] : rows) {
    const auto answer = book->add(add);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, code) << answer.error().message;
  }
  ASSERT_TRUE(book->add(request("x")));
  EXPECT_EQ(book->add(request("x")).error().code, ErrorCode::kCallExists);
  EXPECT_EQ(book->remove("y").error().code, ErrorCode::kUnknownCall);
  control::LegUpdate nobody;
  nobody.leg = 60;
  EXPECT_EQ(book->update(nobody).error().code, ErrorCode::kUnknownLeg);
  EXPECT_EQ(book->legs_in_use(), 2u);
}

TEST_F(CallBookTest, APortThatWasAskedForIsGivenOnce) {
  control::CallAdd add = request("a");
  add.legs[0].local_port = 20040;
  const auto first = book->add(add);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->legs[0].local.port, 20040);
  add.call = "b";
  EXPECT_EQ(book->add(add).error().code, ErrorCode::kPortTaken);
  ASSERT_TRUE(book->remove("a"));
  EXPECT_TRUE(book->add(add));
}

TEST_F(CallBookTest, FillsUpToMaxLegsRefusesAndRecovers) {
  for (int i = 0; i < 32; ++i) ASSERT_TRUE(book->add(request("c" + std::to_string(i)))) << i;
  EXPECT_EQ(book->legs_in_use(), 64u);
  EXPECT_EQ(book->add(request("more")).error().code, ErrorCode::kNoFreeLeg);
  ASSERT_TRUE(book->remove("c7"));
  EXPECT_TRUE(book->add(request("more")));
}

TEST_F(CallBookTest, ARemoteThatMovesIsWatchedAnew) {
  const auto added = book->add(request("a"));
  ASSERT_TRUE(added);
  control::LegUpdate update;
  update.leg = added->legs[0].leg;
  update.remote = SocketAddress::parse("198.18.1.55:6000");
  const auto updated = book->update(update);
  ASSERT_TRUE(updated);
  EXPECT_EQ(updated->remote->to_string(), "198.18.1.55:6000");
  EXPECT_EQ(updated->remote_rtcp->to_string(), "198.18.1.55:6001");
  EXPECT_EQ(next_hops.watched[update.leg * 2].second.to_string(), "198.18.1.55");
  update.remote = SocketAddress::parse("[2001:db8::1]:6000");
  EXPECT_FALSE(book->update(update)) << "another family than the leg's address";
}

TEST_F(CallBookTest, ARemoteThatIsClearedIsWatchedNoMore) {
  const auto added = book->add(request("a"));
  ASSERT_TRUE(added);
  control::LegUpdate update;
  update.leg = added->legs[0].leg;
  update.clear_remote = true;
  update.rtcp_mux = true;
  const auto cleared = book->update(update);
  ASSERT_TRUE(cleared);
  EXPECT_FALSE(cleared->remote || cleared->remote_rtcp);
  EXPECT_EQ(cleared->next_hop.state, "unknown");
  EXPECT_EQ(cleared->local_rtcp, cleared->local);
  EXPECT_EQ(next_hops.watched.size(), 2u) << "the other leg's";
}

TEST_F(CallBookTest, LearnedAddressesAreWatched) {
  control::CallAdd add = request("a");
  add.legs[0].remote.reset();
  const auto added = book->add(add);
  ASSERT_TRUE(added);
  EXPECT_EQ(next_hops.watched.size(), 2u);
  const LegIndex leg = added->legs[0].leg;
  book->on_path_event({1, leg, PathKind::rtp, *SocketAddress::parse("198.18.1.10:4000")});
  EXPECT_EQ(next_hops.watched[leg * 2].first, 7u);
  ASSERT_TRUE(book->remove("a"));
  EXPECT_TRUE(next_hops.watched.empty());
  book->on_path_event({1, leg, PathKind::rtp, *SocketAddress::parse("198.18.1.10:4000")});
  EXPECT_TRUE(next_hops.watched.empty()) << "an event of a call that has ended";
}

TEST_F(CallBookTest, KeepsReportsOfEndedCallsBounded) {
  for (size_t i = 0; i < CallBook::kFinishedCalls + 10; ++i) {
    const std::string key = "c" + std::to_string(i);
    ASSERT_TRUE(book->add(request(key)));
    const auto last = book->remove(key);
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->ended_ms);
  }
  EXPECT_EQ(book->legs_in_use(), 0u);
  control::CallList ask;
  ask.finished = true;
  ask.limit = 1;
  const std::string page = book->list(ask)->to_json();
  EXPECT_NE(page.find("\"c10\""), std::string::npos) << page;
}

TEST_F(CallBookTest, PagesOfEndedCallsGoByTheirEnd) {
  ASSERT_TRUE(book->add(request("long")));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(book->add(request("short" + std::to_string(i))));
    ASSERT_TRUE(book->remove("short" + std::to_string(i)));
  }
  ASSERT_TRUE(book->remove("long"));
  control::CallList ask;
  ask.finished = true;
  ask.after = 3;  // the three short ones have been read
  EXPECT_NE(book->list(ask)->to_json().find("\"long\""), std::string::npos);
}

TEST_F(CallBookTest, ANewRtpAddressTakesRtcpAlong) {
  control::CallAdd add = request("a");
  add.legs[0].remote_rtcp = SocketAddress::parse("198.18.1.10:9999");
  const auto added = book->add(add);
  ASSERT_TRUE(added);
  control::LegUpdate update;
  update.leg = added->legs[0].leg;
  update.remote = SocketAddress::parse("198.18.1.11:5000");
  EXPECT_EQ(book->update(update)->remote_rtcp->to_string(), "198.18.1.11:5001");
}

// Packets of one stream that arrive at the LAN.
void speak(Rig& rig, uint16_t to_port, uint16_t from, uint16_t to, uint32_t ssrc = 7) {
  for (uint16_t seq = from; seq < to; ++seq) {
    test::UdpFrame frame;
    frame.destination.port = to_port;
    frame.payload = test::rtp(seq, seq * 160u, ssrc);
    while (!rig.arrive(0, test::build(frame))) std::this_thread::yield();
  }
}

class MinutesTest : public CallBookTest {
 protected:
  static constexpr uint64_t kMinute = 60'000;
  static constexpr uint64_t kNoon = 29'000'000 * kMinute;

  // Until the packet loop has come round to all that arrived.
  void wait_for(uint64_t packets) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (rig.sum(0, &PortCounters::rx) < packets && std::chrono::steady_clock::now() < end)
      std::this_thread::yield();
  }
  std::vector<control::MinuteRecord> records() {
    return book->minutes().list({.after = 0, .epoch = {}, .limit = 1024}).records;
  }
};

TEST_F(MinutesTest, EachMinuteOfEachCallIsKeptAndTheLastPart) {
  book->take_minutes(kNoon);
  const auto a = book->add(request("a"));
  const auto b = book->add(request("b"));
  ASSERT_TRUE(a && b);
  speak(rig, a->legs[0].local.port, 0, 10);
  speak(rig, b->legs[0].local.port, 0, 4);
  wait_for(14);
  book->take_minutes(kNoon + kMinute - 1);
  EXPECT_TRUE(records().empty()) << "the minute has not ended";
  book->take_minutes(kNoon + kMinute);
  ASSERT_EQ(records().size(), 2u);
  EXPECT_EQ(records()[0].call, "a");
  EXPECT_EQ(records()[0].interface, "lan");
  EXPECT_EQ(records()[0].ssrc, 7u);
  EXPECT_EQ(records()[0].minute_s, kNoon / 1000);
  EXPECT_EQ(records()[0].received, 10u);
  EXPECT_EQ(records()[1].received, 4u);

  speak(rig, a->legs[0].local.port, 15, 20);
  wait_for(19);
  ASSERT_TRUE(book->remove("a"));
  ASSERT_EQ(records().size(), 3u);
  const control::MinuteRecord last = records()[2];
  EXPECT_EQ(last.minute_s, (kNoon + kMinute) / 1000);
  EXPECT_EQ(last.expected, 10u);
  EXPECT_EQ(last.lost, 5u);
  EXPECT_EQ(last.longest_loss_run, 5u);
  book->take_minutes(kNoon + 2 * kMinute);
  EXPECT_EQ(records().size(), 3u) << "b was silent, a is gone";
}

TEST_F(MinutesTest, AClockThatStepsBackEndsTheMinute) {
  book->take_minutes(kNoon);
  const auto a = book->add(request("a"));
  speak(rig, a->legs[0].local.port, 0, 3);
  wait_for(3);
  book->take_minutes(kNoon - 10 * kMinute);
  ASSERT_EQ(records().size(), 1u);
  EXPECT_EQ(records()[0].minute_s, kNoon / 1000);
}

class TwoCoreBookTest : public CallBookTest {
 protected:
  TwoCoreBookTest() : CallBookTest({.cores = 2, .max_legs = 64}) {}
};

TEST_F(TwoCoreBookTest, ACallsLegsAndPortsBelongToOneLcore) {
  for (int i = 0; i < 32; ++i) {
    const auto added = book->add(request("c" + std::to_string(i)));
    ASSERT_TRUE(added);
    const uint32_t owner = rig.board().owner_of_leg(added->legs[0].leg);
    EXPECT_EQ(rig.board().owner_of_leg(added->legs[1].leg), owner);
    for (size_t port = 0; port < 2; ++port) {
      const PortFilter& filter = rig.board().ports()[port].filter;
      const auto [first, pairs] = rig.board().slice_of(filter, owner);
      EXPECT_GE(added->legs[port].local.port, first);
      EXPECT_LT(added->legs[port].local_rtcp.port, first + 2 * pairs);
    }
  }
}

// 25 calls on two lcores, and 5 on four: a slice is a whole number of calls, each lcore has its
// share.
TEST(CallBookWithOddSlices, EachCallIsOfOneLcoreAndEachLcoreHasSome) {
  for (const auto& [cores, legs] : {std::pair(2u, 50u), {4u, 10u}}) {
    Rig rig({.cores = cores, .max_legs = legs});
    const Running running(rig);
    std::vector<std::unique_ptr<CoreLine>> lines;
    std::vector<CoreLine*> raw;
    for (uint32_t core = 0; core < cores; ++core) {
      lines.push_back(std::make_unique<CoreLine>(rig.core(core), rig.board().core_bell(core)));
      raw.push_back(lines.back().get());
    }
    CallBook book(rig.board(), raw, {{"lan", 7}, {"wan", 8}}, legs);
    FakeNextHops next_hops;
    book.set_next_hops(&next_hops);
    control::CallAdd add;
    add.legs[0].interface = "lan";
    add.legs[1].interface = "wan";
    for (auto& leg : add.legs) leg.family = 4;
    std::vector<uint32_t> calls_of(cores, 0);
    for (uint32_t call = 0; call < legs / 2; ++call) {
      add.call = "c" + std::to_string(call);
      const auto added = book.add(add);
      ASSERT_TRUE(added) << added.error().message;
      const uint32_t owner = rig.board().owner_of_leg(added->legs[0].leg);
      EXPECT_EQ(rig.board().owner_of_leg(added->legs[1].leg), owner);
      ++calls_of[owner];
    }
    const auto [fewest, most] = std::minmax_element(calls_of.begin(), calls_of.end());
    EXPECT_GT(*fewest, 0u);
    EXPECT_LE(*most - *fewest, 1u);
    add.call = "one more";
    EXPECT_EQ(book.add(add).error().code, ErrorCode::kNoFreeLeg);
  }
}

// 50 pairs a slice: lcore 0 lends its last LAN port while it has the most free legs.
TEST(CallBookWithFewPorts, TheLcoreIsOneThatHasPorts) {
  Rig rig({.cores = 2, .max_legs = 400});
  const Running running(rig);
  CoreLine first(rig.core(0), rig.board().core_bell(0));
  CoreLine second(rig.core(1), rig.board().core_bell(1));
  CallBook book(rig.board(), {&first, &second}, {{"lan", 7}, {"wan", 8}}, 400);
  FakeNextHops next_hops;
  book.set_next_hops(&next_hops);
  control::CallAdd add;
  add.legs[0].interface = "lan";
  add.legs[0].family = 4;
  add.legs[1].interface = "wan";
  add.legs[1].family = 4;
  int added = 0;
  for (;; ++added) {
    add.call = "c" + std::to_string(added);
    if (added < 50) add.legs[0].local_port = static_cast<uint16_t>(20000 + 2 * added);
    if (added == 50) add.legs[0].local_port = 0;
    const auto answer = book.add(add);
    if (answer) continue;
    EXPECT_EQ(answer.error().code, ErrorCode::kNoFreePort) << answer.error().message;
    break;
  }
  EXPECT_EQ(added, 100) << "every port of both slices";
  add.legs[0].family = 6;
  EXPECT_EQ(book.add(add).error().code, ErrorCode::kNoFreePort) << "the WAN has none";
  add.legs[1].family = 6;
  EXPECT_TRUE(book.add(add));
}

// A call that a process with other lcores left; its legs are with the lcore of the first.
TEST_F(TwoCoreBookTest, PortsOfTwoSlicesAreACallToo) {
  control::CallAdd add = request("a");
  add.legs[0].local_port = 20000;
  add.legs[1].local_port = 20100;
  for (const char* life : {"first", "second"}) {
    const auto added = book->add(add);
    ASSERT_TRUE(added) << life << added.error().message;
    EXPECT_EQ(added->legs[0].local.port, 20000);
    EXPECT_EQ(added->legs[1].local.port, 20100);
    for (const auto& leg : added->legs) EXPECT_EQ(rig.board().owner_of_leg(leg.leg), 0u);
    EXPECT_EQ(book->add(add).error().code, ErrorCode::kCallExists);
    ASSERT_TRUE(book->remove("a"));
  }
  EXPECT_EQ(book->media_ports(0).lent + book->media_ports(1).lent, 0u);
}

TEST_F(CallBookTest, TwoLegsOfOneAddressNeedTwoPorts) {
  control::CallAdd add = request("x");
  add.legs[1] = add.legs[0];
  for (int i = 0; i < 32; ++i) {
    add.call = "c" + std::to_string(i);
    ASSERT_TRUE(book->add(add)) << i;
  }
}

TEST_F(TwoCoreBookTest, AListKeepsItsOrderOverLcoresAndPages) {
  std::vector<std::pair<LegIndex, std::string>> added;
  for (int i = 0; i < 32; ++i) {
    const std::string key = "c" + std::to_string(i);
    const auto call = book->add(request(key));
    ASSERT_TRUE(call);
    added.emplace_back(call->legs[0].leg, key);
  }
  std::sort(added.begin(), added.end());
  for (const uint32_t limit : {1u, 15u, 16u, 17u, 32u, 256u}) {
    std::vector<std::pair<LegIndex, std::string>> listed;
    control::CallList ask{.after = 0, .limit = limit, .finished = false};
    for (bool more = true; more;) {
      const auto page = nlohmann::json::parse(book->list(ask)->to_json());
      for (const auto& call : page["calls"])
        listed.emplace_back(call["legs"][0]["leg"], call["call"]);
      more = page.contains("next");
      if (more) ask.after = page["next"];
    }
    EXPECT_EQ(listed, added) << limit;
  }
}

TEST(CallBookBeforeTheLcoresRun, WhatIsAskedIsDoneByTheAsker) {
  Rig rig({.cores = 2, .max_legs = 8});
  CoreLine first(rig.core(0), rig.board().core_bell(0));
  CoreLine second(rig.core(1), rig.board().core_bell(1));
  CallBook book(rig.board(), {&first, &second}, {{"lan", 7}, {"wan", 8}}, 8);
  FakeNextHops next_hops;
  book.set_next_hops(&next_hops);
  for (CoreLine* line : {&first, &second}) line->serve_here(true);
  control::CallAdd add;
  add.legs[0].interface = "lan";
  add.legs[1].interface = "wan";
  for (const char* call : {"a", "b", "c"}) {
    add.call = call;
    ASSERT_TRUE(book.add(add));
  }
  EXPECT_TRUE(book.remove("b"));
  EXPECT_EQ(rig.core(0).legs_in_use() + rig.core(1).legs_in_use(), 4u);
  for (CoreLine* line : {&first, &second}) line->serve_here(false);
  const Running running(rig);
  EXPECT_TRUE(book.remove("a"));
  EXPECT_TRUE(book.remove("c"));
  EXPECT_EQ(rig.core(0).legs_in_use() + rig.core(1).legs_in_use(), 0u);
}

// An lcore that stops answering, and comes round.
TEST(CallBookWithAStuckLcore, LosesNoLegNoPortAndNoCount) {
  Rig rig({.cores = 1, .max_legs = 4});
  CoreLine line(rig.core(), rig.board().core_bell(0));
  CallBook book(rig.board(), {&line}, {{"lan", 7}, {"wan", 8}}, 4);
  FakeNextHops next_hops;
  book.set_next_hops(&next_hops);
  control::CallAdd add;
  add.call = "a";
  add.legs[0].interface = "lan";
  add.legs[1].interface = "wan";
  {
    Running running(rig);
    ASSERT_TRUE(book.add(add));
  }
  EXPECT_EQ(book.remove("a").error().code, ErrorCode::kBusy);
  add.call = "b";
  EXPECT_EQ(book.add(add).error().code, ErrorCode::kBusy) << "refused before anything is taken";
  {
    Running running(rig);
    while (!line.is_free()) std::this_thread::yield();
    const auto last = book.remove("a");
    ASSERT_TRUE(last) << last.error().message;
    EXPECT_EQ(last->legs[0].local.port, 20000);
    EXPECT_EQ(rig.core().legs_in_use(), 0u);
  }
  EXPECT_EQ(book.add(add).error().code, ErrorCode::kBusy) << "this one has legs in doubt";
  {
    Running running(rig);
    while (!line.is_free()) std::this_thread::yield();
    book.flush();
    EXPECT_EQ(rig.core().legs_in_use(), 0u);
    EXPECT_TRUE(book.add(add));
    add.call = "c";
    EXPECT_TRUE(book.add(add)) << "all four legs are there";
  }
}

}  // namespace
}  // namespace holdfast::dataplane
