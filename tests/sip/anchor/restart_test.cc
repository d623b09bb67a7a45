// SPDX-License-Identifier: Apache-2.0
// Calls that go on over a restart of this process, and legs that nobody ends.
#include "tests/sip/anchor/rig.hh"

namespace holdfast::sip {
namespace {

using media::Side;
using Kind = MediaVerdict::Kind;

const std::string kAlice = "198.18.1.10:4000";
const std::string kBob = "198.18.3.20:6000";

class Restart : public AnchorRig {
 protected:
  void SetUp() override {
    start();
    sent(call.invite(sdp(kAlice)));
    sent(call.reply(200, sdp(kBob)));
    name = dataplane->only().call;
  }
  // Dies and starts again, the dataplane lives.
  void restart() {
    start_anchor();
    settle();
    ASSERT_EQ(anchor->snapshot().state, AnchorState::up);
    dataplane->forget_log();
  }
  Call call;
  std::string name;
};

TEST_F(Restart, AReInviteFindsItsLegsAndPortsFromEitherSide) {
  for (const Side side : {Side::caller, Side::callee}) {
    restart();
    EXPECT_EQ(anchor->snapshot().adopted.size(), 1u);
    const bool caller = side == Side::caller;
    const std::string there = caller ? "198.18.2.2:30000" : "198.18.1.2:30000";
    const std::string here = caller ? "198.18.1.2:30000" : "198.18.2.2:30000";
    EXPECT_EQ(wants(sent(call.request(side, Method::invite, sdp(caller ? kAlice : kBob)))), there);
    EXPECT_EQ(wants(sent(call.response(media::other(side), Method::invite, 200,
                                       sdp(caller ? kBob : kAlice)))),
              here);
    // Nothing has changed; clocks are not listed, so the legs are told again.
    EXPECT_EQ(dataplane->log(),
              (std::vector<std::string>{"update 1 relearn clocks", "update 2 relearn clocks"}));
    EXPECT_EQ(anchor->snapshot().adopted.size(), 0u);
    EXPECT_EQ(anchor->snapshot().calls_anchored, 1u);
    EXPECT_EQ(count("streams_claimed"), 1u);
  }
  EXPECT_EQ(end(1).size(), 1u);
  EXPECT_TRUE(dataplane->calls().empty());
}

TEST_F(Restart, AReInviteMovesTheLegsAndAddsLines) {
  restart();
  sent(call.request(Side::callee, Method::invite,
                    sdp("198.18.3.30:7000", "", "2") + "m=video 7010 RTP/AVP 31\r\n"));
  sent(call.response(Side::caller, Method::invite, 200,
                     sdp(kAlice) + "m=video 4010 RTP/AVP 31\r\n"));
  EXPECT_EQ(remote(name, 1), "198.18.3.30:7000");
  EXPECT_EQ(dataplane->calls().size(), 2u);
  EXPECT_EQ(dataplane->calls().at(name).legs[0].local.to_string(), "198.18.1.2:30000");
  EXPECT_EQ(end(1).size(), 2u);
}

TEST_F(Restart, AnOfferlessReInviteFindsItsLegsToo) {
  restart();
  EXPECT_EQ(send(call.request(Side::caller, Method::invite, "")).kind, Kind::pass);
  EXPECT_EQ(wants(sent(call.response(Side::callee, Method::invite, 200, sdp(kBob)))),
            "198.18.1.2:30000");
  EXPECT_EQ(wants(sent(call.request(Side::caller, Method::ack, sdp("198.18.1.10:4400")))),
            "198.18.2.2:30000");
  EXPECT_EQ(remote(name, 0), "198.18.1.10:4400");
}

TEST_F(Restart, AnAnswerToAnOfferFromBeforeIsFollowed) {
  sent(call.request(Side::caller, Method::invite, sdp("198.18.1.10:4400", "", "2")));
  restart();
  EXPECT_EQ(wants(sent(call.response(Side::callee, Method::invite, 200, sdp("198.18.3.30:7000")))),
            "198.18.1.2:30000");
  EXPECT_EQ(remote(name, 1), "198.18.3.30:7000");
}

TEST_F(Restart, TheFirstAnswerToAnInviteFromBeforeIsFollowed) {
  Call other;
  other.key = 2;
  other.branch = "z9hG4bK-2";
  const std::string to_centre = sent(other.invite(sdp("198.18.1.11:4000")));
  restart();
  EXPECT_EQ(anchor->snapshot().adopted.size(), 2u);
  EXPECT_EQ(wants(sent(other.reply(200, sdp("198.18.3.30:7000")))), "198.18.1.2:30002");
  const auto streams = dataplane->calls();
  EXPECT_EQ(streams.size(), 2u);
  EXPECT_EQ(streams.rbegin()->second.legs[1].remote->to_string(), "198.18.3.30:7000");
  // Its dialog then goes on by its tags.
  EXPECT_EQ(wants(sent(other.request(Side::callee, Method::invite, sdp("198.18.3.30:7002")))),
            "198.18.1.2:30002");
}

// As when the process died before the INVITE went out, or before it told the caller so.
TEST_F(Restart, TheFirstInviteComesAgainAndFindsItsLegs) {
  Call other;
  other.key = 2;
  other.branch = "z9hG4bK-2";
  const std::string offer = sdp("198.18.1.11:4000", "a=sendrecv\r\n");
  const std::string to_centre = sent(other.invite(offer));
  restart();
  EXPECT_EQ(sent(other.invite(offer)), to_centre);
  EXPECT_EQ(anchor->snapshot().adopted.size(), 1u);
  EXPECT_EQ(dataplane->calls().size(), 2u);
  EXPECT_EQ(wants(sent(other.reply(200, sdp("198.18.3.30:7000")))), "198.18.1.2:30002");
  EXPECT_EQ(end(2).size(), 1u);
  EXPECT_EQ(dataplane->calls().size(), 1u);
}

TEST_F(Restart, ByeAndSilenceOfACallFromBeforeFindItsReport) {
  restart();
  anchor->dialog_ended(1, "alice", "bob");  // not known here, and no harm
  const auto reports = end(1);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].call, name);
  EXPECT_TRUE(dataplane->calls().empty());
}

TEST_F(Restart, ThenTheDataplaneTooKeepsThePorts) {
  restart();
  dataplane->kill();
  pass(200);
  dataplane->start();
  pass(300);
  ASSERT_EQ(dataplane->calls().size(), 1u);
  EXPECT_EQ(remote(name, 0), kAlice);
  EXPECT_EQ(wants(sent(call.request(Side::caller, Method::invite, sdp(kAlice)))),
            "198.18.2.2:30000");
}

TEST_F(Restart, OfTwoForksTheOneThatIsTalkedToIsFound) {
  Call fork = call;
  fork.branch = "z9hG4bK-0";
  fork.callee_tag = "gateway";
  sent(fork.invite(sdp(kAlice)));
  sent(fork.reply(183, sdp("198.18.3.40:5000")));
  restart();
  EXPECT_EQ(wants(sent(fork.request(Side::callee, Method::update, sdp("198.18.3.40:5000")))),
            "198.18.1.2:30002");
}

TEST_F(Restart, ManyPagesAreReadAndOthersLegsLeftAlone) {
  for (uint64_t key = 2; key <= 20; ++key) {
    Call each;
    each.key = key;
    sent(each.invite(sdp(kAlice)));
    sent(each.reply(200, sdp(kBob)));
  }
  control::CallReport foreign = dataplane->only();
  foreign.call = "by-hand";
  for (auto& leg : foreign.legs) leg.leg += 1000;
  dataplane->add(foreign);
  dataplane->page_calls = 3;
  restart();
  EXPECT_EQ(anchor->snapshot().adopted.size(), 20u);
  EXPECT_EQ(anchor->last_list().size(), 21u);
  pass(20'000);  // polls, in pages with gaps
  EXPECT_EQ(anchor->snapshot().adopted.size(), 20u);
  for (uint64_t key = 1; key <= 20; ++key) EXPECT_EQ(end(key).size(), 1u) << key;
  pass(10'000);
  ASSERT_EQ(dataplane->calls().size(), 1u);
  EXPECT_EQ(dataplane->only().call, "by-hand");
}

class Silence : public Restart {};

TEST_F(Silence, IsToldOnceAfterItsTime) {
  for (int i = 0; i < 10; ++i) {
    dataplane->media(name, 250);
    pass(5'000);
  }
  pass(84'000);
  EXPECT_TRUE(silent.empty());
  pass(12'000);
  EXPECT_EQ(silent, std::vector<uint64_t>{1});
  pass(80'000);
  EXPECT_EQ(silent.size(), 1u);
  EXPECT_EQ(dataplane->calls().size(), 1u) << "whoever was told ends it";
  pass(16'000);
  EXPECT_TRUE(dataplane->calls().empty()) << "or nobody did";
  EXPECT_EQ(count("orphans_deleted"), 1u);
  EXPECT_EQ(anchor->snapshot().calls_anchored, 0u);
}

TEST_F(Silence, ThatEndsMayBeToldAgain) {
  pass(96'000);
  EXPECT_EQ(silent.size(), 1u);
  dataplane->media(name, 1);
  pass(90'000);
  EXPECT_EQ(dataplane->calls().size(), 1u);
  pass(12'000);
  EXPECT_EQ(silent.size(), 2u);
}

TEST_F(Silence, OfACallOnHoldIsToldMuchLater) {
  sent(call.request(Side::caller, Method::invite, sdp(kAlice, "a=inactive\r\n", "2")));
  sent(call.response(Side::callee, Method::invite, 200, sdp(kBob, "a=inactive\r\n", "2")));
  pass(7'190'000);
  EXPECT_TRUE(silent.empty());
  pass(20'000);
  EXPECT_EQ(silent.size(), 1u);
}

TEST_F(Silence, BeginsAnewWhenACallIsTakenOffHold) {
  sent(call.request(Side::caller, Method::invite, sdp(kAlice, "a=sendonly\r\n", "2")));
  sent(call.response(Side::callee, Method::invite, 200, sdp(kBob, "a=recvonly\r\n", "2")));
  pass(1'000'000);
  sent(call.request(Side::caller, Method::invite, sdp(kAlice, "", "3")));
  sent(call.response(Side::callee, Method::invite, 200, sdp(kBob, "", "3")));
  pass(84'000);
  EXPECT_TRUE(silent.empty());
  pass(12'000);
  EXPECT_EQ(silent.size(), 1u);
}

TEST_F(Silence, OfACallThatRingsIsNone) {
  Call ringing;
  ringing.key = 2;
  sent(ringing.invite(sdp(kAlice)));
  for (int i = 0; i < 40; ++i) {
    dataplane->media(name, 250);
    pass(5'000);
  }
  EXPECT_TRUE(silent.empty());
}

TEST_F(Silence, OfTheDataplaneIsNotTheCalls) {
  dataplane->kill();
  pass(1'000'000);
  dataplane->start();
  pass(60'000);
  EXPECT_TRUE(silent.empty());
  pass(36'000);
  EXPECT_EQ(silent.size(), 1u);
}

TEST_F(Silence, OfAnOrphanEndsIt) {
  restart();
  dataplane->media(name, 10);  // it lived
  pass(6'000);
  pass(96'000);
  EXPECT_EQ(silent, std::vector<uint64_t>{1});
  pass(6'000);
  EXPECT_TRUE(dataplane->calls().empty());
  EXPECT_EQ(count("orphans_deleted"), 1u);
  EXPECT_EQ(anchor->snapshot().streams, 0u);
}

TEST_F(Silence, OfAnOrphanThatWasNeverHeardMayBeAHold) {
  restart();
  pass(7'190'000);
  EXPECT_EQ(dataplane->calls().size(), 1u);
  pass(20'000);
  EXPECT_TRUE(dataplane->calls().empty());
}

}  // namespace
}  // namespace holdfast::sip
