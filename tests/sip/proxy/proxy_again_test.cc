// SPDX-License-Identifier: Apache-2.0
// A first INVITE that is refused for its offer is sent to the same target once more.
#include "tests/sip/proxy/proxy_fixture.hh"

namespace holdfast::sip {
namespace {

class AgainTest : public ProxyTest {
 protected:
  AgainTest() {
    filter.judge = [](const MediaMessage& m) {
      MediaVerdict verdict;
      if (m.status >= 300 && m.status != 486) verdict.kind = MediaVerdict::Kind::again;
      if (m.body.empty()) return verdict;
      verdict.kind = MediaVerdict::Kind::replace;
      verdict.body = m.body + (m.again ? "a=other\r\n" : "a=one\r\n");
      return verdict;
    };
  }
  // Alice's INVITE at the centre.
  Text invite() {
    start();
    to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
    EXPECT_EQ(take(alice).status(), 100);
    Text first = take(centre);
    EXPECT_EQ(first.body(), kSdp + "a=one\r\n");
    return first;
  }
  // It again, after the ACK of its refusal.
  Text invite_again(const Text& first, int status = 488) {
    to_wan(centre, reply(first, status, "Not Acceptable Here", "first"));
    EXPECT_EQ(take(centre).method(), "ACK");
    Text second = take(centre);
    EXPECT_EQ(second.method(), "INVITE");
    EXPECT_EQ(second.body(), kSdp + "a=other\r\n");
    EXPECT_EQ(second.start_line(), first.start_line());
    EXPECT_EQ(second.one("CSeq"), first.one("CSeq"));
    EXPECT_NE(second.all("Via")[0], first.all("Via")[0]);
    EXPECT_EQ(second.all("Via")[1], first.all("Via")[1]);
    expect_silence(alice);
    return second;
  }
  // The caller has that, and nothing else is sent anywhere.
  void expect_end(int status) {
    EXPECT_EQ(take(centre).method(), "ACK");
    expect_silence(centre);
    EXPECT_EQ(take(alice).status(), status);
    to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
    expect_nothing_left();
  }
};

TEST_F(AgainTest, TheSecondIsAnswered) {
  for (const int status : {415, 488, 606}) {
    SCOPED_TRACE(status);
    call_id = "call-" + std::to_string(status);
    branch = "b" + std::to_string(status);
    const Text second = invite_again(invite(), status);
    EXPECT_EQ(counted("tried_again"), 1u);
    to_wan(centre, reply(second, 180, "Ringing", "callee"));
    EXPECT_EQ(take(alice).status(), 180);
    to_wan(centre,
           reply(second, 200, "OK", "callee", "Contact: <sip:bob@" + centre.at() + ">\r\n", kSdp));
    const Text ok = take(alice);
    EXPECT_EQ(ok.tag("To"), "callee");
    to_lan(alice, by_caller("ACK", ok, alice, 1));
    EXPECT_EQ(take(centre).method(), "ACK");
    to_lan(alice, by_caller("BYE", ok, alice, 2));
    to_wan(centre, reply(take(centre), 200, "OK"));
    EXPECT_EQ(take(alice).status(), 200);
    EXPECT_EQ(calls.last_end(), "caller_hung_up");
    expect_nothing_left();
  }
}

TEST_F(AgainTest, WhatTheSecondFailsWithIsToldIfItIsNews) {
  struct Row {
    int second, told;
  };
  for (const Row& row : {Row{486, 486}, Row{488, 488}, Row{401, 488}, Row{407, 488}, Row{482, 488},
                         Row{603, 603}, Row{404, 404}}) {
    SCOPED_TRACE(row.second);
    call_id = "call-" + std::to_string(row.second);
    branch = "b" + std::to_string(row.second);
    const Text second = invite_again(invite());
    to_wan(centre, reply(second, row.second, "No", "second"));
    expect_end(row.told);
  }
}

TEST_F(AgainTest, SilenceAfterItIsTheFirstAnswer) {
  invite_again(invite());
  loop.advance(40'000);
  Text last = take(alice);
  EXPECT_EQ(last.status(), 488);
  EXPECT_EQ(last.tag("To"), "first");
}

TEST_F(AgainTest, TheFilterRefusesTheSecond) {
  const auto judge = filter.judge;
  filter.judge = [judge](const MediaMessage& m) {
    if (!m.again) return judge(m);
    return MediaVerdict{MediaVerdict::Kind::refuse, {}, 503, "no_legs"};
  };
  to_wan(centre, reply(invite(), 488, "Not Acceptable Here", "first"));
  expect_end(488);
}

TEST_F(AgainTest, WhoeverRangIsNotRungTwice) {
  const Text first = invite();
  to_wan(centre, reply(first, 180, "Ringing", "first"));
  EXPECT_EQ(take(alice).status(), 180);
  to_wan(centre, reply(first, 488, "Not Acceptable Here", "first"));
  expect_end(488);
  EXPECT_EQ(counted("tried_again"), 0u);
}

TEST_F(AgainTest, ItsCallerHangsUp) {
  const Text second = invite_again(invite());
  to_wan(centre, reply(second, 180, "Ringing", "callee"));
  EXPECT_EQ(take(alice).status(), 180);
  to_lan(alice, request("CANCEL", "sip:bob@centre.example.com", alice));
  EXPECT_EQ(take(alice).status(), 200);
  const Text cancel = take(centre);
  EXPECT_EQ(cancel.method(), "CANCEL");
  EXPECT_EQ(cancel.one("Via"), second.all("Via")[0]);
  to_wan(centre, reply(cancel, 200, "OK"));
  to_wan(centre, reply(second, 487, "Request Terminated", "callee"));
  expect_end(487);
  EXPECT_EQ(calls.last_end(), "cancelled");
}

TEST_F(AgainTest, ALateAnswerAfterARestartFindsItsWay) {
  const Text second = invite_again(invite());
  proxy.reset();
  start(true);
  to_wan(centre,
         reply(second, 200, "OK", "callee", "Contact: <sip:bob@" + centre.at() + ">\r\n", kSdp));
  EXPECT_EQ(take(alice).status(), 200);
  EXPECT_EQ(counted("response_stateless"), 1u);
}

}  // namespace
}  // namespace holdfast::sip
