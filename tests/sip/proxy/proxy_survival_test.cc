// SPDX-License-Identifier: Apache-2.0
// The centre fails and comes back: probes, retries of calls in flight, registrations, hand-back.
#include "tests/sip/proxy/proxy_fixture.hh"

namespace holdfast::sip {
namespace {

class SurvivalTest : public ProxyTest {
 protected:
  void begin() {
    start();
    go_online();
    know(alice, "1001");
    know(bob, "1002");
  }
  void lose_centre() {
    centre_lives = false;
    loop.advance(30000);
    while (!take(centre).empty()) {
    }
    ASSERT_EQ(proxy->snapshot().health, HealthState::survival);
  }
  std::string registration(TestPeer& phone, const std::string& user, int cseq,
                           const std::string& contact = "") {
    const std::string aor = "sip:" + user + "@centre.example.com";
    return with_body(
        "REGISTER sip:centre.example.com SIP/2.0\r\n" +
            fields({"Via: SIP/2.0/UDP " + phone.at() + ";rport;branch=z9hG4bKr" + user +
                        std::to_string(cseq),
                    "Max-Forwards: 70", "From: <" + aor + ">;tag=r", "To: <" + aor + ">",
                    "Call-ID: reg-" + user, "CSeq: " + std::to_string(cseq) + " REGISTER",
                    contact.empty() ? "Contact: <sip:" + user + '@' + phone.at() + ">" : contact,
                    "Expires: 600"}),
        "");
  }
};

TEST_F(SurvivalTest, RegistersWithPathAndLearnsFromThe200) {
  start();
  to_lan(alice, registration(alice, "1001", 1));
  const Text at_centre = take(centre);
  EXPECT_EQ(at_centre.start_line(), "REGISTER sip:centre.example.com SIP/2.0");
  EXPECT_EQ(at_centre.one("Path"), "<sip:" + wan() + ";lr>");
  EXPECT_EQ(at_centre.one("Contact"), "<sip:1001@" + alice.at() + ">");
  to_wan(centre,
         reply(at_centre, 401, "Unauthorized", "x", "WWW-Authenticate: Digest a=\"b\"\r\n"));
  EXPECT_EQ(take(alice).status(), 401);
  EXPECT_TRUE(proxy->snapshot().bindings.empty());
  const uint64_t version = proxy->bindings_version();
  to_lan(alice, registration(alice, "1001", 2));
  const Text again = take(centre);
  to_wan(centre, reply(again, 200, "OK", "x",
                       "Contact: <sip:other@198.18.9.9>;expires=10\r\nContact: <sip:1001@" +
                           alice.at() + ">;expires=300\r\n"));
  EXPECT_EQ(take(alice).status(), 200);
  const auto bindings = proxy->snapshot().bindings;
  ASSERT_EQ(bindings.size(), 1u);
  EXPECT_EQ(bindings[0].contact.user, "1001");
  EXPECT_EQ(bindings[0].source.address.port, alice.port());
  EXPECT_NE(proxy->bindings_version(), version);
  expect_nothing_left();
}

class RewriteTest : public SurvivalTest {
  ProxyConfig config() override {
    ProxyConfig c = ProxyTest::config();
    c.route.register_mode = RegisterMode::rewrite;
    return c;
  }
};

TEST_F(RewriteTest, RewritesContactsAndGivesThemBack) {
  start();
  to_lan(alice,
         registration(alice, "1001", 1, "Contact: \"Alice\" <sip:1001@" + alice.at() + ">;q=0.5"));
  const Text at_centre = take(centre);
  EXPECT_TRUE(at_centre.all("Path").empty());
  const std::string ours = at_centre.one("Contact");
  EXPECT_TRUE(ours.starts_with("\"Alice\" <sip:1001@" + wan() + ";hfb=")) << ours;
  EXPECT_TRUE(ours.ends_with(">;q=0.5")) << ours;
  to_wan(centre, reply(at_centre, 200, "OK", "x", "Contact: " + ours + ";expires=300\r\n"));
  const Text ok = take(alice);
  EXPECT_EQ(ok.one("Contact"), "\"Alice\" <sip:1001@" + alice.at() + ">;q=0.5;expires=300");
  ASSERT_EQ(proxy->snapshot().bindings.size(), 1u);
  // A call from the centre to what it knows reaches the phone.
  const std::string uri = ours.substr(9, ours.find('>') - 9);
  to_wan(centre, request("INVITE", uri, centre, "", kSdp));
  EXPECT_EQ(take(alice).uri(), "sip:1001@" + alice.at());
}

TEST_F(SurvivalTest, ACallPlacedAtTheInstantOfTheCutRingsHereWithinFourSeconds) {
  begin();
  answer_probes();
  centre_lives = false;
  const uint64_t began = loop.now_ms();
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text lost = take(centre);
  ASSERT_EQ(lost.method(), "INVITE");
  Text at_bob;
  while (at_bob.empty() && loop.now_ms() < began + 10000) {
    loop.advance(50);
    take(centre);
    at_bob = take(bob);
  }
  ASSERT_EQ(at_bob.method(), "INVITE");
  EXPECT_LE(loop.now_ms() - began, 3100u);
  to_lan(bob, reply(at_bob, 180, "Ringing", "b"));
  EXPECT_EQ(take(alice).status(), 180);
  to_lan(bob, reply(at_bob, 200, "OK", "b", "Contact: <sip:1002@" + bob.at() + ">\r\n", kSdp));
  const Text ok = take(alice);
  EXPECT_EQ(ok.status(), 200);
  ASSERT_EQ(calls.answers.size(), 1u);
  EXPECT_EQ(calls.begins.back().decision, "to_centre");
  EXPECT_EQ(calls.answers[0].decision, "local_to_phone");

  // The centre was only slow: its ringing is cancelled, its answer ended.
  while (!take(centre).empty()) {
  }
  to_wan(centre, reply(lost, 180, "Ringing", "c"));
  const Text cancel = take(centre);
  EXPECT_EQ(cancel.method(), "CANCEL");
  to_wan(centre, reply(cancel, 200, "OK", "c"));
  to_wan(centre, reply(lost, 200, "OK", "c", "Contact: <sip:x@" + centre.at() + ">\r\n"));
  EXPECT_EQ(take(centre).method(), "ACK");
  const Text bye = take(centre);
  EXPECT_EQ(bye.method(), "BYE");
  EXPECT_EQ(bye.tag("To"), "c");
  to_wan(centre, reply(bye, 200, "OK"));
  expect_silence(alice);
  to_lan(alice, by_caller("ACK", ok, alice, 1));
  EXPECT_EQ(take(bob).method(), "ACK");
  to_lan(alice, by_caller("BYE", ok, alice, 2));
  to_lan(bob, reply(take(bob), 200, "OK"));
  EXPECT_EQ(calls.last_end(), "caller_hung_up");
  expect_nothing_left();
}

TEST_F(SurvivalTest, AnswersBy503MoveTheCallAtOnce) {
  begin();
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  to_wan(centre, reply(take(centre), 503, "Service Unavailable", "x"));
  EXPECT_EQ(take(centre).method(), "ACK");
  EXPECT_EQ(take(bob).method(), "INVITE");
  EXPECT_EQ(proxy->snapshot().health, HealthState::suspect);
}

TEST_F(SurvivalTest, AClosedPortMovesTheCallAtOnce) {
  begin();
  answer_probes();
  centre.stop_listening();
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  EXPECT_EQ(take(bob).method(), "INVITE");
  EXPECT_GE(counted("udp_unreachable"), 1u);
}

TEST_F(SurvivalTest, ACallThatTheCentreHasOnlyTriedMovesWhenTheCentreIsLost) {
  begin();
  answer_probes();
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text invite = take(centre);
  to_wan(centre, reply(invite, 100, "Trying"));
  centre_lives = false;
  Text at_bob;
  const uint64_t began = loop.now_ms();
  while (at_bob.empty() && loop.now_ms() < began + 20000) {
    loop.advance(100);
    at_bob = take(bob);
  }
  EXPECT_EQ(at_bob.method(), "INVITE");
  EXPECT_EQ(proxy->snapshot().health, HealthState::survival);
  EXPECT_EQ(proxy->snapshot().upstreams.at(0).why, "OPTIONS was not answered in time");
  EXPECT_EQ(counted("moved_to_survival"), 1u);
  Text cancel = take(centre);
  while (!cancel.empty() && cancel.method() != "CANCEL") cancel = take(centre);
  EXPECT_EQ(cancel.method(), "CANCEL");
}

class PairTest : public SurvivalTest {
 protected:
  std::vector<Upstream> upstreams() override {
    auto both = ProxyTest::upstreams();
    both.push_back({"two", {*IpAddress::parse(kSecond), second.port()}, Transport::udp, 0});
    return both;
  }
  TestPeer second{kSecond};
};

TEST_F(PairTest, TheSecondServerIsTriedWhenTheFirstIsSilent) {
  start();
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  EXPECT_EQ(take(centre).method(), "INVITE");
  loop.advance(1500);
  Text invite = second.next();
  while (invite.method() == "OPTIONS") {
    to_wan(second, reply(invite, 200, "OK"));
    invite = second.next();
  }
  EXPECT_EQ(invite.method(), "INVITE");
}

TEST_F(SurvivalTest, ServersMayChangeWhileCallsGoOn) {
  begin();
  const Call call = establish();
  TestPeer other{kSecond};
  proxy->set_upstreams({{"other", {*IpAddress::parse(kSecond), other.port()}, Transport::udp, 0}});
  settle();
  call_id = "call-2";
  branch = "b";
  to_lan(alice, request("INVITE", "sip:1099@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  Text invite = other.next();
  while (invite.method() == "OPTIONS") invite = other.next();
  EXPECT_EQ(invite.method(), "INVITE");
  to_lan(alice, by_caller("BYE", call.at_alice, alice, 2));
  EXPECT_EQ(take(centre).method(), "BYE");
}

TEST_F(SurvivalTest, A503ThatNobodyElseCanMendIsPassedOnAs500) {
  begin();
  to_lan(alice, request("SUBSCRIBE", "sip:1002@centre.example.com", alice, "Event: dialog\r\n"));
  to_wan(centre, reply(take(centre), 503, "Service Unavailable", "x", "Retry-After: 9\r\n"));
  const Text answer = take(alice);
  EXPECT_EQ(answer.status(), 500);
  EXPECT_EQ(answer.one("Retry-After"), "9");
}

TEST_F(SurvivalTest, RefreshesKnownPhonesAndNobodyElse) {
  begin();
  lose_centre();
  to_lan(alice, registration(alice, "1001", 2));
  const Text ok = take(alice);
  EXPECT_EQ(ok.status(), 200);
  const std::string contact = ok.one("Contact");
  const int expires = std::stoi(contact.substr(contact.find(";expires=") + 9));
  EXPECT_GE(expires, 59);
  EXPECT_LE(expires, 120);
  to_lan(alice, registration(alice, "1001", 2));  // sent again
  EXPECT_EQ(take(alice).raw, ok.raw);
  TestPeer stranger{"127.0.1.66"};
  to_lan(stranger, registration(stranger, "1001", 9));
  EXPECT_EQ(take(stranger).status(), 403);
  to_lan(stranger, registration(stranger, "1999", 1));
  const Text refused = take(stranger);
  EXPECT_EQ(refused.status(), 503);
  EXPECT_NE(refused.one("Retry-After"), "");
  expect_silence(centre);
}

TEST_F(SurvivalTest, ARegisterInFlightIsAnsweredHere) {
  begin();
  answer_probes();
  centre_lives = false;
  to_lan(alice, registration(alice, "1001", 2));
  EXPECT_EQ(take(centre).method(), "REGISTER");
  loop.advance(3100);
  const Text ok = take(alice);
  EXPECT_EQ(ok.status(), 200);
  EXPECT_EQ(counted("register_fallback"), 1u);
}

TEST_F(SurvivalTest, OutsideCallsGoByTheGatewayAndHelpAlwaysDoes) {
  begin();
  lose_centre();
  to_lan(alice, request("INVITE", "sip:912125551000@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text out = take(gateway);
  EXPECT_EQ(out.uri(), "sip:12125551000@" + gateway.at());
  to_lan(gateway, reply(out, 486, "Busy Here", "g"));
  EXPECT_EQ(take(alice).status(), 486);
  to_lan(alice, request("ACK", "sip:912125551000@centre.example.com", alice));
  EXPECT_EQ(calls.last_end(), "busy");

  call_id = "call-2";
  branch = "b";
  to_lan(alice, request("INVITE", "sip:911@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  EXPECT_EQ(take(gateway).method(), "ACK");
  EXPECT_EQ(take(gateway).uri(), "sip:911@" + gateway.at());
  EXPECT_TRUE(calls.begins.back().emergency);

  call_id = "call-3";
  branch = "c";
  to_lan(alice, request("INVITE", "sip:77@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 480);
  EXPECT_EQ(calls.last_end(), "refused_by_us");
  EXPECT_EQ(calls.ends.back().detail, "dial_plan_rejected");
}

TEST_F(SurvivalTest, HandsBackInTurnAndTellsEachStepOnce) {
  begin();
  lose_centre();
  log.clear();
  centre_lives = true;
  for (int i = 0; i < 30 && proxy->snapshot().health != HealthState::recovering; ++i) {
    answer_probes();
    loop.advance(1000);
  }
  ASSERT_EQ(proxy->snapshot().health, HealthState::recovering);
  answer_probes();
  loop.advance(1000);
  answer_probes();
  for (const auto& [phone, user] :
       {std::pair(&alice, std::string("1001")), std::pair(&bob, std::string("1002"))}) {
    to_lan(*phone, registration(*phone, user, 7));
    const Text at_centre = take(centre);
    ASSERT_EQ(at_centre.method(), "REGISTER");
    to_wan(centre, reply(at_centre, 200, "OK", "x",
                         "Contact: " + at_centre.one("Contact") + ";expires=600\r\n"));
    EXPECT_EQ(take(*phone).status(), 200);
  }
  for (int i = 0; i < 3; ++i) {
    loop.advance(1000);
    answer_probes();
  }
  EXPECT_EQ(proxy->snapshot().health, HealthState::online);
  size_t branch_lines = 0;
  for (const std::string& line : log) branch_lines += line.starts_with("branch: ") ? 1 : 0;
  EXPECT_EQ(branch_lines, 2u);  // recovering, online
  EXPECT_EQ(proxy->snapshot().transitions.back().to, HealthState::online);
}

TEST_F(SurvivalTest, ACentreThatNeverWasIsLeftAfterItsProbes) {
  centre_lives = false;
  start();
  EXPECT_EQ(proxy->snapshot().health, HealthState::suspect);
  loop.advance(5000);
  EXPECT_EQ(proxy->snapshot().health, HealthState::survival);
}

TEST_F(SurvivalTest, DrainingTakesNoNewCallsAndEndsWithTheLast) {
  begin();
  const Call call = establish();
  proxy->drain(true);
  EXPECT_FALSE(proxy->is_drained());
  call_id = "call-2";
  branch = "b";
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 503);
  to_lan(alice, by_caller("BYE", call.at_alice, alice, 2));
  to_wan(centre, reply(take(centre), 200, "OK"));
  EXPECT_TRUE(proxy->is_drained());
}

TEST_F(SurvivalTest, BindingsOutliveARestart) {
  begin();
  const auto saved = proxy->save_bindings();
  ASSERT_EQ(saved.size(), 2u);
  proxy.reset();
  centre_lives = false;
  start(true);
  proxy->load_bindings(saved);
  loop.advance(5000);
  ASSERT_EQ(proxy->snapshot().health, HealthState::survival);
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  EXPECT_EQ(take(bob).method(), "INVITE");
}

}  // namespace
}  // namespace holdfast::sip
