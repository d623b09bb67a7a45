// SPDX-License-Identifier: Apache-2.0
// Names kept resolved against a DNS server that answers, fails or is silent, and what an upstream
// makes of it.
#include "provision-proxy/upstream/origin_names.hh"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "base/state_file.hh"
#include "tests/control/names/dns_server.hh"
#include "tests/provision-proxy/upstream/bench.hh"
#include "tests/provision-proxy/upstream/scripted_origin.hh"

namespace holdfast::provision {
namespace {

using names::a_data;
using names::DnsServer;
using names::kTypeA;
using names::kTypeAaaa;
using std::chrono::milliseconds;
using State = NameAnswer::State;
using Texts = std::vector<std::string>;

const std::string kHost = "provision.lab.voip";

Texts texts(const NameAnswer& answer) {
  Texts list;
  for (const auto& address : answer.addresses) list.push_back(address.to_string());
  return list;
}

class OriginNamesTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "hf-origin-names-" + std::to_string(::getpid());
    ::unlink(path_.c_str());
    names_.hosts = {kHost, "127.0.0.1"};
    names_.state_path = path_;
    names_.dns.servers = {server_.address()};
    names_.dns.timeout_ms = 60;
    names_.dns.tries = 1;
    names_.dns.min_ttl_s = 1;
    names_.dns.retry_s = 1;
    names_.second = milliseconds(20);
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  static void wait_for_state(Bench& bench, State state) {
    ASSERT_TRUE(bench.run_until([&] { return bench.names().find(kHost).state == state; }))
        << name_of(state);
  }
  static OriginConfig by_name(uint16_t port) {
    auto config = loopback(port);
    config.host = kHost;
    return config;
  }
  static void serve(OriginConnection& c) {
    while (!c.read_head().empty()) c.send(ok("x"));
  }

  DnsServer server_;
  NamesConfig names_;
  std::string path_;
};

TEST_F(OriginNamesTest, FollowsDnsByItsTtl) {
  server_.set(kHost, kTypeA, {a_data("198.18.3.2"), a_data("198.18.3.1")}, 1);
  server_.set(kHost, kTypeAaaa, {a_data("2001:db8::1")}, 1);
  Bench bench(loopback(9), 0, names_);
  int changes = 0;
  bench.names().on_change([&] { ++changes; });
  EXPECT_EQ(bench.names().find("127.0.0.1").state, State::good) << "a literal";
  EXPECT_EQ(bench.names().find("not.configured").state, State::nothing);
  wait_for_state(bench, State::good);
  EXPECT_EQ(texts(bench.names().find(kHost)), (Texts{"2001:db8::1", "198.18.3.1", "198.18.3.2"}));
  server_.remove(kHost, kTypeAaaa);
  server_.set(kHost, kTypeA, {a_data("198.18.3.9")}, 1);
  ASSERT_TRUE(
      bench.run_until([&] { return texts(bench.names().find(kHost)) == Texts{"198.18.3.9"}; }));
  bench.run_for(milliseconds(10));
  EXPECT_GE(changes, 2);
}

TEST_F(OriginNamesTest, KeepsTheLastGoodThroughEveryFailure) {
  server_.set(kHost, kTypeA, {a_data("198.18.3.1")}, 1);
  Bench bench(loopback(9), 0, names_);
  wait_for_state(bench, State::good);
  for (const auto mood :
       {DnsServer::Mood::kServfail, DnsServer::Mood::kSilence, DnsServer::Mood::kGarbage}) {
    server_.mood = mood;
    wait_for_state(bench, State::kept);
    EXPECT_EQ(texts(bench.names().find(kHost)), Texts{"198.18.3.1"});
    EXPECT_NE(bench.names().find(kHost).error, "");
    server_.mood = DnsServer::Mood::kAnswer;
    wait_for_state(bench, State::good);
  }
  server_.remove(kHost, kTypeA);  // suddenly no such name
  wait_for_state(bench, State::kept);
  EXPECT_EQ(texts(bench.names().find(kHost)), Texts{"198.18.3.1"});
}

TEST_F(OriginNamesTest, StartsFromDiskWithTheOneThatWorkedFirst) {
  server_.set(kHost, kTypeA, {a_data("198.18.3.1"), a_data("198.18.3.2")}, 60);
  {
    Bench bench(loopback(9), 0, names_);
    wait_for_state(bench, State::good);
    bench.names().worked(kHost, *IpAddress::parse("198.18.3.2"));
    EXPECT_EQ(texts(bench.names().find(kHost)), (Texts{"198.18.3.2", "198.18.3.1"}));
  }
  EXPECT_EQ(read_state_file(path_, 1000), kHost + " 198.18.3.2 198.18.3.1 198.18.3.2\n");
  server_.mood = DnsServer::Mood::kSilence;
  Bench bench(loopback(9), 0, names_);
  EXPECT_EQ(bench.names().find(kHost).state, State::kept) << "at once";
  EXPECT_EQ(texts(bench.names().find(kHost)), (Texts{"198.18.3.2", "198.18.3.1"}));
}

TEST_F(OriginNamesTest, AFileThatMakesNoSenseIsNoFile) {
  ASSERT_EQ(write_state_file(path_, "\x7f ELF nonsense\n" + kHost + " 1.2.3.4.5 x y z"), "");
  server_.mood = DnsServer::Mood::kServfail;
  Bench bench(loopback(9), 0, names_);
  EXPECT_TRUE(bench.names().find(kHost).addresses.empty());
  wait_for_state(bench, State::nothing);
}

TEST_F(OriginNamesTest, AsksAgainWhenItIsTold) {
  server_.set(kHost, kTypeA, {a_data("198.18.3.1")}, 3600);
  names_.second = milliseconds(1000);
  names_.dns.retry_s = 0;
  Bench bench(loopback(9), 0, names_);
  wait_for_state(bench, State::good);
  server_.set(kHost, kTypeA, {a_data("198.18.3.7")}, 3600);
  bench.names().ask_again();
  EXPECT_TRUE(
      bench.run_until([&] { return texts(bench.names().find(kHost)) == Texts{"198.18.3.7"}; }));
}

TEST_F(OriginNamesTest, StopsWhileDnsIsSilent) {
  server_.mood = DnsServer::Mood::kSilence;
  names_.dns.timeout_ms = 30'000;
  const auto start = std::chrono::steady_clock::now();
  { Bench bench(loopback(9), 0, names_); }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

// --- with an upstream

TEST_F(OriginNamesTest, TransfersWaitForTheFirstAnswerAndNoLonger) {
  ScriptedOrigin origin(serve);
  server_.mood = DnsServer::Mood::kSilence;
  names_.dns.timeout_ms = 400;
  names_.ipv6 = false;
  Bench bench(by_name(origin.port()), 0, names_);
  auto hasty = get();
  hasty.connect_timeout = milliseconds(60);
  Recorder early, patient;
  bench.upstream().start(get(), patient);
  bench.fetch(std::move(hasty), early);
  EXPECT_EQ(name_of(early.end()), "dns");
  EXPECT_FALSE(bench.upstream().health().admits());
  ASSERT_TRUE(bench.run_until([&] { return patient.ended(); }));
  EXPECT_EQ(name_of(patient.end()), "breaker_open");
}

TEST_F(OriginNamesTest, AFreshStartWaitsForDns) {
  ScriptedOrigin origin(serve);
  server_.set(kHost, kTypeA, {a_data("127.0.0.1")});
  Bench bench(by_name(origin.port()), 0, names_);
  Recorder got;
  bench.fetch(get(), got);
  EXPECT_EQ(name_of(got.end()), "complete") << got.outcome.detail;
  EXPECT_EQ(got.outcome.address, "127.0.0.1");
}

TEST_F(OriginNamesTest, DnsDeadAndNothingKeptOpensTheBreaker) {
  server_.mood = DnsServer::Mood::kServfail;
  Bench bench(by_name(9), 0, names_);
  Recorder got;
  bench.fetch(get(), got);
  EXPECT_EQ(name_of(got.end()), "dns");
  EXPECT_EQ(bench.upstream().health().reason(), OriginEvidence::no_address);
}

TEST_F(OriginNamesTest, DnsDeadWithKeptAddressesServes) {
  ScriptedOrigin origin(serve);
  ASSERT_EQ(write_state_file(path_, kHost + " - 127.0.0.1\n"), "");
  server_.mood = DnsServer::Mood::kSilence;
  Bench bench(by_name(origin.port()), 0, names_);
  Recorder got;
  bench.fetch(get(), got);
  EXPECT_EQ(name_of(got.end()), "complete") << got.outcome.detail;
}

TEST_F(OriginNamesTest, TriesAllAddressesAndRemembersWhichWorked) {
  server_.set(kHost, kTypeA, {a_data("127.0.0.2"), a_data("127.0.0.3"), a_data("127.0.0.4")});
  names_.ipv6 = false;
  ScriptedOrigin origin(
      [](OriginConnection& c) {
        c.read_head();
        c.send(ok("x"));
      },
      nullptr, "127.0.0.4");
  Bench bench(by_name(origin.port()), 0, names_);
  for (int i = 0; i < 2; ++i) {
    Recorder got;
    bench.fetch(get(), got);
    EXPECT_EQ(name_of(got.end()), "complete") << got.outcome.detail;
    EXPECT_EQ(got.outcome.address, "127.0.0.4");
    EXPECT_EQ(texts(bench.names().find(kHost)), (Texts{"127.0.0.4", "127.0.0.2", "127.0.0.3"}));
  }
}

TEST_F(OriginNamesTest, ASilentAddressTakesHalfOfTheTime) {
  SilentPort silent;  // on 127.0.0.1
  ScriptedOrigin origin(serve, nullptr, "127.0.0.2", silent.port());
  server_.set(kHost, kTypeA, {a_data("127.0.0.1"), a_data("127.0.0.2")});
  names_.ipv6 = false;
  Bench bench(by_name(silent.port()), 0, names_);
  auto request = get();
  request.connect_timeout = milliseconds(200);
  Recorder first, second;
  bench.fetch(std::move(request), first);
  EXPECT_EQ(name_of(first.end()), "complete") << first.outcome.detail;
  EXPECT_EQ(first.outcome.address, "127.0.0.2");
  EXPECT_LT(first.outcome.total, milliseconds(190));
  bench.fetch(get(), second);
  EXPECT_LT(second.outcome.total, milliseconds(50)) << "the one that worked comes first";
}

TEST_F(OriginNamesTest, TheProbeUsesANewAddress) {
  server_.set(kHost, kTypeA, {a_data("127.0.0.2")}, 1);
  names_.ipv6 = false;
  ScriptedOrigin origin(serve, nullptr, "127.0.0.5");
  auto config = by_name(origin.port());
  config.health.probe_interval_ms = 30;
  Bench bench(config, 0, names_);
  Recorder got, back;
  bench.fetch(get(), got);
  EXPECT_EQ(name_of(got.end()), "refused");
  server_.set(kHost, kTypeA, {a_data("127.0.0.5")}, 1);  // the centre moved
  ASSERT_TRUE(bench.run_until([&] { return bench.upstream().health().admits(); }));
  bench.fetch(get(), back);
  EXPECT_EQ(back.outcome.address, "127.0.0.5");
}

}  // namespace
}  // namespace holdfast::provision
