// SPDX-License-Identifier: Apache-2.0
// SRTP while the dataplane is away or has no leg: what may pass us by, and what is told later.
#include "tests/sip/anchor/srtp_rig.hh"

namespace holdfast::sip {
namespace {

using Kind = MediaVerdict::Kind;

const SrtpPolicy kForbid = SrtpPolicy::forbid, kOffer = SrtpPolicy::offer,
                 kRequire = SrtpPolicy::require, kPass = SrtpPolicy::pass_through;

class SrtpAway : public Srtp {
 protected:
  // The dataplane is not there, and nobody waits for it any more.
  void go_away(SrtpPolicy lan, SrtpPolicy wan) {
    rules(lan, wan);
    dataplane->kill();
    pass(1'600);
  }
  // What became of it: "pass", "stripped", or the status of a refusal.
  std::string fate(const MediaMessage& message) {
    const MediaVerdict verdict = send(message);
    if (verdict.kind == Kind::refuse) {
      EXPECT_EQ(verdict.reason, "srtp_not_anchored");
      return std::to_string(verdict.status);
    }
    if (verdict.kind == Kind::pass) return "pass";
    EXPECT_EQ(verdict.body.find("a=crypto"), std::string::npos);
    EXPECT_EQ(wants(verdict.body), wants(message.body)) << "else as it came";
    return "stripped";
  }
};

const std::string kPlain = sdp(kAlice);
const std::string kOptional = sdp(kAlice, crypto(1, kAliceKey));
const std::string kAlone = savp(sdp(kAlice, crypto(1, kAliceKey)));

TEST_F(SrtpAway, AnOfferPassesByWhatTheRulesAllow) {
  struct Row {
    SrtpPolicy lan, wan;
    bool wan_tls;
    std::string offer, fate;
  };
  const Row rows[] = {
      {kOffer, kOffer, true, kPlain, "pass"},         {kOffer, kOffer, true, kOptional, "pass"},
      {kOffer, kOffer, true, kAlone, "pass"},         {kOffer, kOffer, false, kPlain, "pass"},
      {kOffer, kOffer, false, kOptional, "stripped"}, {kOffer, kOffer, false, kAlone, "503"},
      {kOffer, kForbid, true, kOptional, "stripped"}, {kPass, kForbid, true, kAlone, "503"},
      {kForbid, kRequire, true, kPlain, "503"},       {kOffer, kRequire, true, kPlain, "503"},
      {kOffer, kRequire, true, kOptional, "pass"},    {kRequire, kForbid, true, kOptional, "503"},
      {kRequire, kOffer, true, kAlone, "pass"},       {kPass, kPass, true, kAlone, "pass"},
      {kPass, kPass, false, kOptional, "stripped"},   {kForbid, kForbid, false, kPlain, "pass"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::to_string(&row - rows));
    if (dataplane) dataplane->start();
    go_away(row.lan, row.wan);
    if (!row.wan_tls) call.callee.transport = Transport::udp;
    EXPECT_EQ(fate(call.invite(row.offer)), row.fate);
    EXPECT_EQ(count("srtp_keys_removed"), row.fate == "stripped" ? 1u : 0u);
    EXPECT_EQ(count("srtp_pass_refused"), row.fate == "503" ? 1u : 0u);
    EXPECT_EQ(count("unanchored_away"), row.fate == "503" ? 0u : 1u);
    EXPECT_EQ(anchor->snapshot().calls_unanchored, row.fate == "503" ? 0u : 1u);
  }
}

TEST_F(SrtpAway, WhatTheRulesAllowIsAskedOfTheAnswerToo) {
  // The keys of a server with TLS, to a phone without it; and a plain answer to who requires SRTP.
  go_away(kOffer, kOffer);
  call.caller.transport = Transport::udp;
  EXPECT_EQ(fate(call.invite(kPlain)), "pass");
  EXPECT_EQ(fate(call.reply(183, sdp(kBob, crypto(1, kBobKey)))), "stripped");
  EXPECT_EQ(fate(call.reply(200, savp(sdp(kBob, crypto(1, kBobKey))))), "503");
  EXPECT_EQ(count("unanchored_answers"), 1u) << "the preview";
  dataplane->start();
  go_away(kRequire, kOffer);
  EXPECT_EQ(fate(call.invite(kOptional)), "pass");
  EXPECT_EQ(fate(call.reply(200, sdp(kBob))), "503");
  EXPECT_EQ(count("unanchored_answers"), 0u);
}

TEST_F(SrtpAway, AnOfferInThe200AndItsAnswerInTheAck) {
  go_away(kOffer, kOffer);
  call.callee.transport = Transport::udp;
  EXPECT_EQ(fate(call.invite("")), "pass");
  EXPECT_EQ(fate(call.reply(200, sdp(kBob))), "pass");
  // It cannot be refused; its body can.
  EXPECT_EQ(fate(call.request(Side::caller, Method::ack, kAlone)), "503");
  EXPECT_EQ(fate(call.request(Side::caller, Method::info, kOptional)), "stripped");
}

TEST_F(SrtpAway, NoLegIsNoReasonToTellKeys) {
  config_.refuse_without_legs = false;
  rules(kOffer, kOffer);
  call.callee.transport = Transport::udp;
  dataplane->refuse_adds(control::ErrorCode::kNoFreeLeg);
  EXPECT_EQ(fate(call.invite(kOptional)), "stripped");
  EXPECT_EQ(count("unanchored_refused"), 1u);
}

TEST_F(SrtpAway, NorIsACallThatIsNotFollowed) {
  config_.max_calls = 0;
  config_.refuse_without_legs = false;
  rules(kOffer, kOffer);
  call.callee.transport = Transport::udp;
  EXPECT_EQ(fate(call.invite(kOptional)), "stripped");
  EXPECT_EQ(fate(call.request(Side::caller, Method::update, kAlone)), "503");
  EXPECT_EQ(fate(call.request(Side::caller, Method::ack, kAlone)), "503") << "of no call here";
  EXPECT_EQ(count("calls_full"), 2u);
}

TEST_F(SrtpAway, NorAreTooManyMessagesThatWait) {
  config_.max_waiting = 0;
  rules(kOffer, kOffer);
  call.caller.transport = Transport::udp;
  EXPECT_EQ(send(call.invite(kPlain)).reason, "queue_full");
  EXPECT_EQ(fate(call.reply(183, sdp(kBob, crypto(1, kBobKey)))), "stripped");
}

TEST_F(SrtpAway, BodiesThatWeDoNotReadHoldNoKeys) {
  go_away(kOffer, kOffer);
  call.callee.transport = Transport::udp;
  const auto twice = [this](const std::string& body) {
    MediaMessage m =
        call.invite("--b\r\nContent-Type: application/sdp\r\n\r\n" + body +
                    "\r\n--b\r\nContent-Type: application/sdp\r\n\r\n" + body + "\r\n--b--\r\n");
    m.content_type = "multipart/mixed;boundary=b";
    return m;
  };
  EXPECT_EQ(fate(twice(kOptional)), "488");
  EXPECT_EQ(fate(twice(kPlain)), "pass");
}

TEST_F(SrtpAway, LinesThatPolicyLetsPassKeepToTheRules) {
  const std::string video = "m=video 4010 RTP/AVP 31\r\n";
  config_.media.policy.video = media::MediaAction::pass;
  rules(kOffer, kOffer);
  call.callee.transport = Transport::udp;
  const std::string optional = sent(call.invite(kPlain + video + crypto(1, kAliceKey)));
  EXPECT_EQ(optional.find("a=crypto"), std::string::npos);
  EXPECT_EQ(wants(optional, 1), "198.18.1.10:4010");
  end(call.key);
  const std::string alone =
      sent(call.invite(kPlain + "m=video 4010 RTP/SAVP 31\r\n" + crypto(1, kAliceKey)));
  EXPECT_EQ(alone.find("a=crypto"), std::string::npos);
  EXPECT_EQ(wants(alone, 1), "refused");
  EXPECT_EQ(count("srtp_needs_tls"), 1u);
}

TEST_F(SrtpAway, ANewKeyThatTheDataplaneDidNotHearIsToldAgain) {
  const auto rekey = [this](const std::string& key, const std::string& version) {
    sent(call.request(Side::caller, Method::invite, sdp(kAlice, "", version)));
    sent(
        call.response(Side::callee, Method::invite, 200, savp(sdp(kBob, crypto(1, key), version))));
  };
  establish();
  // Away: it goes on with the old keys, and its report looks as if nothing were missing.
  dataplane->crash();
  pass(100);
  rekey(kNewKey, "2");
  EXPECT_TRUE(is(leg(Side::callee)->in, kBobKey));
  dataplane->start();
  pass(300);
  EXPECT_TRUE(is(leg(Side::callee)->in, kNewKey));
  // Refused.
  dataplane->refuse_updates(control::ErrorCode::kBusy);
  rekey(kBobKey, "3");
  EXPECT_TRUE(is(leg(Side::callee)->in, kNewKey));
  pass(5'100);
  dataplane->refuse_updates({});
  pass(5'100);
  EXPECT_TRUE(is(leg(Side::callee)->in, kBobKey));
  // And then it is at rest.
  dataplane->forget_log();
  pass(20'000);
  EXPECT_TRUE(dataplane->log().empty());
}

}  // namespace
}  // namespace holdfast::sip
