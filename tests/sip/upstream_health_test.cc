// SPDX-License-Identifier: Apache-2.0
// The centre's health told as stories: cuts, flaps, switchover pairs, 503, stale evidence.
#include "sip/upstream_health.hh"

#include <gtest/gtest.h>

#include "tests/sip/health_driver.hh"

namespace holdfast::sip {
namespace {

const Upstream kA = upstream("198.18.2.10:8060");
const Upstream kB = upstream("198.18.2.11:8060");

TEST(UpstreamHealth, StartsSuspectSendsCallsToTheCentreAndIsOnlineAfterThreeAnswers) {
  HealthDriver d({kA});
  EXPECT_EQ(d.health.state(), HealthState::suspect);
  EXPECT_EQ(d.health.candidates(0), std::vector{kA});
  EXPECT_FALSE(d.health.survival_routing());
  d.run_answering(3000);
  EXPECT_EQ(d.path(), "online");
  EXPECT_EQ(d.transitions.at(0).at_ms, 2005u);
}

TEST(UpstreamHealth, CentreDeadAtStartIsKnownAfterThreeProbes) {
  HealthDriver d({kA});
  d.run_silent(4000);
  EXPECT_EQ(d.path(), "survival");
  EXPECT_EQ(d.transitions.at(0).at_ms, 3000u);
  EXPECT_EQ(d.transitions.at(0).reason, HealthReason::all_down);
}

TEST(UpstreamHealth, NoServerIsSurvival) {
  HealthDriver d({});
  EXPECT_EQ(d.health.state(), HealthState::survival);
  EXPECT_TRUE(d.health.candidates(0).empty());
}

// The promise of docs/survivability.md: with the default timers, whatever the phase of the probes.
TEST(UpstreamHealth, InviteAtTheInstantOfTheCutIsRoutedLocallyWithin3100ms) {
  for (uint64_t phase = 0; phase < 6000; phase += 130) {
    HealthDriver d({kA});
    const uint64_t cut = 30000 + phase;
    d.run_answering(cut);
    ASSERT_EQ(d.health.state(), HealthState::online);
    d.run_silent(cut + 1000);
    d.health.observed(d.now_ms, kA, Evidence::response_overdue, cut);
    d.run_silent(cut + 4000);
    ASSERT_EQ(d.path(), "online suspect survival") << phase;
    EXPECT_LE(d.transitions.back().at_ms, cut + 3100) << phase;
  }
}

TEST(UpstreamHealth, WithNoCallAtAllACutIsFoundWithin9s) {
  for (uint64_t phase = 0; phase < 6000; phase += 130) {
    HealthDriver d({kA});
    const uint64_t cut = 30000 + phase;
    d.run_answering(cut);
    d.run_silent(cut + 9000);
    EXPECT_EQ(d.path(), "online suspect survival") << phase;
  }
}

TEST(UpstreamHealth, TwoLostProbesAreNotAnOutage) {
  HealthDriver d({kA});
  d.run_answering(20000);
  d.run(60000, [lost = 0](const Upstream&, uint64_t) mutable { return ++lost <= 2 ? 0 : 200; });
  EXPECT_EQ(d.path(), "online suspect online");
  EXPECT_GE(d.transitions[2].at_ms - d.transitions[1].at_ms, 10000u);
}

TEST(UpstreamHealth, RecoversAfterTheHoldDownAndHandsBack) {
  HealthDriver d({kA});
  d.run_silent(5000);
  d.run_answering(12900);
  EXPECT_EQ(d.health.state(), HealthState::survival) << "the hold-down runs from 3000";
  d.run_answering(16000);
  ASSERT_EQ(d.health.state(), HealthState::recovering);
  EXPECT_TRUE(d.health.survival_routing());
  EXPECT_TRUE(d.health.hand_back_since_ms().has_value());
  d.health.hand_back_pending(d.now_ms, 3);
  EXPECT_EQ(d.health.state(), HealthState::recovering);
  d.health.hand_back_pending(d.now_ms, 0);
  EXPECT_EQ(d.health.state(), HealthState::online);
  EXPECT_FALSE(d.health.hand_back_since_ms().has_value());
}

TEST(UpstreamHealth, HandBackEndsEvenIfSomePhonesNeverComeBack) {
  HealthDriver d({kA});
  d.run_silent(5000);
  d.run_answering(16000);
  d.health.hand_back_pending(d.now_ms, 2);
  d.run_answering(16000 + 150000);
  EXPECT_EQ(d.path(), "survival recovering online");
  EXPECT_EQ(d.transitions.back().reason, HealthReason::hand_back_over);
}

TEST(UpstreamHealth, HandBackIsPaced) {
  HealthDriver d({kA});
  EXPECT_FALSE(d.health.hand_back_ready(0));
  d.run_silent(5000);
  d.run_answering(16000);
  ASSERT_EQ(d.health.state(), HealthState::recovering);
  int taken = 0;
  const uint64_t start = d.now_ms;
  for (uint64_t now = start; now < start + 10000; ++now)
    while (d.health.hand_back_ready(now)) {
      d.health.take_hand_back(now);
      ++taken;
    }
  // 20 a second, and at most the bucket of one second beside.
  EXPECT_GE(taken, 200);
  EXPECT_LE(taken, 221);
}

TEST(UpstreamHealth, FailureWhileRecoveringIsSurvivalAgain) {
  HealthDriver d({kA});
  d.run_silent(5000);
  d.run_answering(16000);
  d.run_silent(30000);
  EXPECT_EQ(d.path(), "survival recovering survival");
  EXPECT_EQ(d.transitions.back().reason, HealthReason::failed_in_recovery);
}

TEST(UpstreamHealth, CentreThatFlapsEachSecondChangesAtMostOncePerHoldDown) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    HealthDriver d({kA}, {}, seed);
    d.run_answering(20000);
    const uint64_t start = d.now_ms;
    d.run(start + 600000, [](const Upstream&, uint64_t now) { return now / 1000 % 2 ? 200 : 0; });
    // One tour through the states is four transitions and takes a hold-down at least.
    EXPECT_LE(d.transitions.size(), 1 + 4 * (600000 / 10000 + 1)) << seed;
    EXPECT_LE(d.probes.size(), 20u + 600u + 60u) << seed;
  }
}

TEST(UpstreamHealth, OnlineWhileOneOfThePairIsUp) {
  HealthDriver d({kA, kB});
  d.run_answering(20000);
  d.run(60000, [](const Upstream& u, uint64_t) { return u == kA ? 0 : 200; });
  EXPECT_EQ(d.path(), "online");
  EXPECT_EQ(d.health.member_state(kA), MemberState::down);
  EXPECT_EQ(d.health.candidates(d.now_ms), std::vector{kB});
  ASSERT_GE(d.member_changes.size(), 4u);
  EXPECT_EQ(d.member_changes.back().evidence, Evidence::probe_timeout);
}

TEST(UpstreamHealth, LastKnownGoodFirstAndItStaysSo) {
  HealthDriver d({kA, kB});
  d.run_answering(20000);
  EXPECT_EQ(d.health.candidates(d.now_ms), (std::vector{kA, kB})) << "the order of RFC 3263";
  d.run(40000, [](const Upstream& u, uint64_t) { return u == kA ? 0 : 200; });
  d.health.answered(d.now_ms, kB, {200, {}, {}, {}}, d.now_ms);
  d.run_answering(80000);
  EXPECT_EQ(d.health.member_state(kA), MemberState::up);
  EXPECT_EQ(d.health.candidates(d.now_ms), (std::vector{kB, kA}));
  d.health.answered(d.now_ms, kA, {200, {}, {}, {}}, d.now_ms);  // an old call's BYE
  EXPECT_EQ(d.health.candidates(d.now_ms).front(), kB);
}

TEST(UpstreamHealth, PriorityBeatsLastKnownGood) {
  const Upstream second = upstream("198.18.2.11:8060", 10);
  HealthDriver d({kA, second});
  d.run_answering(20000);
  d.health.answered(d.now_ms, second, {200, {}, {}, {}}, d.now_ms);
  EXPECT_EQ(d.health.candidates(d.now_ms), (std::vector{kA, second}));
}

TEST(UpstreamHealth, SiblingIsProbedAtOnceWhenOneFails) {
  HealthDriver d({kA, kB});
  d.run_answering(20000);
  const uint64_t cut = d.now_ms;
  d.health.observed(cut, kA, Evidence::transport_error, cut);
  d.run_silent(cut + 5000);
  EXPECT_EQ(d.path(), "online suspect survival");
  EXPECT_LE(d.transitions.back().at_ms, cut + 3100);
}

struct EvidenceRow {
  const char* name;
  Evidence evidence;
  MemberState after;
};
class Passive : public testing::TestWithParam<EvidenceRow> {};
TEST_P(Passive, OneFactOnAServerThatWasUp) {
  HealthDriver d({kA});
  d.run_answering(20000);
  d.health.observed(d.now_ms, kA, GetParam().evidence, d.now_ms);
  EXPECT_EQ(d.health.member_state(kA), GetParam().after);
  // A hundred more at the same moment are the same fact.
  for (int i = 0; i < 100; ++i) d.health.observed(d.now_ms, kA, GetParam().evidence, d.now_ms);
  EXPECT_EQ(d.health.member_state(kA), GetParam().after);
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, Passive,
    testing::Values(
        EvidenceRow{"Overdue", Evidence::response_overdue, MemberState::suspect},
        EvidenceRow{"TimerB_RFC3261_17_1_1", Evidence::transaction_timeout, MemberState::suspect},
        EvidenceRow{"TransportError_RFC3261_8_1_3_1", Evidence::transport_error,
                    MemberState::suspect},
        EvidenceRow{"Icmp_RFC3261_18_4", Evidence::icmp_unreachable, MemberState::suspect},
        EvidenceRow{"503_RFC3261_21_5_4", Evidence::service_unavailable, MemberState::suspect},
        EvidenceRow{"Good", Evidence::good_response, MemberState::up}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(UpstreamHealth, StaleEvidenceIsIgnored) {
  HealthDriver d({kA});
  d.run_answering(20000);
  d.run_silent(32000);
  ASSERT_EQ(d.health.state(), HealthState::survival);
  d.run_answering(60000);
  d.health.hand_back_pending(d.now_ms, 0);
  ASSERT_EQ(d.health.state(), HealthState::online);
  const auto ignored = d.health.counters().evidence_ignored;
  d.health.observed(d.now_ms, kA, Evidence::transaction_timeout, d.now_ms - 32000);
  EXPECT_EQ(d.health.member_state(kA), MemberState::up);
  EXPECT_EQ(d.health.counters().evidence_ignored, ignored + 1);
}

TEST(UpstreamHealth, InvitesThatFailWhileOptionsAreAnsweredLeadToSurvivalToo) {
  HealthDriver d({kA});
  d.run_answering(20000);
  for (int i = 0; i < 20 && d.health.state() != HealthState::survival; ++i) {
    d.health.observed(d.now_ms, kA, Evidence::service_unavailable, d.now_ms);
    d.run_answering(d.now_ms + 1000);
  }
  EXPECT_EQ(d.path(), "online suspect survival");
}

TEST(UpstreamHealth, RFC3261_21_5_4_RetryAfterOfOneMakesItTheLastChoice) {
  HealthDriver d({kA, kB});
  d.run_answering(20000);
  d.health.answered(d.now_ms, kA, {503, {}, {}, 20}, d.now_ms);
  EXPECT_EQ(d.health.candidates(d.now_ms), (std::vector{kB, kA}));
  d.run_answering(d.now_ms + 25000);
  EXPECT_EQ(d.health.candidates(d.now_ms), (std::vector{kA, kB}));
}

TEST(UpstreamHealth, ProbeRefusedWithRetryAfterIsDownAtOnce) {
  HealthDriver d({kA});
  d.run_answering(20000);
  d.retry_after_s = 0xffffffffu;  // a lying number is cut to the bound
  d.run(28000, [](const Upstream&, uint64_t) { return 503; });
  EXPECT_EQ(d.path(), "online suspect survival");
  d.retry_after_s.reset();
  d.run_answering(60000);
  EXPECT_EQ(d.health.state(), HealthState::recovering);
}

TEST(UpstreamHealth, AnyFinalAnswerBut503ShowsLife) {
  for (const int status : {200, 301, 401, 403, 404, 405, 483, 500, 501, 604}) {
    HealthDriver d({kA});
    d.run(5000, [status](const Upstream&, uint64_t) { return status; });
    EXPECT_EQ(d.health.state(), HealthState::online) << status;
  }
}

TEST(UpstreamHealth, NewResolutionKeepsTheHealthOfThoseThatStay) {
  HealthDriver d({kA, kB});
  d.run_answering(20000);
  d.health.set_upstreams(d.now_ms, {kB, upstream("198.18.2.12:8060")});
  EXPECT_EQ(d.health.member_state(kB), MemberState::up);
  EXPECT_EQ(d.health.state(), HealthState::online);
  d.health.set_upstreams(d.now_ms, {});
  EXPECT_EQ(d.health.state(), HealthState::survival);
  EXPECT_EQ(d.health.take_transitions().back().reason, HealthReason::no_upstream);
}

TEST(UpstreamHealth, MoreServersThanTheBoundAreCountedAndLeftOut) {
  std::vector<Upstream> many;
  for (int i = 1; i <= 10; ++i)
    many.push_back(upstream(("198.18.2." + std::to_string(i) + ":1").c_str()));
  HealthDriver d(many);
  EXPECT_EQ(d.health.candidates(0).size(), kMaxUpstreams);
  EXPECT_EQ(d.health.counters().upstreams_refused, 2u);
}

TEST(UpstreamHealth, UnknownProbesServersAndTimeGoingBackwardsAreHarmless) {
  HealthDriver d({kA});
  d.run_answering(20000);
  d.health.probe_answered(d.now_ms, 4711, {200, {}, {}, {}});
  d.health.probe_send_failed(d.now_ms, 4711);
  d.health.observed(d.now_ms, kB, Evidence::transport_error, d.now_ms);
  d.health.observed(d.now_ms, kA, Evidence::count, d.now_ms);
  d.health.advance(5);
  EXPECT_EQ(d.health.state(), HealthState::online);
  EXPECT_GT(d.health.deadline_ms(), 19000u);
}

TEST(UpstreamHealth, ProbesThatCannotBeSentAreNotTriedInAStorm) {
  HealthDriver d({kA});
  size_t sent = 0;
  for (uint64_t now = 0; now < 60000; ++now) {
    d.health.advance(now);
    while (const auto probe = d.health.next_probe(now)) {
      ++sent;
      d.health.probe_send_failed(now, probe->number);
    }
  }
  EXPECT_EQ(d.health.state(), HealthState::survival);
  EXPECT_LE(sent, 3u + 60000 / 1800);
}

}  // namespace
}  // namespace holdfast::sip
