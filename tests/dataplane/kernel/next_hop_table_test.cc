// SPDX-License-Identifier: Apache-2.0
// The next-hop table against a model of the kernel: sharing, pacing, debouncing, limits.
#include "dataplane/kernel/next_hop_table.hh"

#include <gtest/gtest.h>

#include <map>

namespace holdfast::dataplane {
namespace {

const MacAddress kMacA = *MacAddress::parse("02:00:00:00:00:0a");
const MacAddress kMacB = *MacAddress::parse("02:00:00:00:00:0b");

IpAddress ip(const std::string& text) {
  return *IpAddress::parse(text);
}

// The kernel as the table sees it; tests set its answers and put news into it.
struct ModelKernel : KernelTables {
  std::map<IpAddress, Route> routes;  // others: not found
  std::map<IpAddress, Neighbour> neighbours;
  std::vector<KernelNews> news;
  bool accepts_use = true;
  bool dumps = true;
  int questions = 0;
  std::map<IpAddress, int> uses;

  Route route(unsigned, const IpAddress& destination) override {
    ++questions;
    const auto found = routes.find(destination);
    return found == routes.end() ? Route{} : found->second;
  }
  Neighbour neighbour(unsigned ifindex, const IpAddress& address) override {
    const auto found = neighbours.find(address);
    return found == neighbours.end() ? Neighbour{ifindex, address, NeighbourState::unknown, {}}
                                     : found->second;
  }
  bool use(unsigned, const IpAddress& address) override {
    ++uses[address];
    return accepts_use;
  }
  bool for_each_neighbour(const std::function<void(const Neighbour&)>& call) override {
    for (const auto& [address, entry] : neighbours) call(entry);
    return dumps;
  }
  int fd() const override { return -1; }
  void receive(const std::function<void(const KernelNews&)>& call) override {
    for (const auto& n : std::exchange(news, {})) call(n);
  }
};

class Table : public ::testing::Test {
 protected:
  Table() {
    auto kernel = std::make_unique<ModelKernel>();
    model = kernel.get();
    table = std::make_unique<NextHopTable>(std::move(kernel),
                                           [this](uint32_t token, const NextHop& next) {
                                             ++calls;
                                             last[token] = next;
                                             if (during_call) during_call(token);
                                           });
    table->on_timer(1'000'000);
    model->routes[ip("198.18.1.2")] = {true, {}};
    model->routes[ip("198.18.5.5")] = {true, ip("198.18.1.254")};
  }

  void tell(const std::string& address, NeighbourState state, MacAddress mac = {}) {
    const Neighbour entry{1, ip(address), state, mac};
    model->neighbours[ip(address)] = entry;
    model->news.push_back({KernelNews::neighbour, entry});
    table->on_readable();
  }
  void pass(uint64_t ms) { table->on_timer(now += ms); }
  int uses(const std::string& address) { return model->uses[ip(address)]; }

  uint64_t now = 1'000'000;
  ModelKernel* model;
  std::map<uint32_t, NextHop> last;
  int calls = 0;
  std::function<void(uint32_t)> during_call;
  std::unique_ptr<NextHopTable> table;
};

TEST_F(Table, AsksAtOnceAndTellsWhenTheNeighbourAnswers) {
  EXPECT_TRUE(table->watch(7, 1, ip("198.18.1.2")));
  EXPECT_EQ(last[7], (NextHop{NextHopState::resolving, {}, {}}));
  EXPECT_EQ(uses("198.18.1.2"), 1);
  tell("198.18.1.2", NeighbourState::reachable, kMacA);
  EXPECT_EQ(last[7], (NextHop{NextHopState::resolved, kMacA, {}}));
  EXPECT_EQ(calls, 2);
  tell("198.18.1.2", NeighbourState::reachable, kMacA);
  EXPECT_EQ(calls, 2) << "no news, no call";
}

TEST_F(Table, GivesTheGatewayAndItsMac) {
  table->watch(7, 1, ip("198.18.5.5"));
  EXPECT_EQ(uses("198.18.1.254"), 1);
  EXPECT_EQ(uses("198.18.5.5"), 0);
  tell("198.18.1.254", NeighbourState::reachable, kMacA);
  EXPECT_EQ(last[7], (NextHop{NextHopState::resolved, kMacA, ip("198.18.1.254")}));
}

TEST_F(Table, NoRouteForWhatCannotBeSentTo) {
  for (const char* text : {"192.0.2.1", "0.0.0.0", "::", "224.0.0.1", "ff02::1"}) {
    table->watch(7, 1, ip(text));
    EXPECT_EQ(last[7].state, NextHopState::no_route) << text;
  }
  table->watch(7, 1, IpAddress{});
  EXPECT_EQ(last[7].state, NextHopState::no_route);
  EXPECT_EQ(model->questions, 1) << "only 192.0.2.1 is worth a question";
}

TEST_F(Table, EveryUsableStateGivesAMac) {
  uint32_t token = 1;
  for (const auto state :
       {NeighbourState::reachable, NeighbourState::stale, NeighbourState::fixed}) {
    const IpAddress address = ip("198.18.2." + std::to_string(token));
    model->routes[address] = {true, {}};
    model->neighbours[address] = {1, address, state, kMacA};
    table->watch(token, 1, address);
    EXPECT_EQ(last[token].state, NextHopState::resolved);
    EXPECT_EQ(uses(address.to_string()), state == NeighbourState::stale ? 1 : 0);
    ++token;
  }
}

TEST_F(Table, RefreshesEveryTwentySecondsButNeverAPermanentEntry) {
  table->watch(1, 1, ip("198.18.1.2"));
  table->watch(2, 1, ip("198.18.5.5"));
  tell("198.18.1.2", NeighbourState::reachable, kMacA);
  tell("198.18.1.254", NeighbourState::fixed, kMacB);
  model->uses.clear();
  for (int second = 1; second <= 60; ++second) pass(1'000);
  EXPECT_EQ(uses("198.18.1.2"), 3);
  EXPECT_EQ(uses("198.18.1.254"), 0);
}

TEST_F(Table, AFailedNeighbourIsAskedOnceASecond) {
  table->watch(1, 1, ip("198.18.1.2"));
  tell("198.18.1.2", NeighbourState::failed);
  EXPECT_EQ(last[1].state, NextHopState::unreachable);
  model->uses.clear();
  for (int tick = 0; tick < 100; ++tick) {
    pass(100);
    // Each attempt makes the kernel report failure again: that must not speed up the next.
    tell("198.18.1.2", NeighbourState::failed);
  }
  EXPECT_NEAR(uses("198.18.1.2"), 10, 1);
  EXPECT_EQ(calls, 2) << "stays unreachable, does not flap";
  tell("198.18.1.2", NeighbourState::reachable, kMacB);
  EXPECT_EQ(last[1], (NextHop{NextHopState::resolved, kMacB, {}}));
}

TEST_F(Table, ARefusedKickIsUnreachableAndCounted) {
  model->accepts_use = false;
  table->watch(1, 1, ip("198.18.1.2"));
  EXPECT_EQ(last[1].state, NextHopState::unreachable);
  EXPECT_EQ(table->stats().kicks_refused, 1u);
  model->accepts_use = true;
  pass(1'000);
  EXPECT_EQ(uses("198.18.1.2"), 2);
}

TEST_F(Table, AFlushedEntryKeepsItsMacUntilTheKernelGivesUp) {
  table->watch(1, 1, ip("198.18.1.2"));
  tell("198.18.1.2", NeighbourState::reachable, kMacA);
  pass(5'000);
  model->uses.clear();
  // As `ip neigh flush` is told: failed, then gone, and by the time it is heard it is gone.
  model->news.push_back({KernelNews::neighbour, {1, ip("198.18.1.2"), NeighbourState::failed, {}}});
  tell("198.18.1.2", NeighbourState::unknown);
  EXPECT_EQ(uses("198.18.1.2"), 1);
  EXPECT_EQ(last[1].state, NextHopState::resolved);
  tell("198.18.1.2", NeighbourState::incomplete);
  EXPECT_EQ(last[1].state, NextHopState::resolved);
  tell("198.18.1.2", NeighbourState::failed);
  EXPECT_EQ(last[1].state, NextHopState::unreachable);
}

TEST_F(Table, APeerThatFlipsItsMacCostsOneKickASecond) {
  table->watch(1, 1, ip("198.18.1.2"));
  for (int n = 0; n < 1'000; ++n) {
    tell("198.18.1.2", NeighbourState::stale, n % 2 == 0 ? kMacA : kMacB);
  }
  EXPECT_LE(uses("198.18.1.2"), 2);
  EXPECT_EQ(last[1].mac, kMacB);
}

TEST_F(Table, StaticNeighboursWin) {
  table->add_static(1, ip("192.0.2.9"), kMacA);  // no route to it, and none is needed
  table->watch(1, 1, ip("192.0.2.9"));
  EXPECT_EQ(last[1], (NextHop{NextHopState::resolved, kMacA, {}}));
  EXPECT_EQ(model->questions, 0);

  table->watch(2, 1, ip("198.18.5.5"));
  tell("198.18.1.254", NeighbourState::reachable, kMacA);
  table->add_static(1, ip("198.18.1.254"), kMacB);  // its gateway, while in use
  EXPECT_EQ(last[2], (NextHop{NextHopState::resolved, kMacB, ip("198.18.1.254")}));
  tell("198.18.1.254", NeighbourState::failed);
  EXPECT_EQ(last[2].mac, kMacB);
  model->uses.clear();
  pass(60'000);
  EXPECT_TRUE(model->uses.empty());

  table->watch(3, 2, ip("192.0.2.9"));  // of another device
  EXPECT_EQ(last[3].state, NextHopState::no_route);
}

TEST_F(Table, StaticNeighboursAreBounded) {
  for (size_t n = 0; n < NextHops::kMaxStaticNeighbours; ++n) {
    ASSERT_TRUE(table->add_static(static_cast<unsigned>(n + 1), ip("192.0.2.9"), kMacA));
  }
  EXPECT_FALSE(table->add_static(1, ip("192.0.2.10"), kMacA));
  EXPECT_TRUE(table->add_static(1, ip("192.0.2.9"), kMacB)) << "a change of one needs no room";
}

TEST_F(Table, RouteChangesAreAskedOnceAfterTheStorm) {
  for (uint32_t token = 0; token < 50; ++token) table->watch(token, 1, ip("198.18.5.5"));
  EXPECT_EQ(model->questions, 1);
  tell("198.18.1.254", NeighbourState::reachable, kMacA);
  model->neighbours[ip("198.18.1.253")] = {1, ip("198.18.1.253"), NeighbourState::reachable, kMacB};
  model->routes[ip("198.18.5.5")] = {true, ip("198.18.1.253")};
  for (int n = 0; n < 100; ++n) model->news.push_back({KernelNews::routes_changed, {}});
  table->on_readable();
  EXPECT_EQ(model->questions, 1);
  pass(99);
  EXPECT_EQ(model->questions, 1);
  pass(1);
  EXPECT_EQ(model->questions, 2);
  EXPECT_EQ(last[49], (NextHop{NextHopState::resolved, kMacB, ip("198.18.1.253")}));
  EXPECT_EQ(table->stats().neighbours, 1u) << "the old gateway is forgotten";

  model->routes.erase(ip("198.18.5.5"));
  model->news.push_back({KernelNews::routes_changed, {}});
  table->on_readable();
  pass(1'000);
  EXPECT_EQ(last[0].state, NextHopState::no_route);
  EXPECT_EQ(table->stats().neighbours, 0u);
}

TEST_F(Table, LostNewsBringAResync) {
  table->watch(1, 1, ip("198.18.1.2"));
  table->watch(2, 1, ip("198.18.5.5"));
  tell("198.18.1.2", NeighbourState::reachable, kMacA);
  tell("198.18.1.254", NeighbourState::reachable, kMacA);
  // Both change, and nothing is heard but that news were lost.
  model->neighbours[ip("198.18.1.2")].mac = kMacB;
  model->neighbours.erase(ip("198.18.1.254"));
  model->uses.clear();
  for (int n = 0; n < 10; ++n) model->news.push_back({KernelNews::lost, {}});
  table->on_readable();
  model->dumps = false;
  pass(5'000);
  EXPECT_EQ(table->stats().resyncs, 1u);
  model->dumps = true;
  pass(100);
  pass(100);
  EXPECT_EQ(table->stats().resyncs, 2u) << "an unfinished one is done again, a finished one is not";
  EXPECT_EQ(last[1].mac, kMacB);
  EXPECT_EQ(uses("198.18.1.254"), 1) << "gone: asked again";
}

TEST_F(Table, ThirtyThousandWatchesOfFewDestinations) {
  constexpr uint32_t kWatches = 30'000;
  for (uint32_t token = 0; token < kWatches; ++token) {
    table->watch(token, 1, ip(token % 2 == 0 ? "198.18.1.2" : "198.18.5.5"));
  }
  EXPECT_EQ(model->questions, 2);
  EXPECT_EQ(table->stats().watches, kWatches);
  tell("198.18.1.254", NeighbourState::reachable, kMacA);
  EXPECT_EQ(last[kWatches - 1].mac, kMacA);
  for (uint32_t token = 0; token < kWatches; ++token) table->unwatch(token);
  const auto stats = table->stats();
  EXPECT_EQ(stats.watches + stats.destinations + stats.neighbours, 0u);
}

TEST_F(Table, ManyNeighboursAreKickedAtAPace) {
  constexpr uint32_t kMany = 10'000;
  for (uint32_t n = 0; n < kMany; ++n) {
    const std::array<uint8_t, 4> bytes{10, 0, static_cast<uint8_t>(n >> 8),
                                       static_cast<uint8_t>(n)};
    const IpAddress address = IpAddress::v4(bytes.data());
    model->routes[address] = {true, {}};
    table->watch(n, 1, address);
  }
  EXPECT_EQ(table->stats().neighbour_kicks, NextHopTable::kMaxKicksAtOnce);
  pass(100);
  EXPECT_EQ(table->stats().neighbour_kicks,
            NextHopTable::kMaxKicksAtOnce + 100 * NextHopTable::kKicksPerMs);
}

TEST_F(Table, WhatIsWatchedLaterIsAskedAtThePaceOfTheTimer) {
  constexpr auto kAtOnce = static_cast<int>(NextHopTable::kMaxQuestionsAtOnce);
  constexpr uint32_t kMany = NextHopTable::kMaxQuestionsAtOnce + 5;
  const auto address = [](uint32_t n) {
    return ip("198.18." + std::to_string(n / 256) + "." + std::to_string(n % 256));
  };
  for (uint32_t n = 0; n < kMany; ++n) {
    model->routes[address(n)] = {true, ip("198.18.1.254")};
    EXPECT_TRUE(table->watch_later(n, 1, address(n)));
  }
  EXPECT_EQ(model->questions, 0);
  EXPECT_EQ(last[3].state, NextHopState::resolving);
  tell("198.18.1.254", NeighbourState::reachable, kMacA);
  table->watch(kMany, 1, address(3));
  EXPECT_EQ(model->questions, 1) << "for who has to know";
  EXPECT_EQ(last[kMany].state, NextHopState::resolved);
  EXPECT_EQ(last[3].state, NextHopState::resolved) << "and all others then know as well";
  EXPECT_EQ(last[4].state, NextHopState::resolving);
  pass(100);
  EXPECT_EQ(model->questions, kAtOnce) << "one of those had been asked";
  EXPECT_EQ(last[kMany - 1].state, NextHopState::resolving);
  pass(100);
  EXPECT_EQ(model->questions, static_cast<int>(kMany));
  EXPECT_EQ(last[kMany - 1].state, NextHopState::resolved);
  table->watch_later(kMany + 1, 1, address(5));
  EXPECT_EQ(last[kMany + 1].state, NextHopState::resolved) << "that was known";
}

TEST_F(Table, TheFullTableRefusesAndCounts) {
  for (uint32_t token = 0; token < NextHops::kMaxWatches; ++token) {
    ASSERT_TRUE(table->watch(token, 1, ip("198.18.1.2")));
  }
  EXPECT_FALSE(table->watch(NextHops::kMaxWatches, 1, ip("198.18.1.2")));
  EXPECT_EQ(table->stats().watches_refused, 1u);
  EXPECT_TRUE(table->watch(0, 1, ip("198.18.5.5"))) << "replacing one needs no room";
  table->unwatch(1);
  EXPECT_TRUE(table->watch(NextHops::kMaxWatches, 1, ip("198.18.1.2")));
}

TEST_F(Table, TheCallbackMayWatchAndUnwatch) {
  during_call = [this](uint32_t token) {
    if (token == 1) table->watch(2, 1, ip("198.18.1.2"));
    if (token == 2) {
      table->unwatch(1);
      table->unwatch(2);
    }
  };
  table->watch(1, 1, ip("198.18.1.2"));
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(table->stats().watches, 0u);
  tell("198.18.1.2", NeighbourState::reachable, kMacA);
  EXPECT_EQ(calls, 2) << "nobody is told after unwatch";
}

TEST_F(Table, AnswersWhenAsked) {
  EXPECT_FALSE(table->answer(7));
  table->watch(7, 1, ip("198.18.5.5"));
  tell("198.18.1.254", NeighbourState::reachable, kMacA);
  EXPECT_EQ(table->answer(7)->destination, ip("198.18.5.5"));
  EXPECT_EQ(table->answer(7)->next_hop,
            (NextHop{NextHopState::resolved, kMacA, ip("198.18.1.254")}));
  EXPECT_FALSE(table->answer(6));
  EXPECT_FALSE(table->answer(8));
  table->unwatch(7);
  EXPECT_FALSE(table->answer(7));
}

// Places of destinations that are gone are lent again.
TEST_F(Table, DestinationsThatComeAndGoKeepTheirOwnWatches) {
  for (uint32_t n = 0; n < 300; ++n) {
    const std::array<uint8_t, 4> bytes{10, 0, 0, static_cast<uint8_t>(n % 7)};
    const IpAddress address = IpAddress::v4(bytes.data());
    model->routes[address] = {true, n % 7 < 3 ? ip("198.18.1.254") : IpAddress{}};
    table->watch(n % 5, 1, address);
    EXPECT_EQ(table->answer(n % 5)->destination, address);
    EXPECT_LE(table->stats().destinations, 5u);
  }
  tell("198.18.1.254", NeighbourState::reachable, kMacB);
  for (uint32_t token = 0; token < 5; ++token) {
    const auto answer = *table->answer(token);
    const bool behind = answer.destination.bytes[3] < 3;
    EXPECT_EQ(answer.next_hop.mac, behind ? kMacB : MacAddress{}) << token;
    EXPECT_EQ(last[token], answer.next_hop) << token;
    table->unwatch(token);
  }
  EXPECT_EQ(table->stats().destinations + table->stats().neighbours, 0u);
}

TEST_F(Table, UnknownTokensAndMalformedNewsDoNoHarm) {
  table->unwatch(99);
  model->news.push_back({KernelNews::malformed, {}});
  table->on_readable();
  EXPECT_EQ(table->stats().malformed_messages, 1u);
  table->on_timer(now - 500);  // a clock that went back is no clock news
  table->on_timer(UINT64_MAX);
}

}  // namespace
}  // namespace holdfast::dataplane
