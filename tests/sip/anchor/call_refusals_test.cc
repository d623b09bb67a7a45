// SPDX-License-Identifier: Apache-2.0
// What the anchor refuses, lets pass untouched, or does not follow.
#include "tests/sip/anchor/anchored_call.hh"

namespace holdfast::sip {
namespace {

using media::Side;
using Kind = MediaVerdict::Kind;

using CallRefusals = AnchoredCall;

TEST_F(CallRefusals, MalformedSdpIsRefusedByName) {
  const MediaVerdict bad = send(call.invite("v=0\r\nm=audio x RTP/AVP 0\r\n"));
  EXPECT_EQ(bad.kind, Kind::refuse);
  EXPECT_EQ(bad.status, 488);
  EXPECT_EQ(bad.reason, "sdp_bad_port");
  EXPECT_EQ(count("sdp_bad_port"), 1u);
  EXPECT_TRUE(dataplane->calls().empty());
  std::string thousand = "v=0\r\n";
  for (int i = 0; i < 1000; ++i) thousand += "a=x\r\n";
  EXPECT_EQ(send(call.invite(thousand)).reason, "sdp_too_many_lines");
  sent(call.invite(sdp(kAlice)));
  EXPECT_EQ(send(call.reply(200, "o=x\r\n")).reason, "sdp_no_version");
  EXPECT_EQ(send(call.reply(200, sdp(kBob) + "m=audio 5 RTP/AVP 0\r\n")).reason, "oa_media_count");
  EXPECT_EQ(wants(sent(call.reply(200, sdp(kBob)))), "198.18.1.2:30000");
}

TEST_F(CallRefusals, AnotherAnswerAfterTheOneThatCountsIsNotFollowed) {
  sent(call.invite(sdp(kAlice)));
  sent(call.reply(183, sdp(kBob), true));
  const std::string later = sent(call.reply(200, sdp("198.18.3.99:9900")));
  EXPECT_EQ(wants(later), "198.18.1.2:30000");
  EXPECT_EQ(remote(dataplane->only().call, 1), kBob);
  EXPECT_EQ(count("oa_answer_changed"), 1u);
  EXPECT_EQ(count("answers_not_followed"), 1u);
}

TEST_F(CallRefusals, AnAnswerThatNobodyAskedForMakesNothing) {
  // Of a call that is not known here: its offer passed before we were started.
  EXPECT_EQ(send(call.reply(200, sdp(kBob))).kind, Kind::pass);
  sent(call.invite(sdp(kAlice)));
  Call other = call;
  other.branch = "z9hG4bK-none";
  const MediaVerdict verdict = send(other.reply(200, sdp(kBob)));
  EXPECT_EQ(verdict.kind, Kind::refuse);
  EXPECT_EQ(verdict.reason, "oa_unknown_dialog");
  EXPECT_EQ(dataplane->calls().size(), 1u);
}

TEST_F(CallRefusals, MessagesOfCallsThatHaveEndedLeaveNothing) {
  config_.max_calls = 2;
  start();
  establish();
  end(1);
  for (call.key = 2; call.key < 4; ++call.key) {  // late ones, whose end nobody will tell
    EXPECT_EQ(send(call.request(Side::caller, Method::update, "v=9\r\n")).kind, Kind::refuse);
    EXPECT_EQ(send(call.invite("")).kind, Kind::pass);
  }
  EXPECT_EQ(send(call.invite(sdp(kAlice))).reason, "calls_full");
  pass(700'000);
  EXPECT_EQ(send(call.invite(sdp(kAlice))).kind, Kind::replace);
}

TEST_F(CallRefusals, CallsForHelpGoOnUpToTwiceAsMany) {
  config_.max_calls = 2;
  start();
  for (call.key = 1; call.key <= 2; ++call.key) sent(call.invite(sdp(kAlice)));
  EXPECT_EQ(send(call.invite(sdp(kAlice))).reason, "calls_full");
  for (; call.key <= 4; ++call.key) {
    MediaMessage help = call.invite(sdp(kAlice));
    help.emergency = true;
    EXPECT_EQ(send(help).kind, Kind::replace) << call.key;
  }
  MediaMessage beyond = call.invite(sdp(kAlice));
  beyond.emergency = true;
  EXPECT_EQ(send(beyond).reason, "calls_full");
  EXPECT_EQ(dataplane->calls().size(), 4u);
  EXPECT_EQ(count("calls_full"), 2u);
}

TEST_F(CallRefusals, BodiesThatAreNoSdpPass) {
  MediaMessage info = call.request(Side::caller, Method::info, sdp(kAlice));
  EXPECT_EQ(send(info).kind, Kind::pass);
  MediaMessage invite = call.invite("<isup/>");
  invite.content_type = "application/isup";
  EXPECT_EQ(send(invite).kind, Kind::pass);
  EXPECT_EQ(count("bodies_not_sdp"), 1u);
  EXPECT_TRUE(dataplane->calls().empty());
}

TEST_F(CallRefusals, CallsAndMessagesAreBounded) {
  config_.max_calls = 1;
  config_.max_waiting = 2;
  start();
  sent(call.invite(sdp(kAlice)));
  Call second;
  second.key = 2;
  const MediaVerdict full = send(second.invite(sdp(kAlice)));
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(full.reason, "calls_full");
  // The answer waits for the dataplane; behind it two more may wait.
  const auto answer = begin(call.reply(200, sdp(kBob)));
  const auto ack = begin(call.request(Side::caller, Method::ack, ""));
  const auto invite = begin(call.request(Side::caller, Method::invite, sdp(kAlice)));
  EXPECT_FALSE(*answer || *ack || *invite);
  const auto beyond = begin(call.request(Side::callee, Method::invite, sdp(kBob)));
  ASSERT_TRUE(*beyond);
  EXPECT_EQ((*beyond)->reason, "queue_full");
  settle();
  EXPECT_TRUE(*answer && *ack && *invite);
  EXPECT_EQ(count("queue_full"), 1u);
}

}  // namespace
}  // namespace holdfast::sip
