// SPDX-License-Identifier: Apache-2.0
// Calls while the dataplane is not there, hangs, has no legs, or comes back with or without them.
#include "tests/sip/anchor/rig.hh"

namespace holdfast::sip {
namespace {

using media::Side;
using Kind = MediaVerdict::Kind;

const std::string kAlice = "198.18.1.10:4000";
const std::string kBob = "198.18.3.20:6000";
const std::string kVideo = "m=video 4010 RTP/AVP 31\r\n";

class Away : public AnchorRig {
 protected:
  void establish(Call& c) {
    sent(c.invite(sdp(kAlice)));
    sent(c.reply(200, sdp(kBob)));
  }
  Call call;
};

TEST_F(Away, WithoutADataplaneMessagesPassAfterABoundedWait) {
  start_anchor();
  std::vector<uint64_t> told;
  anchor->on_unanchored([&](uint64_t key) { told.push_back(key); });
  const auto first = begin(call.invite(sdp(kAlice)));
  pass(399);
  EXPECT_FALSE(*first) << "it may come in time";
  pass(1);
  ASSERT_TRUE(*first);
  EXPECT_EQ((*first)->kind, Kind::pass);
  EXPECT_TRUE(told.empty()) << "an offer alone is no media";
  EXPECT_EQ(send(call.reply(200, sdp(kBob))).kind, Kind::pass);
  EXPECT_EQ(told, std::vector<uint64_t>{1});
  pass(1100);
  // Once it has been away for long, nobody waits for it.
  Call other;
  other.key = 2;
  EXPECT_EQ(send(other.invite(sdp(kAlice))).kind, Kind::pass);
  EXPECT_EQ(count("unanchored_away"), 2u);
  EXPECT_EQ(count("unanchored_answers"), 1u);
  const AnchorSnapshot now = anchor->snapshot();
  EXPECT_EQ(now.state, AnchorState::away);
  EXPECT_EQ(now.calls_unanchored, 2u);
  EXPECT_EQ(now.calls_anchored, 0u);
  EXPECT_NE(now.last_failure.find("holdfast-dataplane is not running"), std::string::npos);
  EXPECT_TRUE(end(1).empty());
}

TEST_F(Away, ADataplaneThatComesInTimeIsWaitedFor) {
  start_anchor();
  const auto first = begin(call.invite(sdp(kAlice)));
  pass(100);
  dataplane = std::make_unique<HandDataplane>(path_);
  pass(250);
  ASSERT_TRUE(*first);
  EXPECT_EQ((*first)->kind, Kind::replace);
}

TEST_F(Away, AnUnansweredCallThatWentUnanchoredIsAnchoredByItsNextOffer) {
  start_anchor();
  const auto first = begin(call.invite(sdp(kAlice)));
  pass(400);
  EXPECT_EQ(send(call.reply(183, sdp(kBob), true)).kind, Kind::pass);
  EXPECT_EQ(send(call.reply(200, "")).kind, Kind::pass);
  dataplane = std::make_unique<HandDataplane>(path_);
  pass(300);
  EXPECT_EQ(wants(sent(call.request(Side::caller, Method::invite, sdp(kAlice)))),
            "198.18.2.2:30000");
  EXPECT_EQ(wants(sent(call.response(Side::callee, Method::invite, 200, sdp(kBob)))),
            "198.18.1.2:30000");
  EXPECT_EQ(anchor->snapshot().calls_unanchored, 0u);
  EXPECT_EQ(anchor->snapshot().calls_anchored, 1u);
}

TEST_F(Away, AHangCostsEachMessageItsTimeAndNoMore) {
  start();
  dataplane->stop(true);
  const auto first = begin(call.invite(sdp(kAlice)));
  pass(399);
  EXPECT_FALSE(*first);
  pass(1);
  ASSERT_TRUE(*first);
  EXPECT_EQ((*first)->kind, Kind::pass);
  EXPECT_EQ(anchor->snapshot().state, AnchorState::away);
  EXPECT_EQ(count("dataplane_timeout"), 1u);
  // It goes on: what it made too late is taken away again.
  dataplane->stop(false);
  pass(100);
  EXPECT_EQ(anchor->snapshot().state, AnchorState::up);
  EXPECT_TRUE(dataplane->calls().empty());
  EXPECT_EQ(send(call.reply(200, sdp(kBob))).kind, Kind::pass) << "its offer went unanchored";
}

TEST_F(Away, NoPortIsRefusedOrPassedByPolicy) {
  start();
  dataplane->refuse_adds(control::ErrorCode::kNoFreePort);
  MediaVerdict verdict = send(call.invite(sdp(kAlice) + kVideo));
  EXPECT_EQ(verdict.kind, Kind::refuse);
  EXPECT_EQ(verdict.status, 503);
  EXPECT_EQ(verdict.reason, "dataplane_no_free_port");
  EXPECT_EQ(count("refused_no_leg"), 1u);
  dataplane->refuse_adds(control::ErrorCode::kBadRequest);
  EXPECT_EQ(send(call.invite(sdp(kAlice))).status, 488);
  dataplane->refuse_adds({});
  EXPECT_EQ(send(call.invite(sdp(kAlice))).kind, Kind::replace);

  config_.refuse_without_legs = false;
  dataplane->kill();
  dataplane->start();
  start();
  dataplane->refuse_adds(control::ErrorCode::kNoFreeLeg);
  EXPECT_EQ(send(call.invite(sdp(kAlice))).kind, Kind::pass);
  EXPECT_EQ(send(call.reply(200, sdp(kBob))).kind, Kind::pass);
  EXPECT_EQ(count("unanchored_refused"), 1u);
}

TEST_F(Away, AStandingCallGoesOnUnderItsOwnAddresses) {
  start();
  establish(call);
  const std::string name = dataplane->only().call;
  dataplane->kill();
  pass(1600);  // nobody waits for it any more
  const std::string held =
      sent(call.request(Side::callee, Method::invite, sdp("198.18.3.30:7000", "a=sendonly\r\n")));
  EXPECT_EQ(wants(held), "198.18.1.2:30000");
  const std::string answer =
      sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice, "a=recvonly\r\n")));
  EXPECT_EQ(wants(answer), "198.18.2.2:30000");
  // A line that would need a new leg has to wait; audio does not.
  const std::string more = sent(call.request(Side::caller, Method::invite, sdp(kAlice) + kVideo));
  EXPECT_EQ(wants(more, 0), "198.18.2.2:30000");
  EXPECT_EQ(wants(more, 1), "refused");
  EXPECT_EQ(count("lines_refused_away"), 1u);
  sent(call.response(Side::callee, Method::invite, 200,
                     sdp("198.18.3.30:7000") + "m=video 0 RTP/AVP 31\r\n"));
  dataplane->start();
  pass(300);
  EXPECT_EQ(remote(name, 1), "198.18.3.30:7000") << "what changed meanwhile";
  EXPECT_EQ(dataplane->only().legs[1].local.to_string(), "198.18.2.2:30000");
}

TEST_F(Away, ARestartedDataplaneGetsEveryStreamBackWithinASecond) {
  start();
  std::vector<std::string> locals;
  for (uint64_t key = 1; key <= 100; ++key) {
    Call each;
    each.key = key;
    each.caller = at("lan", key % 2 ? "198.18.1.10:5060" : "[2001:db8:1::10]:5060");
    sent(each.invite(sdp(key % 2 ? kAlice : "[2001:db8:1::10]:4000", "a=rtcp:4100\r\n")));
    sent(each.reply(200, sdp(kBob)));
  }
  const auto before = dataplane->calls();
  ASSERT_EQ(before.size(), 100u);
  dataplane->kill();
  pass(30'000);
  dataplane->start();
  pass(1000);
  ASSERT_EQ(dataplane->calls().size(), 100u);
  for (const auto& [name, call_before] : before) {
    const auto& now = dataplane->calls().at(name);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(now.legs[i].interface, call_before.legs[i].interface);
      EXPECT_EQ(now.legs[i].local, call_before.legs[i].local);
      EXPECT_EQ(now.legs[i].remote, call_before.legs[i].remote);
      EXPECT_EQ(now.legs[i].remote_rtcp, call_before.legs[i].remote_rtcp);
    }
  }
  EXPECT_EQ(count("streams_restored"), 100u);
  EXPECT_EQ(anchor->snapshot().state, AnchorState::up);
  EXPECT_TRUE(silent.empty());
}

TEST_F(Away, ANewCallDoesNotTakeThePortsOfOneThatIsBeingRestored) {
  start();
  establish(call);
  Call during, before;
  before.key = 2;
  during.key = 3;
  dataplane->kill();
  pass(100);
  const auto first = begin(before.invite(sdp(kAlice)));
  dataplane->start();
  while (anchor->snapshot().state == AnchorState::away)
    if (!loop.turn() && !dataplane->turn()) loop.set_now(loop.next_ms());
  ASSERT_EQ(anchor->snapshot().state, AnchorState::syncing);
  const auto second = begin(during.invite(sdp(kAlice)));
  EXPECT_FALSE(*first || *second);
  settle();
  ASSERT_TRUE(*first && *second);
  ASSERT_EQ((*first)->kind, Kind::replace);
  EXPECT_EQ(wants((*first)->body), "198.18.2.2:30002");
  EXPECT_EQ(wants((*second)->body), "198.18.2.2:30004");
  EXPECT_EQ(count("restores_failed"), 0u);
}

TEST_F(Away, AStreamThatTheDataplaneLostAloneIsGivenAgain) {
  start();
  establish(call);
  const std::string name = dataplane->only().call;
  dataplane->remove(name);
  pass(5100);
  ASSERT_EQ(dataplane->calls().size(), 1u);
  EXPECT_EQ(remote(name, 1), kBob);
}

TEST_F(Away, ADataplaneThatWentOnWithItsCallsIsToldWhatChangedMeanwhile) {
  start();
  establish(call);
  Call gone;
  gone.key = 2;
  establish(gone);
  dataplane->crash();
  pass(100);
  sent(call.request(Side::callee, Method::invite, sdp("198.18.3.30:7000")));
  sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice)));
  end(2);
  dataplane->forget_log();
  dataplane->start();
  pass(300);
  ASSERT_EQ(dataplane->calls().size(), 1u);
  const std::string name = dataplane->only().call;
  EXPECT_EQ(remote(name, 1), "198.18.3.30:7000");
  EXPECT_EQ(dataplane->log().size(), 2u) << "a deletion and an update, and nothing is added";
  EXPECT_EQ(count("streams_restored"), 0u);
  sent(call.request(Side::callee, Method::invite, sdp(kBob)));
  sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice)));
  EXPECT_EQ(remote(name, 1), kBob) << "by the new number of its leg";
}

TEST_F(Away, AChangeWhileTheListIsReadFindsTheLegUnderItsNewNumber) {
  start();
  establish(call);
  const std::string name = dataplane->only().call;
  sent(call.request(Side::callee, Method::invite, sdp("198.18.3.30:7000")));
  dataplane->crash();
  pass(100);
  dataplane->start();
  while (anchor->snapshot().state == AnchorState::away)
    if (!loop.turn() && !dataplane->turn()) loop.set_now(loop.next_ms());
  const auto verdict = begin(call.response(Side::caller, Method::invite, 200, sdp(kAlice)));
  settle();
  EXPECT_TRUE(*verdict);
  EXPECT_EQ(remote(name, 1), "198.18.3.30:7000");
  EXPECT_EQ(count("updates_failed"), 0u);
}

TEST_F(Away, AnUpdateThatWasRefusedIsToldAgainByThePoll) {
  start();
  establish(call);
  const std::string name = dataplane->only().call;
  dataplane->refuse_updates(control::ErrorCode::kBusy);
  sent(call.request(Side::callee, Method::invite, sdp("198.18.3.30:7000")));
  sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice)));
  EXPECT_EQ(remote(name, 1), kBob);
  EXPECT_EQ(count("updates_failed"), 2u) << "both sources were to be learned again";
  dataplane->refuse_updates({});
  pass(5100);
  EXPECT_EQ(remote(name, 1), "198.18.3.30:7000");
}

TEST_F(Away, ACallThatEndedMeanwhileIsDeletedOnReturn) {
  start();
  establish(call);
  dataplane->stop(true);
  Call other;
  other.key = 2;
  begin(other.invite(sdp(kAlice)));
  pass(400);
  ASSERT_EQ(anchor->snapshot().state, AnchorState::away);
  EXPECT_TRUE(end(1).empty()) << "no report without a dataplane";
  dataplane->stop(false);
  pass(1000);
  EXPECT_TRUE(dataplane->calls().empty());
}

TEST_F(Away, ACallThatEndsWhileItWaitsLeavesNothing) {
  start();
  dataplane->stop(true);
  const auto verdict = begin(call.invite(sdp(kAlice)));
  std::optional<size_t> reports;
  anchor->call_ended(1, [&](const auto& r) { reports = r.size(); });
  dataplane->stop(false);
  pass(500);
  EXPECT_TRUE(*verdict);
  EXPECT_EQ(reports, 1u);
  EXPECT_TRUE(dataplane->calls().empty());
  EXPECT_EQ(anchor->snapshot().streams, 0u);
}

TEST_F(Away, AHangInTheMiddleOfARestoreIsTakenUpAgain) {
  start();
  for (uint64_t key = 1; key <= 40; ++key) {
    Call each;
    each.key = key;
    establish(each);
  }
  dataplane->kill();
  pass(100);
  dataplane->start();
  dataplane->refuse_adds(control::ErrorCode::kBusy);
  pass(300);
  EXPECT_EQ(count("restores_failed"), 40u);
  dataplane->refuse_adds({});
  pass(5100);
  EXPECT_EQ(dataplane->calls().size(), 40u) << "the poll tries again";
  dataplane->kill();
  pass(100);
  dataplane->start();
  dataplane->stop(true);
  pass(600);
  dataplane->stop(false);
  pass(3000);
  EXPECT_EQ(dataplane->calls().size(), 40u);
  EXPECT_EQ(anchor->snapshot().state, AnchorState::up);
}

TEST_F(Away, OthersAskTheDataplaneOverTheSameConnection) {
  start();
  std::string told;
  const auto ask = [&] {
    told.clear();
    anchor->dataplane_status([&](const auto& status) {
      told += status ? "pid " + std::to_string(status->pid) + ", " : status.error();
    });
    anchor->dataplane_minutes({5, std::nullopt, 10}, [&](const auto& page) {
      told += page ? "after " + std::to_string(page->next) : "";
    });
    settle();
  };
  ask();
  EXPECT_EQ(told, "pid 42, after 5");
  dataplane->kill();
  settle();
  ask();
  EXPECT_EQ(told, "holdfast-dataplane closed the connection: " + path_);
}

TEST_F(Away, TheAnchorCanGoAtAnyTime) {
  start();
  establish(call);
  dataplane->stop(true);
  begin(call.request(Side::caller, Method::invite, sdp(kAlice) + kVideo));
  anchor.reset();
  EXPECT_EQ(loop.timers(), 0u);
  EXPECT_EQ(loop.watched(), 0u);
  dataplane->stop(false);
  settle();
}

}  // namespace
}  // namespace holdfast::sip
