// SPDX-License-Identifier: Apache-2.0
// Routing decisions by table: who sends what in which state, and what becomes of it.
#include "sip/route.hh"

#include <gtest/gtest.h>

#include "tests/sip/route_fixture.hh"

namespace holdfast::sip {
namespace {

using B = Branch;
constexpr auto kOnline = HealthState::online;
constexpr auto kSuspect = HealthState::suspect;
constexpr auto kSurvival = HealthState::survival;
constexpr auto kRecovering = HealthState::recovering;

struct Row {
  const char* name;
  HealthState health;
  const char* method;
  const char* uri;
  const char* source;
  const char* interface;
  const char* decision;
};

TEST(Route, OutsideADialog) {
  const Row rows[] = {
      // a phone calls
      {"phone to phone", kOnline, "INVITE", "sip:1002@centre.example.com", B::kAlice, "lan",
       "to_centre"},
      {"phone to phone", kSuspect, "INVITE", "sip:1002@centre.example.com", B::kAlice, "lan",
       "to_centre"},
      {"phone to phone", kSurvival, "INVITE", "sip:1002@centre.example.com", B::kAlice, "lan",
       "local_to_phone"},
      {"phone to phone at our address", kSurvival, "INVITE", "sip:1002@198.18.1.2", B::kAlice,
       "lan", "local_to_phone"},
      {"phone to phone, not yet handed back", kRecovering, "INVITE", "sip:1002@centre.example.com",
       B::kAlice, "lan", "local_to_phone"},
      {"phone to a number outside", kOnline, "INVITE", "sip:912125551000@centre.example.com",
       B::kAlice, "lan", "to_centre"},
      {"phone to a number outside", kSurvival, "INVITE", "sip:912125551000@centre.example.com",
       B::kAlice, "lan", "local_to_gateway"},
      {"phone to a number outside", kRecovering, "INVITE", "sip:912125551000@centre.example.com",
       B::kAlice, "lan", "to_centre"},
      {"tel: RFC 3966", kSurvival, "INVITE", "tel:912125551000", B::kAlice, "lan",
       "local_to_gateway"},
      {"a phone that never registered, outside", kSurvival, "INVITE",
       "sip:912125551000@centre.example.com", B::kNew, "lan", "reply_caller_not_registered"},
      {"to whom only the centre knows", kSurvival, "INVITE", "sip:bob@hq.example.com", B::kAlice,
       "lan", "reply_dial_plan_rejected"},
      {"to no user", kSurvival, "INVITE", "sip:centre.example.com", B::kAlice, "lan",
       "reply_dial_plan_rejected"},
      // help
      {"emergency", kOnline, "INVITE", "sip:911@centre.example.com", B::kAlice, "lan", "emergency"},
      {"emergency", kSuspect, "INVITE", "sip:911@centre.example.com", B::kAlice, "lan",
       "emergency"},
      {"emergency", kSurvival, "INVITE", "sip:911@centre.example.com", B::kAlice, "lan",
       "emergency"},
      {"emergency", kRecovering, "INVITE", "sip:911@centre.example.com", B::kAlice, "lan",
       "emergency"},
      {"emergency from a phone that never registered", kSurvival, "INVITE", "tel:911", B::kNew,
       "lan", "emergency"},
      {"RFC 5031", kOnline, "INVITE", "urn:service:sos", B::kAlice, "lan", "emergency"},
      // the gateway calls
      {"gateway to phone", kOnline, "INVITE", "sip:+12125551002@198.18.1.2", B::kGateway, "lan",
       "to_centre"},
      {"gateway to phone", kSurvival, "INVITE", "sip:+12125551002@198.18.1.2", B::kGateway, "lan",
       "local_to_phone"},
      {"gateway to an extension", kSurvival, "INVITE", "sip:1002@198.18.1.2", B::kGateway, "lan",
       "local_to_phone"},
      {"gateway to gateway, never", kSurvival, "INVITE", "sip:912125551000@198.18.1.2", B::kGateway,
       "lan", "reply_dial_plan_rejected"},
      {"gateway to help, never", kSurvival, "INVITE", "sip:911@198.18.1.2", B::kGateway, "lan",
       "reply_dial_plan_rejected"},
      // the centre calls
      {"centre to a contact", kOnline, "INVITE", "sip:1002@198.18.1.22:5060", B::kCentre, "wan",
       "to_phone"},
      {"centre, from another port (TCP)", kOnline, "INVITE", "sip:1002@198.18.1.22:5060",
       "198.18.3.10:40000", "wan", "to_phone"},
      {"centre to a user at our address", kOnline, "INVITE", "sip:1002@198.18.2.2", B::kCentre,
       "wan", "to_phone"},
      {"centre, while it counts as dead", kSurvival, "INVITE", "sip:1002@198.18.1.22:5060",
       B::kCentre, "wan", "to_phone"},
      {"centre to the gateway", kOnline, "INVITE", "sip:12125551000@198.18.1.9", B::kCentre, "wan",
       "to_gateway"},
      {"centre to a number at our address", kOnline, "INVITE", "sip:912125551000@198.18.2.2",
       B::kCentre, "wan", "to_gateway"},
      {"centre to nobody", kOnline, "INVITE", "sip:1099@198.18.2.2", B::kCentre, "wan",
       "reply_no_such_user"},
      {"centre elsewhere: we are no open relay", kOnline, "INVITE", "sip:x@192.0.2.1", B::kCentre,
       "wan", "reply_no_such_user"},
      // strangers
      {"from the WAN, not the centre", kOnline, "INVITE", "sip:1002@198.18.2.2", "192.0.2.66:5060",
       "wan", "reply_stranger_refused"},
      {"the gateway's address on the WAN", kOnline, "INVITE", "sip:1002@198.18.2.2", B::kGateway,
       "wan", "reply_stranger_refused"},
      {"REGISTER from the WAN", kSurvival, "REGISTER", "sip:centre.example.com", "192.0.2.66:5060",
       "wan", "reply_stranger_refused"},
      {"ACK from a stranger", kOnline, "ACK", "sip:1002@198.18.2.2", "192.0.2.66:5060", "wan",
       "drop_ack_refused"},
      // other methods
      {"OPTIONS to us: RFC 3261 11", kOnline, "OPTIONS", "sip:198.18.1.2", B::kAlice, "lan",
       "reply_options_answered"},
      {"OPTIONS to our name", kSurvival, "OPTIONS", "sip:box.branch.example", B::kAlice, "lan",
       "reply_options_answered"},
      {"OPTIONS of the centre", kOnline, "OPTIONS", "sip:198.18.2.2:5060", B::kCentre, "wan",
       "reply_options_answered"},
      {"OPTIONS through", kOnline, "OPTIONS", "sip:1002@centre.example.com", B::kAlice, "lan",
       "to_centre"},
      {"SUBSCRIBE", kOnline, "SUBSCRIBE", "sip:1002@centre.example.com", B::kAlice, "lan",
       "to_centre"},
      {"SUBSCRIBE", kSurvival, "SUBSCRIBE", "sip:1002@centre.example.com", B::kAlice, "lan",
       "reply_centre_unreachable"},
      {"PUBLISH", kSurvival, "PUBLISH", "sip:1001@centre.example.com", B::kAlice, "lan",
       "reply_centre_unreachable"},
      {"MESSAGE", kSurvival, "MESSAGE", "sip:1002@centre.example.com", B::kAlice, "lan",
       "local_to_phone"},
      {"MESSAGE is no call to the gateway", kSurvival, "MESSAGE", "sip:912125551000@h", B::kAlice,
       "lan", "reply_dial_plan_rejected"},
      {"unknown methods pass: RFC 3261 16.1", kOnline, "SERVICE", "sip:x@centre.example.com",
       B::kAlice, "lan", "to_centre"},
      {"unknown methods pass", kOnline, "BREW", "sip:1002@198.18.1.22:5060", B::kCentre, "wan",
       "to_phone"},
      {"ACK without a dialog", kOnline, "ACK", "sip:1002@centre.example.com", B::kAlice, "lan",
       "drop_ack_refused"},
      // REGISTER
      {"REGISTER", kOnline, "REGISTER", "sip:centre.example.com", B::kAlice, "lan",
       "register_to_centre"},
      {"REGISTER", kSuspect, "REGISTER", "sip:centre.example.com", B::kNew, "lan",
       "register_to_centre"},
      {"REGISTER from the centre", kOnline, "REGISTER", "sip:centre.example.com", B::kCentre, "wan",
       "reply_register_from_inside"},
      {"RFC 3261 16.3.2", kOnline, "INVITE", "mailto:a@b", B::kAlice, "lan", "reply_bad_scheme"},
      {"RFC 5031, but not from a phone", kOnline, "INVITE", "urn:service:sos", B::kCentre, "wan",
       "reply_bad_scheme"},
  };
  for (const Row& row : rows) {
    Branch b;
    b.state.health = row.health;
    b.state.hand_back_since_ms = B::kNow + 1;
    Request r = request(row.method, row.uri, from(row.source, row.interface));
    EXPECT_EQ(b.name(r), row.decision) << row.name << " in " << name_of(row.health);
  }
}

TEST(Route, OnlineCallTriesThePairAndThenUsWithin3s) {
  const Branch b;
  const Forward f = b.forwarded(b.invite("sip:1002@box.branch.example", B::kAlice));
  ASSERT_EQ(f.targets.size(), 3u);
  EXPECT_EQ(f.targets[0].hop.address.to_string(), B::kCentre);
  EXPECT_EQ(f.targets[1].hop.address.to_string(), B::kSecond);
  EXPECT_EQ(f.targets[2].hop.address.to_string(), B::kBob);
  EXPECT_EQ(f.targets[0].request_uri.to_string(), "sip:1002@centre.example.com");
  EXPECT_EQ(f.targets[2].request_uri.to_string(), "sip:1002@198.18.1.22:5060");
  EXPECT_EQ(f.targets[2].group, 2);
  EXPECT_EQ(f.answer_wait_ms, 1500u) << "two servers in 3 s";
  EXPECT_EQ(f.max_forwards, 69);
  EXPECT_NE(f.targets[0].branch, f.targets[1].branch);
}

TEST(Route, RFC3261_16_6_4_RecordRouteOnBothInterfacesWithAToken) {
  const Branch b;
  const Request r = b.invite("sip:1002@centre.example.com", B::kAlice);
  const Forward f = b.forwarded(r);
  const auto& to_centre = f.targets[0].record_route;
  ASSERT_EQ(to_centre.size(), 2u);
  EXPECT_EQ(to_centre[0].host, "198.18.2.2") << "on top the one that the centre can reach";
  EXPECT_EQ(to_centre[1].host, "198.18.1.2");
  EXPECT_TRUE(to_centre[0].is_loose_router());
  const auto opened =
      open_token(to_centre[0].find("hf")->value, b.config.keys, r.call_id, r.from.tag, "");
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->token, (CallToken{0xc0ffee, Peer::phone, false, false}));
  EXPECT_EQ(f.targets[2].record_route.size(), 1u) << "phone to phone has one side";
  for (const char* method : {"REGISTER", "OPTIONS", "MESSAGE", "PUBLISH"}) {
    const Forward other =
        b.forwarded(request(method, "sip:1002@centre.example.com", from(B::kAlice)));
    EXPECT_TRUE(other.targets[0].record_route.empty()) << method;
  }
}

TEST(Route, EmergencyGoesToTheGatewayFirstAndThenToTheCentre) {
  Branch b;
  b.state.overloaded = b.state.draining = true;
  const Request r = b.invite("sip:911@centre.example.com", B::kAlice);
  const Forward f = b.forwarded(r);
  ASSERT_EQ(f.targets.size(), 3u);
  EXPECT_EQ(f.targets[0].hop.address.to_string(), B::kGateway);
  EXPECT_EQ(f.targets[0].request_uri.user, "911");
  const auto opened = open_token(f.targets[0].record_route[0].find("hf")->value, b.config.keys,
                                 r.call_id, r.from.tag, "");
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(opened->token.emergency);
}

TEST(Route, OverloadAndDrain) {
  Branch b;
  const Request call = b.invite("sip:1002@centre.example.com", B::kAlice);
  Request reg =
      registration("sip:1001@centre.example.com", "sip:1001@198.18.1.21:5060", from(B::kAlice), 2);
  const Request probe = request("OPTIONS", "sip:198.18.1.2", from(B::kAlice));
  const Request cancel = request("CANCEL", "sip:1002@centre.example.com", from(B::kAlice));
  b.state.draining = true;
  EXPECT_EQ(b.name(call), "reply_draining");
  EXPECT_EQ(b.name(probe), "reply_draining") << "RFC 3261 11.2: as an INVITE would be answered";
  EXPECT_EQ(b.name(reg), "register_to_centre");
  EXPECT_EQ(b.name(cancel), "to_centre");
  EXPECT_EQ(b.replied(call).retry_after_s, 30u);
  EXPECT_EQ(b.replied(call).code, 503);
  b.state.overloaded = true;
  EXPECT_EQ(b.name(call), "reply_overloaded");
  EXPECT_EQ(b.name(reg), "reply_overloaded");
  EXPECT_EQ(b.name(cancel), "to_centre");
}

TEST(Route, RFC3261_16_3_MaxForwards) {
  const Branch b;
  Request r = b.invite("sip:1002@centre.example.com", B::kAlice);
  r.max_forwards = 0;
  EXPECT_EQ(b.name(r), "reply_too_many_hops");
  r.max_forwards = 1;
  EXPECT_EQ(b.forwarded(r).max_forwards, 0);
  r.max_forwards.reset();
  EXPECT_EQ(b.forwarded(r).max_forwards, 70);
  Request options = request("OPTIONS", "sip:1002@centre.example.com", from(B::kAlice));
  options.max_forwards = 0;
  EXPECT_EQ(b.name(options), "reply_options_answered");
  Request ack = request("ACK", "sip:x@y", from(B::kAlice));
  ack.max_forwards = 0;
  EXPECT_EQ(b.name(ack), "drop_ack_refused");
}

TEST(Route, RFC3261_16_3_5_ProxyRequire) {
  const Branch b;
  Request r = b.invite("sip:1002@centre.example.com", B::kAlice);
  r.proxy_require = {"sec-agree", "nothing-which-exists"};
  EXPECT_EQ(b.name(r), "reply_bad_extension");
  EXPECT_EQ(b.replied(r).unsupported, r.proxy_require);
}

// Our Via on top, and the request comes back from the centre.
Request come_back(const Request& first, const Target& sent, const char* uri_text) {
  Request r = first;
  r.via.insert(r.via.begin(), {Transport::udp, "198.18.2.2", 5060, sent.branch, ""});
  r.via.insert(r.via.begin(), {Transport::udp, "198.18.3.10", 8060, "z9hG4bKcentre", ""});
  r.uri = uri(uri_text);
  r.origin = from(B::kCentre, "wan");
  return r;
}

TEST(Route, RFC5393_ALoopIsRefusedAndASpiralIsNot) {
  const Branch b;
  const Request first = b.invite("sip:1002@centre.example.com", B::kAlice);
  const Forward out = b.forwarded(first);
  // A proxy centre sends the branch's own call back to the contact: a spiral.
  EXPECT_EQ(b.name(come_back(first, out.targets[0], "sip:1002@198.18.1.22:5060")), "to_phone");
  // The same from the phone's side a second time, nothing changed: a loop.
  Request again = first;
  again.via.insert(again.via.begin(),
                   {Transport::udp, "198.18.1.2", 5060, out.targets[0].branch, ""});
  EXPECT_EQ(b.name(again), "reply_loop_detected");
  again.via.front().host = "box.branch.example";
  again.via.front().port = 0;
  EXPECT_EQ(b.name(again), "reply_loop_detected") << "under another name of ours";
  again.via.front().host = "192.0.2.1";
  EXPECT_EQ(b.name(again), "to_centre") << "another's Via";
}

TEST(Route, RFC5393_5_3_MaxBreadth) {
  Branch b;
  b.know("1002", "198.18.1.23:5060");
  b.know("1002", "198.18.1.24:5060");
  b.state.health = kSurvival;
  Request r = b.invite("sip:1002@centre.example.com", B::kAlice);
  EXPECT_EQ(b.forwarded(r).targets.size(), 3u);
  EXPECT_EQ(b.forwarded(r).max_breadth, 20);
  r.max_breadth = 2;
  EXPECT_EQ(b.forwarded(r).targets.size(), 2u);
  EXPECT_EQ(b.forwarded(r).max_breadth, 1);
  r.max_breadth = 0;
  EXPECT_EQ(b.name(r), "reply_max_breadth_exceeded");
}

TEST(Route, RFC3261_16_10_CancelAndAckOfOurTransactions) {
  Branch b;
  b.state.matches_transaction = true;
  EXPECT_EQ(b.name(request("CANCEL", "sip:1002@centre.example.com", from(B::kAlice))),
            "reply_cancel_answered");
  EXPECT_EQ(b.name(request("ACK", "sip:1002@centre.example.com", from(B::kAlice))),
            "drop_ack_absorbed");
}

TEST(Route, RFC3261_16_11_CancelAfterARestartFollowsItsInvite) {
  const Branch b;
  const Request call = b.invite("sip:1002@centre.example.com", B::kAlice);
  Request cancel = call;
  cancel.method = Method::cancel;
  const Forward a = b.forwarded(call), c = b.forwarded(cancel);
  EXPECT_TRUE(c.stateless);
  ASSERT_EQ(c.targets.size(), 1u);
  EXPECT_EQ(c.targets[0].branch, a.targets[0].branch);
  EXPECT_EQ(c.targets[0].hop, a.targets[0].hop);
  EXPECT_EQ(c.targets[0].request_uri, a.targets[0].request_uri);
}

TEST(Route, PathBringsACallToAContactThatWeHaveForgotten) {
  Branch b;
  Request r = b.invite("sip:1005@198.18.1.55:5060", B::kCentre, "wan");
  EXPECT_EQ(b.name(r), "reply_no_such_user");
  r.route.push_back({uri("sip:198.18.2.2:5060;lr"), ""});
  EXPECT_EQ(b.name(r), "to_phone");
  EXPECT_EQ(b.forwarded(r).targets[0].hop.address.to_string(), "198.18.1.55:5060");
  r.uri = uri("sip:1005@224.0.0.1");
  EXPECT_EQ(b.name(r), "reply_next_hop_unresolved") << "no copies to everybody";
}

TEST(Route, RecoveringAPhoneThatWasHandedBackIsTheCentresAgain) {
  Branch b;
  b.state.health = kRecovering;
  b.state.hand_back_since_ms = B::kNow;
  EXPECT_EQ(b.name(b.invite("sip:1002@centre.example.com", B::kAlice)), "to_centre");
  b.state.hand_back_since_ms = B::kNow + 1;
  EXPECT_EQ(b.name(b.invite("sip:1002@centre.example.com", B::kAlice)), "local_to_phone");
}

TEST(Route, WithNoServerKnownTheBranchStillCalls) {
  Branch b;
  b.state.candidates.clear();
  EXPECT_EQ(b.name(b.invite("sip:1002@centre.example.com", B::kAlice)), "local_to_phone");
  EXPECT_EQ(b.name(request("REGISTER", "sip:centre.example.com", from(B::kAlice))),
            "reply_no_upstream_known");
}

TEST(Route, EveryDecisionHasNameAndText) {
#define HOLDFAST_X(name, code, phrase, why)      \
  EXPECT_EQ(name_of(ReplyName::name), #name);    \
  EXPECT_EQ(code_of(ReplyName::name), code);     \
  EXPECT_EQ(phrase_of(ReplyName::name), phrase); \
  EXPECT_FALSE(text_of(ReplyName::name).empty());
  HOLDFAST_SIP_REPLIES(HOLDFAST_X)
#undef HOLDFAST_X
#define HOLDFAST_X(name, text)               \
  EXPECT_EQ(name_of(DropName::name), #name); \
  EXPECT_FALSE(text_of(DropName::name).empty());
  HOLDFAST_SIP_DROPS(HOLDFAST_X)
#undef HOLDFAST_X
#define HOLDFAST_X(name, text)                  \
  EXPECT_EQ(name_of(ForwardName::name), #name); \
  EXPECT_FALSE(text_of(ForwardName::name).empty());
  HOLDFAST_SIP_FORWARDS(HOLDFAST_X)
#undef HOLDFAST_X
}

}  // namespace
}  // namespace holdfast::sip
