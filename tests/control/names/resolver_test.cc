// SPDX-License-Identifier: Apache-2.0
// The resolver against a DNS server that answers, fails, is silent or babbles.
#include "control/names/resolver.hh"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>

#include "tests/control/names/dns_server.hh"

namespace holdfast::names {
namespace {

using std::chrono::seconds;
using Texts = std::vector<std::string>;

class ResolverTest : public testing::Test {
 protected:
  void SetUp() override {
    cache_ = testing::TempDir() + "hf-names-" + std::to_string(::getpid()) + "-" +
             testing::UnitTest::GetInstance()->current_test_info()->name();
    ::unlink(cache_.c_str());
    dns_.servers = {server_.address()};
    dns_.timeout_ms = 50;
    dns_.tries = 1;
    dns_.min_ttl_s = 1;
    dns_.retry_s = 1;
    centre_.srv_name = "centre.example";
    centre_.domain = "sip.example";
    server_.set("_sip._udp.centre.example", kTypeSrv,
                {srv_data(0, 0, 8060, "a.example"), srv_data(0, 0, 8060, "b.example")}, 1);
    server_.set("a.example", kTypeA, {a_data("198.18.3.10")}, 1);
    server_.set("b.example", kTypeA, {a_data("198.18.3.11")}, 1);
    server_.set("b.example", kTypeAaaa, {a_data("2001:db8:3::11")}, 1);
  }
  void TearDown() override {
    resolver_.reset();
    ::unlink(cache_.c_str());
  }

  void start() {
    resolver_ = std::make_unique<Resolver>(
        centre_, dns_, cache_, std::mt19937(1),
        [this](LogLevel, const std::string& line) {
          const std::lock_guard lock(mutex_);
          log_.push_back(line);
        },
        [this](const Names& names) {
          const std::lock_guard lock(mutex_);
          told_.push_back(names);
          wake_.notify_all();
        },
        [this](const SocketAddress& address) {
          return address.to_string() == own_ ? std::string("wan") : std::string();
        },
        std::chrono::milliseconds(20));
  }
  static Texts addresses(const Names& names) {
    Texts texts;
    for (const auto& upstream : names.upstreams) texts.push_back(upstream.address.to_string());
    std::sort(texts.begin(), texts.end());
    return texts;
  }
  Texts wait_for_told(size_t times) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(wake_.wait_for(lock, seconds(20), [&] { return told_.size() >= times; }));
    return told_.empty() ? Texts{} : addresses(told_.back());
  }
  size_t times_told() {
    const std::lock_guard lock(mutex_);
    return told_.size();
  }
  // Until so many more rounds have ended.
  ResolverStatus wait_for_rounds(uint64_t more) {
    const auto from = resolver_->status().rounds;
    const auto until = std::chrono::steady_clock::now() + seconds(20);
    while (resolver_->status().rounds < from + more && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_GE(resolver_->status().rounds, from + more);
    return resolver_->status();
  }

  const Texts all_ = {"198.18.3.10:8060", "198.18.3.11:8060", "[2001:db8:3::11]:8060"};
  DnsServer server_;
  config::CentreConfig centre_;
  DnsConfig dns_;
  std::string cache_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Names> told_;
  Texts log_;
  std::string own_;  // an address of ours
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(ResolverTest, FindsAPairAndItsNamesAndTellsOnce) {
  start();
  EXPECT_TRUE(resolver_->at_start().upstreams.empty());
  EXPECT_EQ(wait_for_told(1), all_);
  Texts names;
  for (const auto& name : told_[0].names) names.push_back(name.host);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (Texts{"a.example", "b.example", "sip.example"}));
  const auto status = wait_for_rounds(2);
  EXPECT_EQ(times_told(), 1U) << "the same is not told twice";
  EXPECT_EQ(status.failed_rounds, 0U);
  ASSERT_EQ(status.names.size(), 5U);  // SRV, and two families of two hosts
  EXPECT_EQ(status.names[0].type, "SRV");
  EXPECT_EQ(status.names[0].answers.size(), 2U);
  EXPECT_EQ(status.names[0].error, "");
}

TEST_F(ResolverTest, AnAddressOfOurOwnIsNotTaken) {
  own_ = "198.18.2.2:8060";
  server_.set("a.example", kTypeA, {a_data("198.18.2.2"), a_data("198.18.3.12")}, 1);
  server_.remove("b.example", kTypeAaaa);
  start();
  EXPECT_EQ(wait_for_told(1), (Texts{"198.18.3.11:8060", "198.18.3.12:8060"}));
  const Texts ours = {
      "a.example leads to 198.18.2.2:8060 (udp), our own [[sip-listener]] of interface wan"};
  EXPECT_EQ(wait_for_rounds(2).ourselves, ours);
  {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(
        std::count(log_.begin(), log_.end(), "names: " + ours[0] + ": " + std::string(kNotTaken)),
        1)
        << "once, not with each answer";
  }
  for (const char* host : {"a.example", "b.example"})
    server_.set(host, kTypeA, {a_data("198.18.2.2")}, 1);
  EXPECT_EQ(wait_for_told(2), Texts{});
  EXPECT_TRUE(told_.back().names.empty());  // nor for a URI with such a name
  resolver_.reset();
  start();  // nor by what is kept on disk
  EXPECT_TRUE(resolver_->at_start().upstreams.empty());
  EXPECT_FALSE(resolver_->status().ourselves.empty());
  server_.set("a.example", kTypeA, {a_data("198.18.3.10")}, 1);
  EXPECT_EQ(wait_for_told(3), Texts{"198.18.3.10:8060"});
}

TEST_F(ResolverTest, FollowsAChangeByItsTtl) {
  start();
  wait_for_told(1);
  server_.set("a.example", kTypeA, {a_data("198.18.3.20")}, 1);
  EXPECT_EQ(wait_for_told(2)[0], "198.18.3.11:8060");
  EXPECT_EQ(wait_for_told(2)[1], "198.18.3.20:8060");
}

TEST_F(ResolverTest, KeepsTheLastGoodAnswerThroughEveryKindOfFailure) {
  start();
  wait_for_told(1);
  for (const auto mood : {DnsServer::Mood::kServfail, DnsServer::Mood::kSilence,
                          DnsServer::Mood::kGarbage, DnsServer::Mood::kCut}) {
    server_.mood = mood;
    const auto failed = wait_for_rounds(2);
    EXPECT_GE(failed.failed_rounds, 1U);
    EXPECT_NE(failed.names[0].error, "");
    EXPECT_EQ(failed.names[0].answers.size(), 2U) << "still in use";
  }
  server_.mood = DnsServer::Mood::kAnswer;
  EXPECT_EQ(wait_for_rounds(2).names[0].error, "");
  EXPECT_EQ(times_told(), 1U) << "nothing had changed";
}

TEST_F(ResolverTest, ANameThatVanishesKeepsItsAddress) {
  start();
  wait_for_told(1);
  server_.remove("a.example", kTypeA);
  const auto status = wait_for_rounds(2);
  EXPECT_GE(status.failed_rounds, 1U);
  EXPECT_EQ(times_told(), 1U);
}

TEST_F(ResolverTest, AFamilyThatVanishesGoes) {
  start();
  wait_for_told(1);
  server_.remove("b.example", kTypeAaaa);
  EXPECT_EQ(wait_for_told(2), (Texts{"198.18.3.10:8060", "198.18.3.11:8060"}));
}

TEST_F(ResolverTest, StartsFromDiskWithoutDns) {
  start();
  wait_for_told(1);
  wait_for_rounds(1);
  resolver_.reset();
  told_.clear();
  server_.mood = DnsServer::Mood::kSilence;
  start();
  EXPECT_EQ(addresses(resolver_->at_start()), all_);
  const auto status = wait_for_rounds(1);
  EXPECT_TRUE(status.names[0].from_disk);
  EXPECT_TRUE(status.names[0].age_s.has_value());
  EXPECT_EQ(times_told(), 0U);
}

TEST_F(ResolverTest, ADamagedCacheIsNoCache) {
  for (const std::string text :
       {"", "{", "[]", "{\"A a.example\": 3}",
        "{\"A a.example\": {\"at\": 0, \"addresses\": [1], \"servers\": 2}}"}) {
    std::ofstream(cache_) << text;
    told_.clear();
    start();
    EXPECT_TRUE(resolver_->at_start().upstreams.empty()) << text;
    EXPECT_EQ(wait_for_told(1), all_);
    resolver_.reset();
    ::unlink(cache_.c_str());
  }
}

TEST_F(ResolverTest, ServersByNameWithoutSrv) {
  centre_.srv_name.clear();
  centre_.servers = {{"b.example", 5070, std::nullopt},
                     {"198.18.3.99", 5060, IpAddress::parse("198.18.3.99")}};
  start();
  EXPECT_EQ(addresses(resolver_->at_start()), Texts{"198.18.3.99:5060"})
      << "a literal needs no DNS";
  EXPECT_EQ(wait_for_told(1),
            (Texts{"198.18.3.11:5070", "198.18.3.99:5060", "[2001:db8:3::11]:5070"}));
}

TEST_F(ResolverTest, LiteralsAloneAskNobody) {
  centre_.srv_name.clear();
  centre_.servers = {{"198.18.3.99", 5060, IpAddress::parse("198.18.3.99")}};
  start();
  EXPECT_EQ(resolver_->at_start().upstreams.size(), 1U);
  resolver_.reset();
  EXPECT_EQ(server_.questions, 0U);
}

TEST_F(ResolverTest, AServiceThatIsDeniedIsAFailure) {
  server_.set("_sip._udp.centre.example", kTypeSrv, {srv_data(0, 0, 0, "")}, 1);
  start();
  const auto status = wait_for_rounds(1);
  EXPECT_EQ(status.names[0].error, "the record says that there is no such service");
}

TEST_F(ResolverTest, EndsAtOnceThoughDnsIsSilent) {
  dns_.timeout_ms = 30000;
  dns_.tries = 5;
  server_.mood = DnsServer::Mood::kSilence;
  start();
  const auto until = std::chrono::steady_clock::now() + seconds(20);
  while (server_.questions == 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  resolver_.reset();  // would hang for minutes
  EXPECT_LT(std::chrono::steady_clock::now(), until);
}

TEST_F(ResolverTest, OneFamilyIsAskedForAlone) {
  centre_.families = config::AddressFamilies::kIpv4;
  start();
  EXPECT_EQ(wait_for_told(1), (Texts{"198.18.3.10:8060", "198.18.3.11:8060"}));
  for (const auto& name : wait_for_rounds(1).names) EXPECT_NE(name.type, "AAAA");
}

}  // namespace
}  // namespace holdfast::names
