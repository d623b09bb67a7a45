// SPDX-License-Identifier: Apache-2.0
// A call from phone to phone that goes up to a centre that is a proxy and comes back: twice through
// us, as two calls of ours, each with its own token.
#include "tests/sip/proxy/proxy_fixture.hh"

namespace holdfast::sip {
namespace {

class SpiralTest : public ProxyTest {
 protected:
  // As a record-routing proxy sends a message on.
  std::string centre_passes(const Text& in, const std::string& uri) const {
    std::string out = in.raw;
    out.replace(out.find(in.uri()), in.uri().size(), uri);
    if (in.method() == "INVITE")
      out.insert(out.find("\r\n") + 2, "Record-Route: <sip:" + centre.at() + ";lr>\r\n");
    const std::string via = "Via: SIP/2.0/UDP " + centre.at() + ";branch=z9hG4bKc" +
                            std::to_string(++branches_) + "\r\n";
    out.insert(out.find("\r\n") + 2, via);
    const std::string route = "\r\nRoute: <sip:" + centre.at() + ";lr>";
    if (const size_t at = out.find(route); at != std::string::npos) out.erase(at, route.size());
    return out;
  }
  std::string centre_passes_back(const Text& in) const {
    std::string out = in.raw;
    const size_t at = out.find("Via: ");
    out.erase(at, out.find("\r\n", at) + 2 - at);
    return out;
  }
  void begin() {
    start();
    go_online();
    know(alice, "1001");
    know(bob, "1002");
  }
  mutable int branches_ = 0;
};

TEST_F(SpiralTest, PassesTwiceWithItsOwnTokenEachTime) {
  begin();
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text up = take(centre);
  ASSERT_EQ(up.method(), "INVITE");
  to_wan(centre, centre_passes(up, "sip:1002@" + bob.at()));
  EXPECT_EQ(take(centre).status(), 100);
  const Text down = take(bob);
  ASSERT_EQ(down.method(), "INVITE") << down.raw;
  const auto routes = down.all("Record-Route");
  ASSERT_EQ(routes.size(), 5u);
  EXPECT_NE(routes[0].substr(routes[0].find("hf=")), routes[4].substr(routes[4].find("hf=")));
  ASSERT_EQ(calls.begins.size(), 2u);
  EXPECT_EQ(calls.begins[0].caller, Peer::phone);
  EXPECT_EQ(calls.begins[1].caller, Peer::centre);
  EXPECT_EQ(calls.begins[1].decision, "to_phone");
  EXPECT_NE(calls.begins[0].call_key, calls.begins[1].call_key);

  to_lan(bob, reply(down, 200, "OK", "b", "Contact: <sip:1002@" + bob.at() + ">\r\n", kSdp));
  to_wan(centre, centre_passes_back(take(centre)));
  const Text ok = take(alice);
  ASSERT_EQ(ok.status(), 200);
  EXPECT_EQ(ok.body(), kSdp + "a=anchored\r\na=anchored\r\n");
  to_lan(alice, by_caller("ACK", ok, alice, 1));
  const Text ack = take(centre);
  ASSERT_EQ(ack.method(), "ACK");
  to_wan(centre, centre_passes(ack, ack.uri()));
  EXPECT_EQ(take(bob).method(), "ACK");

  to_lan(bob, by_callee("BYE", down, "b", bob, 1));
  const Text bye = take(centre);
  ASSERT_EQ(bye.method(), "BYE");
  to_wan(centre, centre_passes(bye, bye.uri()));
  const Text at_alice = take(alice);
  ASSERT_EQ(at_alice.method(), "BYE");
  to_lan(alice, reply(at_alice, 200, "OK"));
  to_wan(centre, centre_passes_back(take(centre)));
  EXPECT_EQ(take(bob).status(), 200);
  ASSERT_EQ(calls.ends.size(), 2u);
  EXPECT_EQ(calls.ends[0].end, CallEnd::callee_hung_up);
  EXPECT_EQ(calls.ends[1].end, CallEnd::callee_hung_up);
  expect_nothing_left();
}

TEST_F(SpiralTest, ACallThatTheCentreSendsBackUnchangedIsNoLoop) {
  begin();
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text up = take(centre);
  to_wan(centre, centre_passes(up, up.uri()));
  EXPECT_EQ(take(centre).status(), 404);  // from the centre it names nobody here
  to_wan(centre, centre_passes_back({reply(up, 404, "Not Found", "x")}));
}

TEST_F(SpiralTest, WhileTheCentreIsLostAByeTakesTheShortWay) {
  begin();
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  to_wan(centre, centre_passes(take(centre), "sip:1002@" + bob.at()));
  EXPECT_EQ(take(centre).status(), 100);
  const Text down = take(bob);
  to_lan(bob, reply(down, 200, "OK", "b", "Contact: <sip:1002@" + bob.at() + ">\r\n", kSdp));
  to_wan(centre, centre_passes_back(take(centre)));
  const Text ok = take(alice);
  to_lan(alice, by_caller("ACK", ok, alice, 1));
  to_wan(centre, centre_passes(take(centre), "sip:1002@" + bob.at()));
  EXPECT_EQ(take(bob).method(), "ACK");

  centre_lives = false;
  loop.advance(30000);
  while (!take(centre).empty()) {
  }
  ASSERT_EQ(proxy->snapshot().health, HealthState::survival);
  to_lan(alice, by_caller("BYE", ok, alice, 2));
  const Text bye = take(bob);
  ASSERT_EQ(bye.method(), "BYE");
  EXPECT_TRUE(bye.all("Route").empty());
  to_lan(bob, reply(bye, 200, "OK"));
  EXPECT_EQ(take(alice).status(), 200);
  ASSERT_EQ(calls.ends.size(), 2u);
  EXPECT_EQ(calls.ends[0].end, CallEnd::caller_hung_up);
  EXPECT_EQ(calls.ends[1].end, CallEnd::caller_hung_up);
  expect_silence(centre);
}

}  // namespace
}  // namespace holdfast::sip
