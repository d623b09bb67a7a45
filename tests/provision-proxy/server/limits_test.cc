// SPDX-License-Identifier: Apache-2.0
// What a phone can take up is bounded: time, bytes, connections.
#include <sys/resource.h>

#include <map>

#include "provision-proxy/http/request_limits.hh"
#include "tests/provision-proxy/server/server_fixture.hh"

namespace holdfast::provision {
namespace {

using namespace test;
using std::chrono::milliseconds;
using std::chrono::seconds;

class LimitsTest : public ServerTest {
 protected:
  void SetUp() override {
    handler_.scripts["/hello"] = [](auto seen) { seen.reply(text_answer("hello")); };
    handler_.scripts["/held"] = [this](auto seen) { held_.push_back(std::move(seen)); };
  }
  // A body without an end, that tells how much was taken of it.
  void serve_endless() {
    handler_.scripts["/endless"] = [this](auto seen) {
      struct Endless final : AnswerBody {
        explicit Endless(size_t& given) : given_(given) {}
        void next(std::function<void(BodyPiece)> then) override {
          given_ += piece_.size();
          then({BodyState::kBytes, {piece_.data(), piece_.size()}});
        }
        size_t& given_;
        std::string piece_ = std::string(65536, 'x');
      };
      Answer answer;
      answer.body = std::make_unique<Endless>(given_);
      seen.reply(std::move(answer));
    };
  }

  std::vector<ScriptedHandler::Seen> held_;
  size_t given_ = 0;
};

TEST_F(LimitsTest, AHeadByteByByteHasTenSecondsInAll) {
  start();
  Phone phone(*this);
  phone.send("GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
  for (int second = 0; second < 9; ++second) {
    phone.send("y");
    advance(seconds(1));
    turn_often();
  }
  EXPECT_EQ(counters().head_too_slow, 0U);
  advance(seconds(2));
  EXPECT_NE(phone.rest().find("HTTP/1.1 408 Request Timeout"), std::string::npos);
  EXPECT_EQ(counters().head_too_slow, 1U);
  EXPECT_TRUE(handler_.seen.empty());
}

TEST_F(LimitsTest, AConnectionThatSaysNothingEndsAfterTenSeconds) {
  start();
  Phone phone(*this);
  ASSERT_TRUE(wait([&] { return counters().open == 1; }));
  advance(milliseconds(9900));
  turn_often();
  EXPECT_EQ(counters().open, 1U);
  advance(milliseconds(200));
  EXPECT_EQ(phone.rest(), "");
  EXPECT_FALSE(phone.was_reset());
  EXPECT_EQ(counters().head_too_slow, 1U);
}

TEST_F(LimitsTest, KeepAliveEndsAfterAMinuteAndTheNextHeadHasItsOwnTime) {
  start();
  Phone idle(*this), begun(*this);
  for (Phone* phone : {&idle, &begun}) {
    phone->send(request("GET /hello"));
    ASSERT_TRUE(phone->wait_for("hello"));
    phone->take();
  }
  advance(seconds(55));
  turn_often();
  EXPECT_EQ(counters().open, 2U);
  begun.send("GET /hel");
  turn_often();
  advance(seconds(6));
  EXPECT_EQ(idle.rest(), "");
  EXPECT_FALSE(idle.was_reset());
  EXPECT_EQ(counters().idle_closed, 1U);
  begun.send("lo HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(begun.wait_for("hello"));
}

TEST_F(LimitsTest, AHandlerMayTakeItsTime) {
  start();
  Phone phone(*this);
  phone.send(request("GET /held"));
  ASSERT_TRUE(wait([&] { return held_.size() == 1; }));
  advance(std::chrono::hours(2));
  turn_often();
  held_[0].reply(text_answer("at last"));
  EXPECT_TRUE(phone.wait_for("at last"));
}

TEST_F(LimitsTest, HugeHeadsAreRefused) {
  start();
  const auto big = std::string(20000, 'a');
  std::string many;
  for (int i = 0; i < 200; ++i) many += "X: y\r\n";
  const std::pair<std::string, std::string> heads[] = {
      {request("GET /hello", "X: " + big + "\r\n"), "431"},
      {request("GET /hello", many), "431"},
      {request("GET /" + big), "414"},
      {big, "400"},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + big, "431"},  // which never ends
  };
  for (const auto& [head, status] : heads) {
    Phone phone(*this);
    phone.send(head);
    const auto all = phone.rest();
    EXPECT_TRUE(all.starts_with("HTTP/1.1 " + status + " ")) << all;
    EXPECT_NE(all.find("Connection: close"), std::string::npos);
  }
  EXPECT_TRUE(handler_.seen.empty());
  EXPECT_EQ(counters().refused_heads, std::size(heads));
  std::map<std::string, uint64_t> by_name;
  for_each_counter(counters(), [&](std::string_view name, std::string_view text, uint64_t value) {
    EXPECT_FALSE(text.empty());
    by_name[std::string(name)] = value;
  });
  EXPECT_EQ(by_name["head_target_too_long"], 1U);
  EXPECT_EQ(by_name["head_too_many_fields"], 1U);
  EXPECT_EQ(by_name["refused_heads"], std::size(heads));
}

TEST_F(LimitsTest, AHeadThatFillsTheLimitPasses) {
  start();
  Phone phone(*this);
  const auto without = request("GET /hello", "X: \r\n").size();
  phone.send(request("GET /hello", "X: " + std::string(kMaxHeadBytes - without, 'a') + "\r\n"));
  EXPECT_TRUE(phone.wait_for("hello"));
}

TEST_F(LimitsTest, APhoneThatReadsNothingIsAborted) {
  start();
  serve_endless();
  Phone phone(*this, 0, 0, 4096);
  phone.send(request("GET /endless"));
  size_t before = 1;
  ASSERT_TRUE(wait([&] {
    const bool still = given_ == before;
    before = given_;
    turn_often();
    return still && given_ == before;
  }));
  EXPECT_LT(given_, 16U << 20) << "no more than what the kernel's buffers hold was asked of it";
  advance(seconds(29));
  turn_often();
  EXPECT_EQ(counters().open, 1U);
  advance(seconds(2));
  ASSERT_TRUE(wait([&] { return counters().open == 0; }));
  EXPECT_EQ(counters().write_too_slow, 1U);
  phone.rest();
  EXPECT_TRUE(phone.was_reset());
}

TEST_F(LimitsTest, APhoneThatReadsSlowlyIsServed) {
  start();
  const std::string body(8 << 20, 'x');
  handler_.scripts["/big"] = [&](auto seen) { seen.reply(text_answer(body)); };
  Phone phone(*this, 0, 0, 4096);
  phone.send(request("GET /big"));
  while (phone.received().size() < body.size()) {
    phone.read_available();
    advance(seconds(5));
    turn_often();
    ASSERT_FALSE(phone.has_ended());
  }
  EXPECT_EQ(body_of(phone.received()), body);
}

TEST_F(LimitsTest, PipelinedRequestsOfOneWhoReadsNothingWait) {
  start();
  const std::string body(1 << 20, 'x');
  handler_.scripts["/big"] = [&](auto seen) { seen.reply(text_answer(body)); };
  Phone phone(*this, 0, 0, 4096);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += request("GET /big");
  phone.send_some(many);
  for (int i = 0; i < 20; ++i) turn_often();
  EXPECT_LT(handler_.seen.size(), 20U);
}

TEST_F(LimitsTest, ConnectionsAreBoundedInAllAndPerAddress) {
  limits_.max_connections = 3;
  limits_.max_connections_per_address = 2;
  start({plain(), plain("127.0.0.2")});
  auto first = std::make_unique<Phone>(*this);
  const Phone second(*this);
  ASSERT_TRUE(wait([&] { return server_->open_connections() == 2; }));
  Phone third(*this);
  EXPECT_TRUE(third.rest().starts_with("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"));
  EXPECT_EQ(counters().refused_per_address, 1U);
  EXPECT_EQ(counters().connections, 2U);

  first.reset();
  ASSERT_TRUE(wait([&] { return server_->open_connections() == 1; }));
  Phone fourth(*this);
  fourth.send(request("GET /hello"));
  EXPECT_TRUE(fourth.wait_for("hello"));
}

TEST_F(LimitsTest, TheBoundInAllIsCounted) {
  limits_.max_connections = 1;
  start();
  const Phone first(*this);
  ASSERT_TRUE(wait([&] { return server_->open_connections() == 1; }));
  Phone second(*this);
  EXPECT_TRUE(second.rest().starts_with("HTTP/1.1 503 "));
  EXPECT_EQ(counters().refused_too_many, 1U);
}

TEST_F(LimitsTest, OutOfDescriptorsIsSaidOnceAndPasses) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "UBSan's look at a vtable needs a pipe, and takes a bad one where there is none";
#endif
#endif
  start();
  Phone phone(*this);  // the kernel has taken it
  phone.send_some(request("GET /hello"));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{static_cast<rlim_t>(phone.fd()) + 1, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  wait([&] { return counters().accept_failed >= 2; });
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(phone.wait_for("hello"));
  EXPECT_EQ(log_,
            "provision-listener 1 (lan): a connection cannot be taken: Too many open files\n");
}

TEST_F(LimitsTest, ThousandsOfConnects) {
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  const size_t at_a_time = std::min<size_t>(500, files.rlim_cur / 3);
  limits_.max_connections = limits_.max_connections_per_address = at_a_time;
  start();
  size_t served = 0;
  for (int round = 0; round < 6; ++round) {
    std::vector<std::unique_ptr<Phone>> phones;
    for (size_t i = 0; i < at_a_time; ++i) {
      phones.push_back(std::make_unique<Phone>(*this));
      phones.back()->send_some(request("GET /hello"));
      turn();
    }
    for (auto& phone : phones) served += phone->wait_for("hello") ? 1 : 0;
    phones.clear();
    ASSERT_TRUE(wait([&] { return server_->open_connections() == 0; }));
  }
  EXPECT_EQ(served, 6 * at_a_time);
  EXPECT_EQ(counters().connections, 6 * at_a_time);
  EXPECT_EQ(counters().open, 0U);
}

TEST_F(LimitsTest, ALingeringPhoneIsNotWaitedForLong) {
  start();
  Phone phone(*this);
  phone.send(request("GET /hello", "Connection: close\r\n"));
  ASSERT_TRUE(phone.wait_for("hello"));
  ASSERT_TRUE(wait([&] {
    phone.read_available();
    return phone.has_ended();
  }));
  EXPECT_EQ(counters().open, 1U) << "the phone has not ended its side";
  advance(seconds(3));
  ASSERT_TRUE(wait([&] { return counters().open == 0; }));
}

}  // namespace
}  // namespace holdfast::provision
