// SPDX-License-Identifier: Apache-2.0
// A call that rings several phones of one user, without the centre.
#include "tests/sip/proxy/proxy_fixture.hh"

namespace holdfast::sip {
namespace {

class ForkTest : public ProxyTest {
 protected:
  // Two devices of one user, and a branch without its centre.
  void begin() {
    start();
    go_online();
    know(bob, "1002");
    // A second device of the same user.
    to_lan(second,
           with_body("REGISTER sip:centre.example.com SIP/2.0\r\n" +
                         fields({"Via: SIP/2.0/UDP " + second.at() + ";rport;branch=z9hG4bKs",
                                 "From: <sip:1002@centre.example.com>;tag=r",
                                 "To: <sip:1002@centre.example.com>", "Call-ID: reg-s",
                                 "CSeq: 1 REGISTER", "Contact: <sip:1002@" + second.at() + ">"}),
                     ""));
    const Text at_centre = take(centre);
    to_wan(centre,
           reply(at_centre, 200, "OK", "reg", "Contact: " + at_centre.one("Contact") + "\r\n"));
    EXPECT_EQ(take(second).status(), 200);
    centre_lives = false;
    loop.advance(30000);
    while (!take(centre).empty()) {
    }
    ASSERT_EQ(proxy->snapshot().health, HealthState::survival);
  }
  TestPeer second{"127.0.1.23"};
};

TEST_F(ForkTest, ABusyPhoneDoesNotWaitForOneThatIsUnplugged) {
  begin();
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  to_lan(bob, reply(take(bob), 486, "Busy Here", "b"));
  loop.advance(3900);
  expect_silence(alice);
  loop.advance(200);
  EXPECT_EQ(take(alice).status(), 486);
  to_lan(alice, request("ACK", "sip:1002@centre.example.com", alice));
  EXPECT_EQ(calls.last_end(), "busy");
  expect_nothing_left();
}

TEST_F(ForkTest, ABusyPhoneWaitsForOneThatRings) {
  begin();
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  to_lan(second, reply(take(second), 180, "Ringing", "s"));
  EXPECT_EQ(take(alice).status(), 180);
  to_lan(bob, reply(take(bob), 486, "Busy Here", "b"));
  loop.advance(30000);
  expect_silence(alice);
}

TEST_F(ForkTest, EveryPhoneRingsAndTheOthersAreCancelled) {
  begin();
  to_lan(alice, request("INVITE", "sip:1002@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text one = take(bob), two = take(second);
  ASSERT_EQ(one.method(), "INVITE");
  ASSERT_EQ(two.method(), "INVITE");
  EXPECT_EQ(one.uri(), "sip:1002@" + bob.at());
  EXPECT_NE(one.one("Via"), two.one("Via"));
  to_lan(bob, reply(one, 180, "Ringing", "b"));
  to_lan(second, reply(two, 180, "Ringing", "s"));
  EXPECT_EQ(take(alice).tag("To"), "b");
  EXPECT_EQ(take(alice).tag("To"), "s");
  to_lan(bob, reply(one, 200, "OK", "b", "Contact: <sip:1002@" + bob.at() + ">\r\n", kSdp));
  const Text ok = take(alice);
  EXPECT_EQ(ok.tag("To"), "b");
  const Text cancel = take(second);
  EXPECT_EQ(cancel.method(), "CANCEL");
  EXPECT_EQ(cancel.one("Reason"), "SIP;cause=200;text=\"Call completed elsewhere\"");
  to_lan(second, reply(cancel, 200, "OK", "s"));
  to_lan(second, reply(two, 487, "Request Terminated", "s"));
  EXPECT_EQ(take(second).method(), "ACK");
  expect_silence(alice);
  ASSERT_EQ(calls.answers.size(), 1u);
  EXPECT_EQ(calls.answers[0].callee, Peer::phone);
  EXPECT_EQ(calls.begins[0].decision, "local_to_phone");
  EXPECT_TRUE(calls.begins[0].survival);
  to_lan(alice, by_caller("ACK", ok, alice, 1));
  EXPECT_EQ(take(bob).method(), "ACK");
  to_lan(alice, by_caller("BYE", ok, alice, 2));
  to_lan(bob, reply(take(bob), 200, "OK"));
  EXPECT_EQ(take(alice).status(), 200);
  expect_nothing_left();
}

}  // namespace
}  // namespace holdfast::sip
