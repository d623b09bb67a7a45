// SPDX-License-Identifier: Apache-2.0
// Requests inside dialogs (RFC 3261 sections 16.4 and 16.12) and REGISTER, in every state.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/sip/route_fixture.hh"

namespace holdfast::sip {
namespace {

using B = Branch;

struct Dialog {
  Branch branch;
  Request first;
  Target sent;  // to the centre, with our two Record-Routes
  Dialog()
      : first(branch.invite("sip:1099@centre.example.com", B::kAlice)),
        sent(branch.forwarded(first).targets.at(0)) {}
  Request by_phone(const char* method) const {
    return in_dialog(method, first, sent, true, "sip:1099@198.18.3.10:8060", from(B::kAlice));
  }
  Request by_centre(const char* method) const {
    return in_dialog(method, first, sent, false, "sip:1001@198.18.1.21:5060",
                     from(B::kCentre, "wan"));
  }
};

TEST(RouteInDialog, RFC3261_16_12_1_1_LooseRoutingBothWaysInEveryState) {
  Dialog d;
  for (const HealthState health : {HealthState::online, HealthState::suspect, HealthState::survival,
                                   HealthState::recovering}) {
    d.branch.state.health = health;
    d.branch.state.overloaded = d.branch.state.draining = true;
    for (const char* method :
         {"ACK", "BYE", "INVITE", "UPDATE", "INFO", "PRACK", "REFER", "BREW"}) {
      const Forward out = d.branch.forwarded(d.by_phone(method));
      EXPECT_EQ(out.name, ForwardName::in_dialog) << method;
      ASSERT_EQ(out.targets.size(), 1u);
      EXPECT_EQ(out.targets[0].hop.address.to_string(), B::kCentre);
      EXPECT_TRUE(out.targets[0].route.empty()) << "both of ours are off";
      EXPECT_TRUE(out.targets[0].record_route.empty());
      const Forward in = d.branch.forwarded(d.by_centre(method));
      EXPECT_EQ(in.targets.at(0).hop.address.to_string(), B::kAlice);
      EXPECT_EQ(in.targets.at(0).hop.interface, "lan");
    }
  }
}

TEST(RouteInDialog, RFC3261_16_12_FurtherProxiesKeepTheirRoute) {
  Dialog d;
  Request bye = d.by_phone("BYE");
  bye.route.push_back({uri("sip:198.18.3.10:8060;lr"), ""});
  bye.route.push_back({uri("sip:far.example.com;lr"), ""});
  const Forward f = d.branch.forwarded(bye);
  EXPECT_EQ(f.targets[0].route.size(), 2u);
  EXPECT_EQ(f.targets[0].hop.address.to_string(), B::kCentre);
  EXPECT_EQ(f.targets[0].request_uri, bye.uri);
}

TEST(RouteInDialog, InSurvivalAByeLeavesOutTheCentreBetweenUsAndUs) {
  Dialog d;
  Request bye = d.by_phone("BYE");
  bye.uri = uri("sip:1002@198.18.1.22:5060");
  bye.route.push_back({uri("sip:198.18.3.10:8060;lr"), ""});
  bye.route.push_back({uri("sip:198.18.2.2:5060;lr"), ""});
  bye.route.push_back({uri("sip:198.18.1.2:5060;lr"), ""});
  EXPECT_EQ(d.branch.forwarded(bye).targets[0].hop.address.to_string(), B::kCentre);
  d.branch.state.health = HealthState::survival;
  const Forward f = d.branch.forwarded(bye);
  EXPECT_EQ(f.targets[0].hop.address.to_string(), B::kBob);
  EXPECT_TRUE(f.targets[0].route.empty());
  bye.method = Method::invite;  // its SDP is to be anchored at each passage
  EXPECT_EQ(d.branch.forwarded(bye).targets[0].hop.address.to_string(), B::kCentre);
  bye.method = Method::bye;
  bye.route.resize(bye.route.size() - 2);  // beyond the centre is not us
  EXPECT_EQ(d.branch.forwarded(bye).targets[0].hop.address.to_string(), B::kCentre);
}

TEST(RouteInDialog, RFC3261_16_12_1_2_StrictRouters) {
  Dialog d;
  // One before us has put our Record-Route into the Request-URI, the target last.
  Request before = d.by_phone("BYE");
  const Uri target = before.uri;
  before.uri = before.route.front().uri;
  before.route.erase(before.route.begin());
  before.route.push_back({target, ""});
  const Forward f = d.branch.forwarded(before);
  EXPECT_EQ(f.name, ForwardName::in_dialog);
  EXPECT_EQ(f.targets[0].request_uri, target);
  EXPECT_TRUE(f.targets[0].route.empty());
  // One behind us wants to be the Request-URI itself.
  Request behind = d.by_phone("BYE");
  behind.route.push_back({uri("sip:198.18.3.10:8060"), ""});
  const Forward g = d.branch.forwarded(behind);
  EXPECT_EQ(g.targets[0].request_uri.to_string(), "sip:198.18.3.10:8060");
  ASSERT_EQ(g.targets[0].route.size(), 1u);
  EXPECT_EQ(g.targets[0].route[0].uri, target);
}

TEST(RouteInDialog, TheTokenOpensTheWayForAPhoneThatWeHaveForgotten) {
  Dialog d;
  d.branch.bindings = BindingTable();
  const Forward f = d.branch.forwarded(d.by_phone("BYE"));
  EXPECT_EQ(f.name, ForwardName::in_dialog);
  EXPECT_EQ(d.branch.forwarded(d.by_centre("BYE")).targets[0].hop.address.to_string(), B::kAlice);
}

TEST(RouteInDialog, AKnownPeerMayLoseTheTokenAStrangerMayNot) {
  Dialog d;
  Request bye = d.by_phone("BYE");
  for (NameAddress& hop : bye.route) hop.uri.parameters = {{"lr", ""}};
  EXPECT_EQ(d.branch.name(bye), "in_dialog_no_token");
  bye.origin = from(B::kNew);
  EXPECT_EQ(d.branch.name(bye), "reply_bad_route_token");
  bye.route.clear();
  EXPECT_EQ(d.branch.name(bye), "reply_stranger_refused");
  Request ack = d.by_phone("ACK");
  ack.call_id = "another call";  // a stolen Route
  ack.origin = from(B::kNew);
  EXPECT_EQ(d.branch.name(ack), "drop_ack_refused");
}

TEST(RouteInDialog, ToUsWithoutARouteThereIsNoDialog) {
  Dialog d;
  Request bye = d.by_phone("BYE");
  bye.route.clear();
  bye.uri = uri("sip:1099@198.18.1.2");
  EXPECT_EQ(d.branch.name(bye), "reply_no_dialog");
}

TEST(RouteInDialog, NamesAreThoseThatWereLookedUp) {
  Dialog d;
  Request bye = d.by_phone("BYE");
  bye.uri = uri("sip:x@far.example.com");
  EXPECT_EQ(d.branch.name(bye), "reply_next_hop_unresolved");
  d.branch.state.names = {{"FAR.example.com", *SocketAddress::parse("198.18.3.99:5070")}};
  EXPECT_EQ(d.branch.forwarded(bye).targets[0].hop.address.to_string(), "198.18.3.99:5070");
  bye.uri = uri("sip:x@centre.example.com");
  EXPECT_EQ(d.branch.forwarded(bye).targets[0].hop.address.to_string(), B::kCentre);
  bye.uri = uri("sip:x@198.18.3.10;transport=sctp");
  EXPECT_EQ(d.branch.name(bye), "reply_next_hop_unresolved");
}

Request refresh(const char* source = B::kAlice, uint32_t cseq = 2) {
  return registration("sip:1001@centre.example.com", "sip:1001@198.18.1.21:5060", from(source),
                      cseq);
}

TEST(RouteRegister, RFC3327_ForwardedWithPath) {
  const Branch b;
  const Forward f = b.forwarded(refresh());
  ASSERT_TRUE(f.targets[0].path);
  EXPECT_EQ(f.targets[0].path->to_string(), "sip:198.18.2.2:5060;lr");
  EXPECT_TRUE(f.targets[0].contacts.empty());
  ASSERT_TRUE(f.fallback_refresh) << "if the centre is silent, we answer";
  EXPECT_EQ(f.answer_wait_ms, 1500u);
}

TEST(RouteRegister, RewrittenContactLeadsBackAndIsUndoneInTheAnswer) {
  Branch b;
  b.config.register_mode = RegisterMode::rewrite;
  const Request r = refresh();
  const Forward f = b.forwarded(r);
  EXPECT_FALSE(f.targets[0].path);
  ASSERT_EQ(f.targets[0].contacts.size(), 1u);
  const Uri ours = f.targets[0].contacts[0].uri;
  EXPECT_EQ(ours.host, "198.18.2.2");
  EXPECT_EQ(ours.user, "1001");

  Response ok{200, f.targets[0].contacts, 600, {}};
  ok.contacts.push_back({uri("sip:1001@192.0.2.5"), 600, 1000, "", 0});
  restore_contacts(r, f.targets[0], ok);
  EXPECT_EQ(ok.contacts[0].uri, r.contacts[0].uri);
  EXPECT_EQ(ok.contacts[1].uri.host, "192.0.2.5");
  EXPECT_FALSE(b.bindings.learn(B::kNow, r, ok));

  const Forward call = b.forwarded(b.invite(ours.to_string(), B::kCentre, "wan"));
  EXPECT_EQ(call.targets[0].request_uri, r.contacts[0].uri);
  Request bye = b.invite(ours.to_string(), B::kCentre, "wan");
  bye.method = Method::bye;
  bye.to.tag = "x";
  EXPECT_EQ(b.forwarded(bye).targets[0].request_uri, r.contacts[0].uri);
}

struct Row {
  const char* name;
  void (*change)(Request&);
  const char* decision;
  uint16_t code;
};
TEST(RouteRegister, InSurvival) {
  const Row rows[] = {
      {"known, same source", [](Request&) {}, "reply_register_refreshed", 200},
      {"another's", [](Request& r) { r.origin = from(B::kBob); }, "reply_wrong_source_refused",
       403},
      {"not known", [](Request& r) { r.to.uri = uri("sip:1009@centre.example.com"); },
       "reply_unknown_in_survival", 503},
      {"a foreign contact under a known AOR",
       [](Request& r) { r.contacts[0].uri = uri("sip:1001@192.0.2.66"); },
       "reply_unknown_in_survival", 503},
      {"RFC 3261 10.3.7", [](Request& r) { r.cseq = 1; }, "reply_register_old_cseq", 500},
      {"RFC 3261 10.3.6",
       [](Request& r) {
         r.contact_is_star = true;
         r.contacts.clear();
       },
       "reply_register_bad_request", 400},
      {"too long to keep", [](Request& r) { r.call_id.assign(9999, 'x'); },
       "reply_register_too_large", 500},
  };
  Branch b;
  b.state.health = HealthState::survival;
  for (const Row& row : rows) {
    Request r = refresh();
    row.change(r);
    EXPECT_EQ(b.name(r), row.decision) << row.name;
    EXPECT_EQ(b.replied(r).code, row.code) << row.name;
    EXPECT_EQ(b.replied(r).retry_after_s.has_value(), row.code == 503) << row.name;
    EXPECT_EQ(b.replied(r).refresh.has_value(), row.code == 200) << row.name;
  }
}

TEST(RouteRegister, InRecoveryTheyWaitForTheirTurn) {
  Branch b;
  b.state.health = HealthState::recovering;
  EXPECT_EQ(b.name(refresh()), "reply_register_refreshed");
  Request unknown = refresh();
  unknown.to.uri = uri("sip:1009@centre.example.com");
  EXPECT_EQ(b.name(unknown), "reply_hand_back_wait");
  b.state.hand_back_ready = true;
  EXPECT_EQ(b.name(refresh()), "register_to_centre");
  EXPECT_TRUE(b.forwarded(refresh()).takes_hand_back);
}

// Whatever comes from whomever: a decision, bounded, and no ACK is ever answered.
TEST(RouteProperty, AnyRequestGetsABoundedDecision) {
  std::mt19937 random(3);
  const auto pick = [&random](auto&&... options) -> std::string {
    const std::string all[] = {std::string(options)...};
    return all[random() % std::size(all)];
  };
  Dialog d;
  for (int i = 0; i < 20000; ++i) {
    Branch& b = d.branch;
    b.state.health = static_cast<HealthState>(random() % 4);
    b.state.matches_transaction = random() % 8 == 0;
    b.state.overloaded = random() % 8 == 0;
    b.state.hand_back_ready = random() % 2 == 0;
    Request r = request(
        pick("INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "SUBSCRIBE", "BREW"),
        pick("sip:1002@centre.example.com", "sip:198.18.1.2", "sip:1002@198.18.1.2;lr", "tel:911",
             "urn:service:sos", "sip:h", "sip:1002@198.18.1.22:5060", "sip:x@[::]",
             "sip:1001@198.18.2.2;hfb=zz", d.sent.record_route[0].to_string()),
        from(pick(B::kAlice, B::kNew, B::kGateway, B::kCentre, "192.0.2.1:1", ""),
             pick("lan", "wan", "moon")));
    if (random() % 2 == 0) r.to.tag = "t";
    for (size_t n = random() % 5; n > 0; --n)
      r.route.push_back({uri(pick("sip:198.18.1.2;lr", "sip:198.18.3.10:8060;lr", "sip:h", "tel:1",
                                  "sip:198.18.2.2;hf=00", d.sent.record_route[1].to_string())),
                         ""});
    if (random() % 4 == 0) r.via.clear();
    if (random() % 4 == 0) r.contacts.clear();
    r.max_forwards = static_cast<uint8_t>(random() % 3);
    const Decision decision = b.decide(r);
    if (const auto* f = std::get_if<Forward>(&decision)) {
      ASSERT_FALSE(f->targets.empty());
      ASSERT_LE(f->targets.size(), kMaxTargets);
      for (const Target& target : f->targets) {
        EXPECT_FALSE(target.hop.address.is_none()) << r.uri.to_string();
        EXPECT_NE(target.hop.address.port, 0);
        EXPECT_EQ(target.branch.size(), 41u);
      }
    } else if (r.method == Method::ack) {
      EXPECT_TRUE(std::holds_alternative<Drop>(decision));
    }
  }
}

}  // namespace
}  // namespace holdfast::sip
