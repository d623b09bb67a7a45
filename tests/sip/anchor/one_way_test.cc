// SPDX-License-Identifier: Apache-2.0
// Calls of which one side is not heard: told once, of either side, and only where both should send.
#include "tests/sip/anchor/rig.hh"

namespace holdfast::sip {
namespace {

using media::Side;

const std::string kAlice = "198.18.1.10:4000";
const std::string kBob = "198.18.3.20:6000";
constexpr size_t kCaller = 0, kCallee = 1;

class OneWay : public AnchorRig {
 protected:
  void SetUp() override {
    config_.poll_s = 1;
    config_.one_way_s = 5;
    start();
    listen();
  }
  void listen() {
    anchor->on_one_way([this](uint64_t key, Side side, bool missing) {
      EXPECT_EQ(key, call.key);
      told.push_back(std::string(side == Side::caller ? "caller" : "callee") +
                     (missing ? " missing" : " again"));
    });
  }
  void establish(const std::string& offer = "", const std::string& answer = "") {
    sent(call.invite(sdp(kAlice, offer)));
    sent(call.reply(200, sdp(kBob, answer)));
    name = dataplane->only().call;
  }
  void offer(Side side, const std::string& more, const std::string& more_answered,
             const std::string& version) {
    const bool caller = side == Side::caller;
    sent(call.request(side, Method::invite, sdp(caller ? kAlice : kBob, more, version)));
    sent(call.response(media::other(side), Method::invite, 200,
                       sdp(caller ? kBob : kAlice, more_answered, version)));
  }
  // So many seconds in which these ends send RTP, and those RTCP.
  void talk(int seconds, const std::vector<size_t>& rtp, const std::vector<size_t>& rtcp = {}) {
    for (int second = 0; second < seconds; ++second) {
      for (const size_t end : rtp) dataplane->media(name, 50, end);
      for (const size_t end : rtcp) dataplane->rtcp(name, end);
      pass(1000);
    }
  }
  using Told = std::vector<std::string>;
  Call call;
  std::string name;
  Told told;
};

TEST_F(OneWay, EitherSideIsToldOfOnceAndWhenItComesBack) {
  establish();
  talk(10, {kCaller, kCallee});
  EXPECT_EQ(told, Told());
  talk(4, {kCaller});
  EXPECT_EQ(told, Told()) << "not yet";
  talk(20, {kCaller});
  EXPECT_EQ(told, Told{"callee missing"});
  talk(2, {kCaller, kCallee});
  EXPECT_EQ(told, (Told{"callee missing", "callee again"}));
  talk(20, {kCallee});
  EXPECT_EQ(told.back(), "caller missing");
  EXPECT_EQ(told.size(), 3u);
  EXPECT_EQ(count("one_way"), 2u);
  // The end of the call ends it.
  end(call.key);
  EXPECT_EQ(told.back(), "caller again");
}

TEST_F(OneWay, OfASideThatNeverSentToo) {
  establish();
  talk(8, {kCallee});
  EXPECT_EQ(told, Told{"caller missing"});
}

TEST_F(OneWay, SilenceSuppressionIsNotIt) {
  establish();
  talk(30, {kCaller}, {kCallee});
  EXPECT_EQ(told, Told()) << "RTCP says that it is there";
  EXPECT_TRUE(silent.empty());
}

TEST_F(OneWay, NobodySendingIsSilenceAndNotIt) {
  establish();
  talk(30, {});
  talk(10, {}, {kCaller});
  EXPECT_EQ(told, Told()) << "who sends RTCP alone is not heard either";
}

TEST_F(OneWay, HoldIsNotIt) {
  establish();
  talk(5, {kCaller, kCallee});
  offer(Side::callee, "a=sendonly\r\n", "a=recvonly\r\n", "2");  // with its music
  talk(30, {kCallee});
  EXPECT_EQ(told, Told());
  offer(Side::callee, "", "", "3");
  talk(3, {kCallee});
  EXPECT_EQ(told, Told()) << "the time begins anew";
  talk(5, {kCallee});
  EXPECT_EQ(told, Told{"caller missing"});
  offer(Side::caller, "a=sendonly\r\n", "a=recvonly\r\n", "4");
  pass(2000);
  EXPECT_EQ(told.back(), "caller again") << "it need not send any more";
}

TEST_F(OneWay, AnnouncementsBeforeTheAnswerAreNotIt) {
  sent(call.invite(sdp(kAlice)));
  sent(call.reply(183, sdp(kBob)));
  name = dataplane->only().call;
  talk(30, {kCallee});
  EXPECT_EQ(told, Told());
  sent(call.reply(200, ""));
  talk(3, {kCallee});
  EXPECT_EQ(told, Told());
  talk(5, {kCallee});
  EXPECT_EQ(told, Told{"caller missing"});
}

TEST_F(OneWay, OnlyAudioIsHeld) {
  sent(call.invite(sdp(kAlice) + "m=video 4010 RTP/AVP 31\r\n"));
  sent(call.reply(200, sdp(kBob) + "m=video 6010 RTP/AVP 31\r\n"));
  name = dataplane->calls().begin()->first;
  const std::string video = dataplane->calls().rbegin()->first;
  ASSERT_NE(video.find("-video"), std::string::npos);
  for (int second = 0; second < 20; ++second) {
    dataplane->media(video, 50, kCaller);
    talk(1, {kCaller, kCallee});
  }
  EXPECT_EQ(told, Told());
}

TEST_F(OneWay, ADataplaneThatWasAwayIsWaitedFor) {
  establish();
  talk(5, {kCaller, kCallee});
  dataplane.reset();
  pass(20'000);
  dataplane = std::make_unique<HandDataplane>(path_);
  pass(2000);
  ASSERT_EQ(dataplane->calls().size(), 1u);
  talk(3, {kCaller});
  EXPECT_EQ(told, Told());
  talk(5, {kCaller});
  EXPECT_EQ(told, Told{"callee missing"});
}

TEST_F(OneWay, ZeroMeansNever) {
  config_.one_way_s = 0;
  config_.media_timeout_s = 0;
  config_.hold_timeout_s = 0;
  start_anchor();
  settle();
  listen();
  establish();
  talk(30, {kCaller});
  pass(1'000'000);
  EXPECT_EQ(told, Told());
  EXPECT_TRUE(silent.empty());
  EXPECT_EQ(dataplane->calls().size(), 1u);
}

}  // namespace
}  // namespace holdfast::sip
