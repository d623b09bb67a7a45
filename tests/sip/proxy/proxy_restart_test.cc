// SPDX-License-Identifier: Apache-2.0
// The process is killed and started again: what is under way goes on with nothing in memory.
#include "tests/sip/proxy/proxy_fixture.hh"

namespace holdfast::sip {
namespace {

class RestartTest : public ProxyTest {
 protected:
  void restart() {
    proxy.reset();
    filter.asked.clear();
    start(true);
  }
};

TEST_F(RestartTest, RequestsOfEitherSideGoOnAndTheEndIsTold) {
  start();
  const Call call = establish();
  const uint64_t key = calls.begins[0].call_key;
  restart();
  to_wan(centre, by_callee("INVITE", call.at_centre, "callee", centre, 1, kSdp));
  EXPECT_EQ(take(centre).status(), 100);
  const Text at_alice = take(alice);
  ASSERT_EQ(at_alice.method(), "INVITE");
  EXPECT_EQ(at_alice.body(), kSdp + "a=anchored\r\n");
  ASSERT_EQ(filter.asked.size(), 1u);
  EXPECT_EQ(filter.asked[0].call_key, key);
  EXPECT_EQ(filter.asked[0].sender, media::Side::callee);
  EXPECT_EQ(filter.asked[0].caller_tag, "caller");
  EXPECT_EQ(filter.asked[0].callee_tag, "callee");
  EXPECT_EQ(filter.asked[0].branch, "");
  to_lan(alice,
         reply(at_alice, 200, "OK", "", "Contact: <sip:alice@" + alice.at() + ">\r\n", kSdp));
  EXPECT_EQ(take(centre).status(), 200);
  const auto live = proxy->snapshot().calls;
  ASSERT_EQ(live.size(), 1u);
  EXPECT_EQ(live[0].call_key, key);
  EXPECT_TRUE(live[0].from_before_restart);

  to_wan(centre, by_callee("BYE", call.at_centre, "callee", centre, 2));
  to_lan(alice, reply(take(alice), 200, "OK"));
  EXPECT_EQ(take(centre).status(), 200);
  ASSERT_EQ(calls.ends.size(), 1u);
  EXPECT_EQ(calls.ends[0].call_key, key);
  EXPECT_EQ(calls.last_end(), "callee_hung_up");
  expect_nothing_left();
}

TEST_F(RestartTest, AnAnswerThatComesAfterwardsPassesAndIsAnchored) {
  start();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text invite = take(centre);
  const uint64_t key = calls.begins[0].call_key;
  restart();
  to_wan(centre,
         reply(invite, 200, "OK", "callee", "Contact: <sip:bob@" + centre.at() + ">\r\n", kSdp));
  const Text ok = take(alice);
  EXPECT_EQ(ok.status(), 200);
  EXPECT_EQ(ok.body(), kSdp + "a=anchored\r\n");
  ASSERT_EQ(filter.asked.size(), 1u);
  EXPECT_EQ(filter.asked[0].call_key, key);
  EXPECT_EQ(filter.asked[0].sender, media::Side::callee);
  EXPECT_FALSE(filter.asked[0].branch.empty());
  EXPECT_EQ(counted("response_stateless"), 1u);
  ASSERT_EQ(calls.founds.size(), 1u) << "its beginning may not have been written down";
  EXPECT_EQ(calls.founds[0].call_key, key);
  EXPECT_EQ(calls.founds[0].call_id, "call-1");
  to_lan(alice, by_caller("ACK", ok, alice, 1));
  EXPECT_EQ(take(centre).method(), "ACK");
  to_lan(alice, by_caller("BYE", ok, alice, 2));
  to_wan(centre, reply(take(centre), 200, "OK"));
  EXPECT_EQ(calls.last_end(), "caller_hung_up");
  expect_nothing_left();
}

TEST_F(RestartTest, AnInviteThatComesAgainIsTheSameCall) {
  start();
  const std::string bytes = request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp);
  filter.holds = true;
  to_lan(alice, bytes);
  expect_silence(alice);  // no answer of ours keeps her from sending it again
  const uint64_t key = calls.begins.at(0).call_key;
  restart();
  filter.holds = false;
  to_lan(alice, bytes);
  EXPECT_EQ(take(alice).status(), 100);
  EXPECT_EQ(take(centre).method(), "INVITE");
  ASSERT_EQ(calls.begins.size(), 2u);
  EXPECT_EQ(calls.begins[1].call_key, key) << "what the first process anchored is found again";
}

TEST_F(RestartTest, ACancelAfterwardsCarriesTheBranchOfItsInvite) {
  start();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text invite = take(centre);
  restart();
  to_lan(alice, request("CANCEL", "sip:bob@centre.example.com", alice));
  const Text cancel = take(centre);
  ASSERT_EQ(cancel.method(), "CANCEL");
  EXPECT_EQ(cancel.one("Via"), invite.one("Via"));
  to_wan(centre, reply(cancel, 200, "OK"));
  EXPECT_EQ(take(alice).one("CSeq"), "1 CANCEL");
  to_wan(centre, reply(invite, 487, "Request Terminated", "callee"));
  EXPECT_EQ(take(alice).status(), 487);
}

TEST_F(RestartTest, ATokenOfAnotherDialogOpensNothing) {
  start();
  const Call call = establish();
  restart();
  TestPeer stranger{"127.0.9.9"};
  std::string bye = by_callee("BYE", call.at_centre, "callee", stranger, 3);
  const size_t id = bye.find("Call-ID: call-1");
  bye.replace(id, 15, "Call-ID: call-9");
  to_wan(stranger, bye);
  EXPECT_EQ(take(stranger).status(), 403);
  expect_silence(alice);
}

TEST_F(RestartTest, OverTcpAPhoneIsReachedWhereItsContactSays) {
  TestPeer phone(kAlice, true);
  start();
  phone.connect_to(kLan, port("lan", Transport::tcp));
  phone.write(request("INVITE", "sip:bob@centre.example.com", phone, "", kSdp, 1, "TCP"));
  settle();
  EXPECT_EQ(phone.next().status(), 100);
  Text invite = take(centre);
  ASSERT_EQ(invite.method(), "INVITE");
  // The phone says how it is to be reached.
  const std::string contact = "<sip:alice@" + phone.at() + ">";
  invite.raw.replace(invite.raw.find(contact), contact.size(),
                     "<sip:alice@" + phone.at() + ";transport=tcp>");
  to_wan(centre,
         reply(invite, 200, "OK", "callee", "Contact: <sip:bob@" + centre.at() + ">\r\n", kSdp));
  const Text ok = phone.next();
  ASSERT_EQ(ok.status(), 200);
  phone.write(by_caller("ACK", ok, phone, 1, "", "TCP"));
  settle();
  EXPECT_EQ(take(centre).method(), "ACK");
  restart();
  phone.hang_up();
  settle();
  to_wan(centre, by_callee("BYE", invite, "callee", centre, 1));
  settle();
  ASSERT_TRUE(phone.accept_one());
  settle();
  const Text bye = phone.next();
  ASSERT_EQ(bye.method(), "BYE");
  phone.write(reply(bye, 200, "OK"));
  settle();
  EXPECT_EQ(take(centre).status(), 200);
  EXPECT_EQ(calls.last_end(), "callee_hung_up");
}

}  // namespace
}  // namespace holdfast::sip
