// SPDX-License-Identifier: Apache-2.0
// Any order of messages and accidents: every message has one verdict in bounded time, what is sent
// on leads to legs that exist, and nothing is left behind.
#include <random>

#include "tests/sip/anchor/rig.hh"

namespace holdfast::sip {
namespace {

using media::Side;
using Kind = MediaVerdict::Kind;

constexpr int kSteps = 400;
constexpr uint64_t kCalls = 6;

class AnchorProperty : public AnchorRig, public testing::WithParamInterface<uint32_t> {
 protected:
  void SetUp() override {
    random_.seed(GetParam());
    config_.max_calls = kCalls - 1;
    start();
  }

  uint32_t pick(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  std::string any_body() {
    if (pick(4) == 0) return "";
    if (pick(12) == 0) return "v=0\r\nm=audio nonsense\r\n";
    const std::string ip =
        pick(6) == 0 ? "[2001:db8:1::10]" : "198.18.1.1" + std::to_string(pick(3));
    std::string body = sdp(ip + ":" + std::to_string(4000 + 2 * pick(4)),
                           pick(4) == 0 ? "a=sendonly\r\n" : "", std::to_string(pick(3)));
    if (pick(4) == 0) body += "m=video " + std::to_string(4100 * pick(2)) + " RTP/AVP 31\r\n";
    if (pick(12) == 0) body += "m=image 4200 udptl t38\r\n";
    return body;
  }

  void any_message() {
    Call call;
    call.key = 1 + pick(kCalls);
    call.branch += std::to_string(pick(3));
    call.callee_tag += std::to_string(pick(3));
    const Side side = pick(2) ? Side::caller : Side::callee;
    constexpr int kStatus[] = {180, 183, 183, 200, 200, 408, 486, 491};
    constexpr Method kMethods[] = {Method::invite, Method::invite, Method::update,
                                   Method::prack,  Method::ack,    Method::info};
    const Method method = kMethods[pick(std::size(kMethods))];
    const int status = kStatus[pick(std::size(kStatus))];
    MediaMessage message;
    switch (pick(5)) {
      case 0:
        message = call.invite(any_body());
        break;
      case 1:
      case 2:
        message = call.reply(status, any_body(), pick(3) == 0);
        break;
      case 3:
        message = call.request(side, method, any_body());
        break;
      default:
        message = call.response(side, method, status, any_body());
    }
    ++asked_;
    anchor->message(message, [this, message](const MediaVerdict& verdict) {
      ++answered_;
      check(message, verdict);
    });
  }

  // Our addresses in what is sent on are those of legs of the call.
  void check(const MediaMessage& message, const MediaVerdict& verdict) {
    if (verdict.kind == Kind::refuse) {
      EXPECT_FALSE(verdict.reason.empty());
      EXPECT_NE(message.method, Method::ack);
    }
    if (verdict.kind != Kind::replace) return;
    const auto parsed = media::parse_sdp(verdict.body);
    ASSERT_TRUE(parsed) << verdict.body;
    const auto lines = media::describe_media(*parsed);
    ASSERT_TRUE(lines);
    const bool all_there =
        alive_ && anchor->snapshot().state == AnchorState::up && count("restores_failed") == 0;
    for (const auto& line : *lines) {
      if (!line.remote) continue;
      bool found = false;
      for (const auto& [name, call] : dataplane->calls()) {
        const size_t leg = message.sender == Side::caller ? 1 : 0;
        found = found || (call_key_of_stream(name) == message.call_key &&
                          call.legs[leg].local == *line.remote);
      }
      EXPECT_TRUE(found || !all_there) << verdict.body;
    }
  }

  void any_accident() {
    switch (pick(6)) {
      case 0:
        if (alive_) dataplane->kill();
        alive_ = false;
        break;
      case 1:
        if (!alive_) dataplane->start();
        alive_ = true;
        break;
      case 2:
        dataplane->stop(pick(2) == 0);
        break;
      case 3:
        dataplane->refuse_adds(pick(2) ? std::optional(control::ErrorCode::kNoFreePort)
                                       : std::nullopt);
        break;
      case 4:
        dataplane->refuse_updates(pick(2) ? std::optional(control::ErrorCode::kBusy)
                                          : std::nullopt);
        break;
      default:
        if (pick(4) == 0) {  // we die: what was asked of us dies too
          pass(2000);
          start_anchor();
        }
    }
  }

  std::mt19937 random_;
  size_t asked_ = 0, answered_ = 0, ended_ = 0;
  bool alive_ = true;
};

TEST_P(AnchorProperty, OneVerdictEachAndNothingLeft) {
  for (int step = 0; step < kSteps; ++step) {
    const uint32_t what = pick(20);
    if (what < 14) any_message();
    if (what == 14) any_accident();
    if (what == 15)
      anchor->dialog_ended(1 + pick(kCalls), "alice", "bob" + std::to_string(pick(3)));
    if (what == 16) anchor->call_ended(1 + pick(kCalls), [this](const auto&) { ++ended_; });
    if (what == 17) pass(pick(1000));
    if (what >= 18) settle();
  }
  // Every message waits for the dataplane once or twice, each for those before it in its call.
  pass(20'000);
  EXPECT_EQ(asked_, answered_);

  if (!alive_) dataplane->start();
  dataplane->stop(false);
  dataplane->refuse_adds({});
  dataplane->refuse_updates({});
  pass(20'000);
  EXPECT_EQ(anchor->snapshot().state, AnchorState::up);
  // Unless another got the port while the dataplane refused to take a stream back.
  if (count("dataplane_port_taken") == 0) {
    EXPECT_EQ(anchor->snapshot().streams, dataplane->calls().size());
  }
  for (uint64_t key = 1; key <= kCalls; ++key) end(key);
  pass(20'000);
  EXPECT_TRUE(dataplane->calls().empty());
  const AnchorSnapshot left = anchor->snapshot();
  EXPECT_EQ(left.streams + left.calls_anchored + left.calls_unanchored + left.adopted.size(), 0u);
  EXPECT_EQ(left.messages_waiting, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, AnchorProperty, testing::Range(1u, 61u));

}  // namespace
}  // namespace holdfast::sip
