// SPDX-License-Identifier: Apache-2.0
// What the rules of an interface make of a call's legs: rtcp-mux with each side for itself
// (RFC 5761), and who may send.
#include "tests/sip/anchor/rig.hh"

namespace holdfast::sip {
namespace {

using media::Side;

const std::string kAlice = "198.18.1.10:4000";
const std::string kBob = "198.18.3.20:6000";
const std::string kMux = "a=rtcp-mux\r\n";

bool has_mux(const std::string& body) {
  return body.find(kMux) != std::string::npos;
}

class LegRules : public AnchorRig {
 protected:
  void rules(RtcpMux lan, RtcpMux wan) {
    config_.rules = {{"lan", {lan, false}}, {"wan", {wan, false}}};
    start();
  }
  // Whether the dataplane has the leg towards that side on one port.
  bool shares(Side side) const {
    const auto& leg = dataplane->only().legs[media::index_of(side)];
    return leg.local == leg.local_rtcp;
  }
  std::string offer(const std::string& more = "") { return sent(call.invite(sdp(kAlice, more))); }
  std::string answer(const std::string& more = "") {
    return sent(call.reply(200, sdp(kBob, more)));
  }
  Call call;
};

TEST_F(LegRules, RtcpMuxIsNegotiatedWithEachSide) {
  struct Row {
    RtcpMux lan, wan;
    bool alice_offers, bob_takes;            // as their SDP says
    bool bob_is_offered, alice_is_answered;  // as ours says
  };
  const RtcpMux off = RtcpMux::off, takes = RtcpMux::answer, offers = RtcpMux::offer;
  const Row rows[] = {
      {takes, takes, false, false, false, false},  {takes, takes, true, false, false, true},
      {takes, takes, true, true, false, true},  // Bob takes what he was not offered
      {off, off, true, false, false, false},       {takes, offers, false, true, true, false},
      {takes, offers, false, false, true, false},  {takes, offers, true, true, true, true},
      {off, offers, true, true, true, false},      {offers, off, true, true, false, true},
      {offers, takes, false, false, false, false},
  };
  int number = 0;
  for (const Row& row : rows) {
    SCOPED_TRACE(++number);
    rules(row.lan, row.wan);
    EXPECT_EQ(has_mux(offer(row.alice_offers ? kMux : "")), row.bob_is_offered);
    EXPECT_FALSE(shares(Side::caller)) << "not before the answer";
    EXPECT_EQ(has_mux(answer(row.bob_takes ? kMux : "")), row.alice_is_answered);
    EXPECT_EQ(shares(Side::caller), row.alice_is_answered);
    EXPECT_EQ(shares(Side::callee), row.bob_is_offered && row.bob_takes);
    end(call.key);
  }
}

TEST_F(LegRules, AReInviteKeepsRtcpMuxOrGivesItUp) {
  rules(RtcpMux::answer, RtcpMux::offer);
  offer(kMux);
  answer(kMux);
  ASSERT_TRUE(shares(Side::caller) && shares(Side::callee));
  // Bob asks: Alice is asked for what she does already, and it is not our own port for a=rtcp.
  const std::string to_phone =
      sent(call.request(Side::callee, Method::invite, sdp(kBob, "a=rtcp:6001\r\n" + kMux, "2")));
  EXPECT_TRUE(has_mux(to_phone));
  EXPECT_EQ(to_phone.find("a=rtcp:"), std::string::npos) << to_phone;
  EXPECT_TRUE(has_mux(sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice, kMux)))));
  EXPECT_TRUE(shares(Side::caller) && shares(Side::callee));
  // Alice gives it up; Bob does not.
  EXPECT_TRUE(has_mux(sent(call.request(Side::caller, Method::invite, sdp(kAlice, "", "2")))));
  EXPECT_TRUE(shares(Side::caller)) << "what stood goes on until the answer";
  const std::string back =
      sent(call.response(Side::callee, Method::invite, 200, sdp(kBob, kMux, "3")));
  EXPECT_FALSE(has_mux(back));
  EXPECT_FALSE(shares(Side::caller));
  EXPECT_TRUE(shares(Side::callee));
  // Now Bob does too, by a refusal of what he is offered.
  EXPECT_TRUE(has_mux(sent(call.request(Side::caller, Method::invite, sdp(kAlice, "", "3")))));
  sent(call.response(Side::callee, Method::invite, 200, sdp(kBob, "", "4")));
  EXPECT_FALSE(shares(Side::callee));
  EXPECT_EQ(dataplane->only().legs[1].remote->to_string(), kBob);
}

TEST_F(LegRules, AnOfferInThe200IsNegotiatedToo) {
  rules(RtcpMux::offer, RtcpMux::answer);
  send(call.invite(""));
  EXPECT_TRUE(has_mux(sent(call.reply(200, sdp(kBob))))) << "Alice's side is offered it";
  EXPECT_FALSE(has_mux(sent(call.request(Side::caller, Method::ack, sdp(kAlice, kMux)))));
  EXPECT_TRUE(shares(Side::caller));
  EXPECT_FALSE(shares(Side::callee));
}

TEST_F(LegRules, EachForkAgreesForItself) {
  rules(RtcpMux::answer, RtcpMux::offer);
  offer(kMux);
  Call first = call, second = call;
  first.callee_tag = "carol";
  EXPECT_TRUE(has_mux(sent(first.reply(183, sdp("198.18.3.30:7000")))));
  EXPECT_FALSE(shares(Side::callee));
  EXPECT_TRUE(has_mux(sent(second.reply(200, sdp(kBob, kMux)))));
  EXPECT_TRUE(shares(Side::caller) && shares(Side::callee));
}

TEST_F(LegRules, OverARestartOfEitherTheLegsStayAsTheyAre) {
  rules(RtcpMux::answer, RtcpMux::answer);
  offer(kMux);
  answer();
  start_anchor();
  settle();
  ASSERT_EQ(anchor->snapshot().adopted.size(), 1u);
  EXPECT_TRUE(has_mux(sent(call.request(Side::callee, Method::invite, sdp(kBob, "", "2")))));
  sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice, kMux)));
  EXPECT_TRUE(shares(Side::caller));
  EXPECT_FALSE(shares(Side::callee));
  // A dataplane that has lost its legs gets them again as they were.
  dataplane.reset();
  dataplane = std::make_unique<HandDataplane>(path_);
  pass(10'000);
  ASSERT_EQ(dataplane->calls().size(), 1u);
  EXPECT_TRUE(shares(Side::caller));
  EXPECT_FALSE(shares(Side::callee));
}

TEST_F(LegRules, APhoneIsOfferedTheFamilyThatItIsReachedBy) {
  start();
  // The centre calls over IPv6, with media to IPv6, a phone that registered over IPv4; and the
  // other way round.
  call.caller = at("wan", "[2001:db8:3::9]:8060");
  call.callee = kPhone;
  EXPECT_EQ(wants(sent(call.invite(sdp("[2001:db8:3::20]:6000")))), "198.18.1.2:30000");
  EXPECT_EQ(wants(sent(call.reply(200, sdp(kAlice)))), "[2001:db8:2::2]:30000");
  Call back;
  back.key = 2;
  back.branch = "z9hG4bK-2";
  back.callee = at("wan", "[2001:db8:3::9]:8060");
  EXPECT_EQ(wants(sent(back.invite(sdp("198.18.1.10:4002")))), "[2001:db8:2::2]:30002");
  EXPECT_EQ(wants(sent(back.reply(200, sdp("[2001:db8:3::20]:6002")))), "198.18.1.2:30002");
  // A later offer of the centre is told in the phone's family too.
  EXPECT_EQ(wants(sent(
                back.request(Side::callee, Method::invite, sdp("[2001:db8:3::20]:6004", "", "2")))),
            "198.18.1.2:30002");
}

TEST_F(LegRules, OnlyTheAddressOfSdpMaySendWhereTheRuleSaysSo) {
  config_.rules = {{"wan", {RtcpMux::answer, true}}};
  start();
  offer();
  const auto strict = [this](size_t leg) { return dataplane->only().legs[leg].strict_source; };
  EXPECT_FALSE(strict(1)) << "nothing is known of Bob";
  answer();
  EXPECT_FALSE(strict(0)) << "the LAN has no such rule";
  EXPECT_TRUE(strict(1));
  sent(call.request(Side::callee, Method::invite, sdp("198.18.3.30:7000", "", "2")));
  sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice)));
  EXPECT_TRUE(strict(1));
  EXPECT_EQ(dataplane->only().legs[1].remote->to_string(), "198.18.3.30:7000");
  // On hold by address it goes on with the remote that it has.
  std::string held = sdp("198.18.3.30:7000", "", "3");
  const std::string own = "c=IN IP4 198.18.3.30";
  held.replace(held.find(own), own.size(), "c=IN IP4 0.0.0.0");
  sent(call.request(Side::callee, Method::invite, held));
  sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice)));
  EXPECT_TRUE(strict(1));
  // A name says nothing of where packets will come from.
  std::string named = sdp("198.18.3.30:7000", "", "4");
  named.replace(named.find(own), own.size(), "c=IN IP4 bob.example");
  sent(call.request(Side::callee, Method::invite, named));
  sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice)));
  EXPECT_TRUE(strict(1)) << "the leg keeps its remote, and who may send";
}

}  // namespace
}  // namespace holdfast::sip
