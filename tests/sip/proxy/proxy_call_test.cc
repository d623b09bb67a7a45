// SPDX-License-Identifier: Apache-2.0
// Calls through the proxy: forwarding, Record-Route, CANCEL, late answers, retransmissions.
#include "tests/sip/proxy/proxy_fixture.hh"

namespace holdfast::sip {
namespace {

TEST_F(ProxyTest, ForwardsAnInviteWithRecordRouteOnBothSides) {
  start();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice,
                        "X-Unknown:  kept as it is \r\nm2: folded\r\n  line\r\n", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text invite = take(centre);
  EXPECT_EQ(invite.start_line(), "INVITE sip:bob@centre.example.com SIP/2.0");
  EXPECT_EQ(invite.one("Max-Forwards"), "69");
  ASSERT_EQ(invite.all("Via").size(), 2u);
  EXPECT_TRUE(invite.all("Via")[0].starts_with("SIP/2.0/UDP " + wan() + ";branch=z9hG4bKhf"));
  EXPECT_NE(invite.all("Via")[1].find(";received=127.0.1.21;rport="), std::string::npos);
  const auto routes = invite.all("Record-Route");
  ASSERT_EQ(routes.size(), 2u);
  EXPECT_TRUE(routes[0].starts_with("<sip:" + wan() + ";lr;hf="));
  EXPECT_TRUE(routes[1].starts_with("<sip:" + lan() + ";lr;hf="));
  EXPECT_NE(invite.raw.find("\r\nX-Unknown:  kept as it is \r\nm2: folded\r\n  line\r\n"),
            std::string::npos);
  EXPECT_EQ(invite.body(), kSdp + "a=anchored\r\n");
  EXPECT_EQ(invite.one("Content-Length"), std::to_string(invite.body().size()));

  to_wan(centre, reply(invite, 180, "Ringing", "callee"));
  EXPECT_EQ(take(alice).status(), 180);
  to_wan(centre,
         reply(invite, 200, "OK", "callee", "Contact: <sip:bob@" + centre.at() + ">\r\n", kSdp));
  const Text ok = take(alice);
  EXPECT_EQ(ok.status(), 200);
  EXPECT_EQ(ok.all("Via").size(), 1u);
  EXPECT_EQ(ok.body(), kSdp + "a=anchored\r\n");

  to_lan(alice, by_caller("ACK", ok, alice, 1));
  const Text ack = take(centre);
  EXPECT_EQ(ack.start_line(), "ACK sip:bob@" + centre.at() + " SIP/2.0");
  EXPECT_TRUE(ack.all("Route").empty());
  to_lan(alice, by_caller("BYE", ok, alice, 2));
  const Text bye = take(centre);
  EXPECT_EQ(bye.method(), "BYE");
  EXPECT_TRUE(bye.all("Record-Route").empty());
  EXPECT_TRUE(calls.ends.empty());  // its last packets are still on the way
  to_wan(centre, reply(bye, 200, "OK"));
  EXPECT_EQ(take(alice).status(), 200);
  ASSERT_EQ(calls.begins.size(), 1u);
  EXPECT_EQ(calls.begins[0].decision, "to_centre");
  ASSERT_EQ(calls.answers.size(), 1u);
  EXPECT_EQ(calls.answers[0].callee, Peer::centre);
  EXPECT_EQ(calls.last_end(), "caller_hung_up");
  EXPECT_EQ(filter.dialogs_ended, std::vector<std::string>{"caller/callee"});
  EXPECT_EQ(filter.ended, std::vector<uint64_t>{calls.begins[0].call_key});
  expect_nothing_left();
}

TEST_F(ProxyTest, TheCalleeHangsUp) {
  start();
  const Call call = establish();
  to_wan(centre, by_callee("BYE", call.at_centre, "callee", centre, 1));
  const Text bye = take(alice);
  EXPECT_EQ(bye.method(), "BYE");
  EXPECT_EQ(bye.uri(), "sip:alice@" + alice.at());
  to_lan(alice, reply(bye, 200, "OK"));
  EXPECT_EQ(take(centre).status(), 200);
  EXPECT_EQ(calls.last_end(), "callee_hung_up");
  expect_nothing_left();
}

TEST_F(ProxyTest, RequestsAndAnswersThatComeAgainAreAbsorbed) {
  start();
  const std::string invite = request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp);
  to_lan(alice, invite);
  EXPECT_EQ(take(alice).status(), 100);
  const Text at_centre = take(centre);
  to_lan(alice, invite);
  EXPECT_EQ(take(alice).status(), 100);
  expect_silence(centre);
  const std::string ok =
      reply(at_centre, 200, "OK", "callee", "Contact: <sip:bob@" + centre.at() + ">\r\n", kSdp);
  to_wan(centre, ok);
  const Text first = take(alice);
  to_wan(centre, ok);
  const Text second = take(alice);
  EXPECT_EQ(first.raw, second.raw);  // with the anchored body, not the centre's
  EXPECT_EQ(filter.asked.size(), 2u);
  EXPECT_EQ(counted("request_again"), 1u);
  to_lan(alice, by_caller("BYE", first, alice, 2));
  to_wan(centre, reply(take(centre), 200, "OK"));
  expect_nothing_left();
}

TEST_F(ProxyTest, AnAnswerThatComesAgainVeryLateHarmsNoCall) {
  start();
  const Call call = establish();
  const std::string ok = reply(call.at_centre, 200, "OK", "callee",
                               "Contact: <sip:bob@" + centre.at() + ">\r\n", kSdp);
  for (int i = 0; i < 40; ++i) {
    loop.advance(1000);
    to_wan(centre, ok);
    for (Text text = take(centre); !text.empty(); text = take(centre))
      EXPECT_NE(text.method(), "BYE") << i;
  }
  EXPECT_TRUE(calls.ends.empty());
}

TEST_F(ProxyTest, ABusyThatComesAgainIsAckedAgain) {
  start();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  const Text invite = take(centre);
  const std::string busy = reply(invite, 486, "Busy Here", "callee");
  to_wan(centre, busy);
  const Text ack = take(centre);
  ASSERT_EQ(ack.method(), "ACK");
  EXPECT_EQ(take(alice).status(), 100);
  EXPECT_EQ(take(alice).status(), 486);
  to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
  loop.advance(10000);
  while (!take(centre).empty()) {
  }
  to_wan(centre, busy);
  EXPECT_EQ(take(centre).raw, ack.raw);
}

TEST_F(ProxyTest, SendsAgainWhatIsNotAnswered) {
  start();
  go_online();
  to_lan(alice, request("OPTIONS", "sip:bob@centre.example.com", alice));
  const Text first = take(centre);
  EXPECT_EQ(first.method(), "OPTIONS");
  loop.advance(500);
  EXPECT_EQ(take(centre).raw, first.raw);
  to_wan(centre, reply(first, 200, "OK", "t"));
  EXPECT_EQ(take(alice).status(), 200);
  expect_nothing_left();
}

TEST_F(ProxyTest, CancelEndsTheBranchAndTheCaller) {
  start();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text invite = take(centre);
  to_wan(centre, reply(invite, 180, "Ringing", "callee"));
  EXPECT_EQ(take(alice).status(), 180);
  to_lan(alice, request("CANCEL", "sip:bob@centre.example.com", alice,
                        "Reason: SIP;cause=200;text=\"elsewhere\"\r\n"));
  EXPECT_EQ(take(alice).start_line(), "SIP/2.0 200 OK");
  const Text cancel = take(centre);
  EXPECT_EQ(cancel.method(), "CANCEL");
  EXPECT_EQ(cancel.all("Via").size(), 1u);
  EXPECT_EQ(cancel.one("Via"), invite.one("Via"));
  EXPECT_EQ(cancel.one("CSeq"), "1 CANCEL");
  EXPECT_EQ(cancel.one("Reason"), "SIP;cause=200;text=\"elsewhere\"");
  to_wan(centre, reply(cancel, 200, "OK", "callee"));
  to_wan(centre, reply(invite, 487, "Request Terminated", "callee"));
  EXPECT_EQ(take(centre).method(), "ACK");
  EXPECT_EQ(take(alice).status(), 487);
  to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
  expect_silence(centre);
  EXPECT_EQ(calls.last_end(), "cancelled");
  EXPECT_EQ(calls.ends.back().status, 487);
  expect_nothing_left();
}

TEST_F(ProxyTest, AnAnswerThatCrossesTheCancelGoesBack) {
  start();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text invite = take(centre);
  to_wan(centre, reply(invite, 180, "Ringing", "callee"));
  EXPECT_EQ(take(alice).status(), 180);
  to_lan(alice, request("CANCEL", "sip:bob@centre.example.com", alice));
  EXPECT_EQ(take(alice).status(), 200);
  EXPECT_EQ(take(centre).method(), "CANCEL");
  to_wan(centre,
         reply(invite, 200, "OK", "callee", "Contact: <sip:bob@" + centre.at() + ">\r\n", kSdp));
  const Text ok = take(alice);
  EXPECT_EQ(ok.one("CSeq"), "1 INVITE");
  EXPECT_EQ(ok.status(), 200);
  EXPECT_EQ(calls.answers.size(), 1u);
  to_lan(alice, by_caller("ACK", ok, alice, 1));
  to_lan(alice, by_caller("BYE", ok, alice, 2));
  EXPECT_EQ(take(centre).method(), "ACK");
  to_wan(centre, reply(take(centre), 200, "OK"));
  EXPECT_EQ(calls.last_end(), "caller_hung_up");
  expect_nothing_left();
}

TEST_F(ProxyTest, CancelBeforeAnyAnswerIsMetAtOnceAndALateAnswerIsEnded) {
  start();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text invite = take(centre);
  to_lan(alice, request("CANCEL", "sip:bob@centre.example.com", alice));
  EXPECT_EQ(take(alice).one("CSeq"), "1 CANCEL");
  EXPECT_EQ(take(alice).status(), 487);
  to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
  expect_silence(centre);  // RFC 3261 section 9.1
  to_wan(centre, reply(invite, 200, "OK", "late", "Contact: <sip:bob@" + centre.at() + ">\r\n"));
  const Text ack = take(centre);
  EXPECT_EQ(ack.method(), "ACK");
  EXPECT_EQ(ack.one("CSeq"), "1 ACK");
  const Text bye = take(centre);
  EXPECT_EQ(bye.method(), "BYE");
  EXPECT_EQ(bye.one("CSeq"), "2 BYE");
  EXPECT_EQ(bye.tag("To"), "late");
  to_wan(centre, reply(bye, 200, "OK"));
  expect_silence(alice);
  expect_nothing_left();
}

TEST_F(ProxyTest, FinalAnswersAreAckedAndRetransmittedUntilTheirAck) {
  start();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text invite = take(centre);
  to_wan(centre, reply(invite, 486, "Busy Here", "callee"));
  const Text ack = take(centre);
  EXPECT_EQ(ack.method(), "ACK");
  EXPECT_EQ(ack.tag("To"), "callee");
  EXPECT_EQ(ack.one("Via"), invite.one("Via"));
  EXPECT_EQ(take(alice).status(), 486);
  loop.advance(500);
  EXPECT_EQ(take(alice).status(), 486);
  to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
  loop.advance(4000);
  expect_silence(alice);
  to_wan(centre, reply(invite, 486, "Busy Here", "callee"));  // our ACK was lost
  EXPECT_EQ(take(centre).method(), "ACK");
  EXPECT_EQ(calls.last_end(), "busy");
  expect_nothing_left();
}

TEST_F(ProxyTest, AChallengeIsPartOfTheCall) {
  start();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  to_wan(centre, reply(take(centre), 407, "Proxy Authentication Required", "x",
                       "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n"));
  EXPECT_EQ(take(centre).method(), "ACK");
  const Text challenge = take(alice);
  EXPECT_EQ(challenge.one("Proxy-Authenticate"), "Digest realm=\"r\", nonce=\"n\"");
  to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
  EXPECT_TRUE(calls.ends.empty());
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice,
                        "Proxy-Authorization: Digest username=\"a\"\r\n", kSdp, 2));
  EXPECT_EQ(take(alice).status(), 100);
  const Text again = take(centre);
  EXPECT_EQ(again.one("Proxy-Authorization"), "Digest username=\"a\"");
  to_wan(centre, reply(again, 404, "Not Found", "y"));
  EXPECT_EQ(take(alice).status(), 404);
  to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice, "", "", 2));
  EXPECT_EQ(calls.begins.size(), 1u);
  EXPECT_EQ(calls.last_end(), "not_found");
  expect_nothing_left();
}

TEST_F(ProxyTest, AChallengeThatNobodyMeetsEndsTheCall) {
  start();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  to_wan(centre, reply(take(centre), 401, "Unauthorized", "x"));
  EXPECT_EQ(take(alice).status(), 401);
  to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
  loop.advance(12000);
  EXPECT_EQ(calls.last_end(), "not_authorised");
  expect_nothing_left();
}

TEST_F(ProxyTest, AFilterThatTakesItsTimeKeepsTheOrder) {
  start();
  filter.holds = true;
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  expect_silence(alice);  // should we die now, she would send it again
  loop.advance(200);
  EXPECT_EQ(take(alice).status(), 100);
  expect_silence(centre);
  filter.release();
  settle();
  const Text invite = take(centre);
  EXPECT_EQ(invite.method(), "INVITE");
  to_wan(centre, reply(invite, 183, "Session Progress", "callee", "", kSdp));
  to_wan(centre,
         reply(invite, 200, "OK", "callee", "Contact: <sip:bob@" + centre.at() + ">\r\n", kSdp));
  expect_silence(alice);
  filter.release();
  settle();
  EXPECT_EQ(take(alice).status(), 200);  // the 183 has been overtaken and says nothing new
}

TEST_F(ProxyTest, CancelWhileTheFilterThinksSendsNothing) {
  start();
  filter.holds = true;
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  loop.advance(200);
  EXPECT_EQ(take(alice).status(), 100);
  to_lan(alice, request("CANCEL", "sip:bob@centre.example.com", alice));
  EXPECT_EQ(take(alice).one("CSeq"), "1 CANCEL");
  EXPECT_EQ(take(alice).status(), 487);
  filter.holds = false;
  filter.release();
  settle();
  expect_silence(centre);
  to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
  expect_nothing_left();
}

TEST_F(ProxyTest, AFilterThatRefusesAnswersForTheCallee) {
  start();
  filter.judge = [](const MediaMessage& m) {
    MediaVerdict verdict;
    if (m.status == 0) verdict = {MediaVerdict::Kind::refuse, "", 488, "sdp_bad_line"};
    return verdict;
  };
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).start_line(), "SIP/2.0 488 Not Acceptable Here");
  expect_silence(centre);
  EXPECT_EQ(calls.last_end(), "refused_by_us");
  EXPECT_EQ(calls.ends.back().detail, "sdp_bad_line");
  EXPECT_EQ(counted("media_sdp_bad_line"), 1u);
  to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
  expect_nothing_left();
}

TEST_F(ProxyTest, AnAnswerWhoseMediaIsRefusedEndsAtTheCallee) {
  start();
  filter.judge = [](const MediaMessage& m) {
    MediaVerdict verdict;
    if (m.status == 200) verdict = {MediaVerdict::Kind::refuse, "", 500, "no_free_port"};
    return verdict;
  };
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text invite = take(centre);
  to_wan(centre,
         reply(invite, 200, "OK", "callee", "Contact: <sip:bob@" + centre.at() + ">\r\n", kSdp));
  EXPECT_EQ(take(centre).method(), "ACK");
  const Text bye = take(centre);
  EXPECT_EQ(bye.method(), "BYE");
  to_wan(centre, reply(bye, 200, "OK"));
  EXPECT_EQ(take(alice).status(), 500);
  EXPECT_EQ(calls.last_end(), "refused_by_us");
  to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
  expect_nothing_left();
}

TEST_F(ProxyTest, SilentMediaEndsTheCall) {
  start();
  establish();
  ASSERT_TRUE(filter.silent);
  filter.silent(calls.begins[0].call_key);
  EXPECT_EQ(calls.last_end(), "media_lost");
  expect_nothing_left();
}

TEST_F(ProxyTest, OneWayMediaIsAnEventAndARemark) {
  start();
  establish();
  const uint64_t key = calls.begins[0].call_key;
  ASSERT_TRUE(filter.one_way);
  const auto live = [this] { return proxy->snapshot().calls.at(0); };
  filter.one_way(key, media::Side::callee, true);
  EXPECT_EQ(calls.remarks, std::vector{CallRemark::no_media_from_callee});
  EXPECT_TRUE(live().is_missing[1] && live().was_missing[1] && !live().is_missing[0]);
  filter.one_way(key, media::Side::callee, false);
  EXPECT_TRUE(!live().is_missing[1] && live().was_missing[1]);
  filter.one_way(key, media::Side::callee, true);
  EXPECT_EQ(calls.remarks.size(), 1u) << "once";
  filter.one_way(key + 1, media::Side::caller, true);  // no call of ours
  filter.silent(key);
  const auto events = proxy->snapshot().media_events;
  std::vector<std::string> names;
  for (const MediaEvent& event : events) {
    EXPECT_EQ(event.call_key, key);
    names.emplace_back(name_of(event.kind));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"no_media_from_callee", "media_from_callee_again",
                                             "no_media_from_callee", "media_lost"}));
  expect_nothing_left();
}

TEST_F(ProxyTest, MediaThatGoesPastUsIsARemark) {
  start();
  establish();
  const uint64_t key = calls.begins[0].call_key;
  ASSERT_TRUE(filter.unanchored);
  filter.unanchored(key + 1);  // no call of ours
  filter.unanchored(key);
  filter.unanchored(key);
  EXPECT_EQ(calls.remarks, std::vector{CallRemark::unanchored});
  EXPECT_TRUE(proxy->snapshot().calls.at(0).unanchored);
}

TEST_F(ProxyTest, MediaEventsAreBounded) {
  start();
  establish();
  for (size_t i = 0; i <= kKeptMediaEvents; ++i)
    filter.one_way(calls.begins[0].call_key, media::Side::caller, i % 2 == 0);
  const auto events = proxy->snapshot().media_events;
  ASSERT_EQ(events.size(), kKeptMediaEvents);
  EXPECT_EQ(events.back().kind, MediaEventKind::no_media_from_caller);
}

TEST_F(ProxyTest, AForgottenDialogEndsTheCall) {
  start();
  const Call call = establish();
  to_lan(alice, by_caller("INVITE", call.at_alice, alice, 2, kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  to_wan(centre, reply(take(centre), 481, "Call Does Not Exist"));
  EXPECT_EQ(take(alice).status(), 481);
  EXPECT_EQ(calls.last_end(), "dialog_gone");
}

TEST_F(ProxyTest, ACallThatRingsForEverIsCancelledByTimerC) {
  start();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text invite = take(centre);
  to_wan(centre, reply(invite, 180, "Ringing", "callee"));
  EXPECT_EQ(take(alice).status(), 180);
  for (int i = 0; i < 184; ++i) {
    loop.advance(1000);
    EXPECT_NE(take(centre).method(), "CANCEL") << i;
  }
  loop.advance(1000);
  Text cancel = take(centre);
  EXPECT_EQ(cancel.method(), "CANCEL");
  EXPECT_EQ(counted("timer_c"), 1u);
  to_wan(centre, reply(cancel, 200, "OK", "callee"));
  to_wan(centre, reply(invite, 487, "Request Terminated", "callee"));
  EXPECT_EQ(take(centre).method(), "ACK");
  EXPECT_EQ(take(alice).status(), 487);
}

TEST_F(ProxyTest, ACallThatNobodyAnswersIsUnreachable) {
  start();
  go_online();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  Text last;
  for (int i = 0; i < 33; ++i) {
    loop.advance(1000);
    answer_probes();
    const Text text = take(alice);
    if (!text.empty()) last = text;
  }
  EXPECT_EQ(last.status(), 408);
  EXPECT_EQ(calls.last_end(), "unreachable");
  to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
  expect_nothing_left();
}

TEST_F(ProxyTest, ARequestThatNobodyAnswersIsLeftSilent) {
  start();
  go_online();
  to_lan(alice, request("MESSAGE", "sip:bob@centre.example.com", alice));
  for (int i = 0; i < 40; ++i) {
    loop.advance(1000);
    answer_probes();
  }
  expect_silence(alice);
  EXPECT_EQ(counted("silent_request"), 1u);
  expect_nothing_left();
}

}  // namespace
}  // namespace holdfast::sip
