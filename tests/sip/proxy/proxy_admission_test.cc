// SPDX-License-Identifier: Apache-2.0
// Calls over a link with room for one, through the whole proxy: what the phones are told, what the
// records and counters say, and that each end gives the place back.
#include "tests/sip/proxy/proxy_fixture.hh"

namespace holdfast::sip {
namespace {

constexpr char kOut[] = "sip:912125551000@centre.example.com";

std::string sdp_at(const std::string& address) {
  return "v=0\r\no=- 1 1 IN IP4 " + address + "\r\ns=-\r\nc=IN IP4 " + address +
         "\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
}
const std::string kFar = sdp_at("127.0.3.50");

class ProxyAdmissionTest : public ProxyTest {
 protected:
  ProxyConfig config() override {
    ProxyConfig c = ProxyTest::config();
    c.route.centre_limits.max_calls = 1;
    c.route.centre_limits.when_full = rule;
    c.route.media.addresses = {*IpAddress::parse(kWan), *IpAddress::parse(kLan)};
    return c;
  }
  const LinkStatus link(size_t i = 0) const { return proxy->snapshot().links.at(i); }
  // A call of alice's beside the one that establish() makes.
  void another(const std::string& uri, const std::string& body = kFar) {
    branch = "other" + std::to_string(++others_);
    from_tag = call_id = branch;
    to_lan(alice, request("INVITE", uri, alice, "", body));
    EXPECT_EQ(take(alice).status(), uri == kOut && rule == WhenFull::refuse ? 480 : 100);
  }
  void hang_up(const Call& call) {
    to_lan(alice, by_caller("BYE", call.at_alice, alice, 2));
    to_wan(centre, reply(take(centre), 200, "OK"));
    EXPECT_EQ(take(alice).status(), 200);
  }

  WhenFull rule = WhenFull::refuse;

 private:
  int others_ = 0;
};

TEST_F(ProxyAdmissionTest, OneTooManyIsRefusedAndRecorded) {
  start();
  const Call call = establish(kFar);
  EXPECT_EQ(link().calls, 1u);
  EXPECT_EQ(link().kbit, 80u);
  branch = from_tag = call_id = "second";
  to_lan(alice, request("INVITE", kOut, alice, "", kFar));
  const Text refusal = take(alice);
  EXPECT_EQ(refusal.start_line(), "SIP/2.0 480 Temporarily Unavailable");
  EXPECT_EQ(refusal.one("Warning"), "370 holdfast \"Insufficient bandwidth\"");
  EXPECT_EQ(refusal.one("Reason"), "Q.850;cause=34;text=\"No circuit/channel available\"");
  EXPECT_TRUE(refusal.one("Retry-After").empty());
  to_lan(alice, request("ACK", kOut, alice));
  EXPECT_EQ(calls.last_end(), "no_bandwidth");
  EXPECT_EQ(calls.ends.back().status, 480);
  EXPECT_EQ(calls.ends.back().detail, "centre");
  EXPECT_EQ(decided("reply_no_bandwidth"), 1u);
  EXPECT_EQ(counted("call_no_bandwidth"), 1u);
  EXPECT_EQ(link().refused, 1u);
  hang_up(call);
  EXPECT_EQ(link().calls, 0u);
  branch = from_tag = call_id = "third";
  const Call again = establish(kFar);
  hang_up(again);
  EXPECT_EQ(link().calls + link().kbit, 0u);
  EXPECT_EQ(link().peak_calls, 1u);
  expect_nothing_left();
}

TEST_F(ProxyAdmissionTest, OrItOverflowsToTheGateway) {
  rule = WhenFull::gateway;
  start();
  go_online();
  know(alice, "alice");
  const Call call = establish(kFar);
  another(kOut);
  const Text at_gateway = take(gateway);
  EXPECT_EQ(at_gateway.uri().substr(0, 16), "sip:12125551000@");
  EXPECT_EQ(calls.begins.back().decision, "overflow_to_gateway");
  EXPECT_EQ(link().overflowed, 1u);
  EXPECT_EQ(link().refused, 0u);
  EXPECT_EQ(link(1).calls, 1u);
  to_lan(gateway, reply(at_gateway, 486, "Busy Here", "gw"));
  EXPECT_EQ(take(gateway).method(), "ACK");
  EXPECT_EQ(take(alice).status(), 486);
  to_lan(alice, request("ACK", kOut, alice));
  EXPECT_EQ(link(1).calls, 0u);
  EXPECT_EQ(link().calls, 1u);
}

TEST_F(ProxyAdmissionTest, ACallForHelpIsNeverAsked) {
  start();
  const Call call = establish(kFar);
  another("sip:911@centre.example.com");
  const Text help = take(gateway);
  EXPECT_EQ(help.method(), "INVITE");
  EXPECT_EQ(link(1).exempt, 1u);
  // The gateway keeps silent: the centre is tried, beyond its limit.
  for (int i = 0; i < 4; ++i) loop.advance(1000);
  Text at_centre = take(centre);
  while (!at_centre.empty() && at_centre.method() != "INVITE") at_centre = take(centre);
  EXPECT_EQ(at_centre.method(), "INVITE");
  EXPECT_EQ(link().calls, 2u);
  EXPECT_EQ(link().over, 1u);
  EXPECT_EQ(link().refused, 0u);
}

TEST_F(ProxyAdmissionTest, EveryWayToEndGivesThePlaceBack) {
  start();
  struct Row {
    const char* name;
    int status;  // of the centre's answer; 0: the caller cancels
  };
  for (const Row& row : {Row{"busy", 486}, Row{"server error", 500}, Row{"cancelled", 0}}) {
    SCOPED_TRACE(row.name);
    branch = from_tag = call_id = row.name;
    std::erase(branch, ' ');
    std::erase(from_tag, ' ');
    to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kFar));
    ASSERT_EQ(take(alice).status(), 100);
    const Text invite = take(centre);
    EXPECT_EQ(link().calls, 1u);
    if (row.status == 0) {
      to_wan(centre, reply(invite, 180, "Ringing", "callee"));
      EXPECT_EQ(take(alice).status(), 180);
      to_lan(alice, request("CANCEL", "sip:bob@centre.example.com", alice));
      EXPECT_EQ(take(alice).status(), 200);
      to_wan(centre, reply(take(centre), 200, "OK", "callee"));
    }
    to_wan(centre, reply(invite, row.status == 0 ? 487 : row.status, "No", "callee"));
    EXPECT_EQ(take(centre).method(), "ACK");
    EXPECT_EQ(take(alice).status(), row.status == 0 ? 487 : row.status);
    to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
    EXPECT_EQ(link().calls, 0u);
  }
  EXPECT_EQ(link().refused, 0u);
}

TEST_F(ProxyAdmissionTest, AMailboxInPlaceOfAPhoneIsRefusedAtItsAnswer) {
  start();
  go_online();
  know(alice, "alice");
  know(bob, "bob");
  another("sip:carol@centre.example.com");
  EXPECT_EQ(take(centre).method(), "INVITE");
  EXPECT_EQ(link().calls, 1u);
  another("sip:bob@centre.example.com");  // a phone of ours: passes
  const Text invite = take(centre);
  EXPECT_EQ(invite.method(), "INVITE");
  EXPECT_EQ(link().calls, 1u);
  to_wan(centre,
         reply(invite, 200, "OK", "box", "Contact: <sip:box@" + centre.at() + ">\r\n", kFar));
  EXPECT_EQ(take(centre).method(), "ACK");
  const Text bye = take(centre);
  EXPECT_EQ(bye.method(), "BYE");
  to_wan(centre, reply(bye, 200, "OK"));
  EXPECT_EQ(take(alice).status(), 480);
  EXPECT_EQ(calls.last_end(), "no_bandwidth");
  EXPECT_EQ(link().refused, 1u);
  EXPECT_EQ(link().calls, 1u);
}

TEST_F(ProxyAdmissionTest, UnanchoredMediaBetweenPhonesStaysInTheBranch) {
  media = nullptr;
  start();
  go_online();
  know(alice, "alice");
  know(bob, "bob");
  another("sip:carol@centre.example.com");
  EXPECT_EQ(take(centre).method(), "INVITE");
  EXPECT_EQ(link().calls, 1u);
  another("sip:bob@centre.example.com", sdp_at(kAlice));
  const Text first = take(centre);
  // The centre sends it back, as a B2BUA.
  branch = from_tag = call_id = "back";
  to_wan(centre, request("INVITE", "sip:bob@" + bob.at(), centre, "", first.body()));
  EXPECT_EQ(take(centre).status(), 100);
  const Text second = take(bob);
  EXPECT_EQ(second.method(), "INVITE");
  to_lan(bob,
         reply(second, 200, "OK", "b", "Contact: <sip:bob@" + bob.at() + ">\r\n", sdp_at(kBob)));
  const Text ok = take(centre);
  EXPECT_EQ(ok.status(), 200);
  to_wan(centre,
         reply(first, 200, "OK", "c", "Contact: <sip:c@" + centre.at() + ">\r\n", ok.body()));
  EXPECT_EQ(take(alice).status(), 200);
  EXPECT_EQ(link().calls, 1u);
  EXPECT_EQ(link().refused, 0u);
}

TEST_F(ProxyAdmissionTest, ARestartForgetsNoCallAndKeepsNone) {
  start();
  const Call call = establish(kFar);
  proxy.reset();
  start(true);
  EXPECT_EQ(link().calls, 0u);
  LiveCall live;
  live.call_key = calls.begins.front().call_key;
  live.streams.push_back(
      {"audio", {{{"lan", *IpAddress::parse(kAlice)}, {"wan", *IpAddress::parse("127.0.3.50")}}}});
  proxy->adopt_calls({live});
  EXPECT_EQ(link().calls, 1u);
  another(kOut);
  hang_up(call);
  EXPECT_EQ(link().calls, 0u);
  proxy->adopt_calls({live});  // a list from before its end
  EXPECT_EQ(link().calls, 0u);
}

TEST_F(ProxyAdmissionTest, WithoutTheDataplanesListItsOwnRequestsTell) {
  start();
  const Call call = establish(kFar);
  proxy.reset();
  start(true);
  to_lan(alice, by_caller("INVITE", call.at_alice, alice, 2, kFar));
  EXPECT_EQ(take(alice).status(), 100);
  const Text again = take(centre);
  EXPECT_EQ(link().calls, 1u);
  to_wan(centre, reply(again, 200, "OK", "", "Contact: <sip:bob@" + centre.at() + ">\r\n", kFar));
  EXPECT_EQ(take(alice).status(), 200);
  to_lan(alice, by_caller("ACK", call.at_alice, alice, 2));
  EXPECT_EQ(take(centre).method(), "ACK");
  to_lan(alice, by_caller("BYE", call.at_alice, alice, 3));
  to_wan(centre, reply(take(centre), 200, "OK"));
  EXPECT_EQ(take(alice).status(), 200);
  EXPECT_EQ(link().calls, 0u);
}

}  // namespace
}  // namespace holdfast::sip
