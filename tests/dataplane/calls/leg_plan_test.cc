// SPDX-License-Identifier: Apache-2.0
// What specs and updates make of a leg.
#include "dataplane/calls/leg_plan.hh"

#include <gtest/gtest.h>

namespace holdfast::dataplane {
namespace {

using control::LegUpdate;

LegSetup known_leg() {
  LegSetup setup;
  setup.local = *IpAddress::parse("198.18.1.2");
  setup.remote = {*SocketAddress::parse("198.18.1.10:4000"),
                  *SocketAddress::parse("198.18.1.10:4009")};
  setup.rtcp_explicit = true;
  setup.dscp = 46;
  return setup;
}

LegUpdate with(void (*change)(LegUpdate&)) {
  LegUpdate update;
  change(update);
  return update;
}

TEST(LegPlan, WhatIsNotGivenStays) {
  const auto change = plan_update(known_leg(), {});
  ASSERT_TRUE(change);
  EXPECT_FALSE(change->relearn || change->unset);
  EXPECT_EQ(change->setup.remote, known_leg().remote);
  EXPECT_TRUE(change->setup.rtcp_explicit);
  EXPECT_EQ(change->setup.dscp, 46);
}

TEST(LegPlan, MuxMarkAndClocksLeaveTheSourceLocked) {
  const auto change = plan_update(known_leg(), with([](LegUpdate& u) {
                                    u.rtcp_mux = true;
                                    u.dscp = 0;
                                    u.clock_rates = {{96, 48000}};
                                    u.learn = control::Learn::kLock;  // as it was
                                  }));
  ASSERT_TRUE(change);
  EXPECT_FALSE(change->relearn);
  EXPECT_TRUE(change->setup.rtcp_mux);
  EXPECT_EQ(change->setup.dscp, 0);
  EXPECT_EQ(change->setup.clock_rates[0].hz, 48000u);
  const auto emptied =
      plan_update(change->setup, with([](LegUpdate& u) { u.clock_rates.emplace(); }));
  EXPECT_EQ(emptied->setup.clock_rates[0].hz, 0u);
}

TEST(LegPlan, SealedIsRtpWithoutKeysOfOurs) {
  const auto after = [](const LegSetup& setup, void (*change)(LegUpdate&)) {
    return plan_update(setup, with(change))->setup;
  };
  LegSetup setup = after(known_leg(), [](LegUpdate& u) { u.sealed = true; });
  EXPECT_EQ(setup.payload, PayloadKind::sealed);
  setup = after(setup, [](LegUpdate& u) { u.dscp = 0; });
  EXPECT_EQ(setup.payload, PayloadKind::sealed);
  setup = after(setup, [](LegUpdate& u) {
    u.srtp = std::make_shared<control::LegSrtp>();
    u.sealed = false;
  });
  EXPECT_EQ(setup.payload, PayloadKind::srtp);
  setup = after(setup, [](LegUpdate& u) {
    u.clear_srtp = true;
    u.sealed = true;
  });
  EXPECT_EQ(setup.payload, PayloadKind::sealed);
  EXPECT_EQ(after(setup, [](LegUpdate& u) { u.sealed = false; }).payload, PayloadKind::rtp);
  setup.payload = PayloadKind::udptl;
  EXPECT_EQ(after(setup, [](LegUpdate& u) { u.sealed = true; }).payload, PayloadKind::udptl);
}

TEST(LegPlan, NullForgetsTheRemoteAndItsRtcp) {
  const auto change = plan_update(known_leg(), with([](LegUpdate& u) { u.clear_remote = true; }));
  ASSERT_TRUE(change);
  EXPECT_TRUE(change->relearn && change->unset);
  EXPECT_TRUE(change->setup.remote[0].is_none() && change->setup.remote[1].is_none());
  EXPECT_FALSE(change->setup.rtcp_explicit);
}

TEST(LegPlan, NullRtcpGoesBackToPortPlusOne_RFC3605) {
  const auto change =
      plan_update(known_leg(), with([](LegUpdate& u) { u.clear_remote_rtcp = true; }));
  ASSERT_TRUE(change);
  EXPECT_EQ(change->setup.remote[1].to_string(), "198.18.1.10:4001");
  EXPECT_FALSE(change->setup.rtcp_explicit);
  LegSetup learning = known_leg();
  learning.remote = {};
  const auto none = plan_update(learning, with([](LegUpdate& u) { u.clear_remote_rtcp = true; }));
  EXPECT_TRUE(none->setup.remote[1].is_none());
}

TEST(LegPlan, StrictNeedsARemoteAndOpensTheLock) {
  const LegUpdate strict = with([](LegUpdate& u) { u.learn = control::Learn::kStrict; });
  const auto change = plan_update(known_leg(), strict);
  ASSERT_TRUE(change);
  EXPECT_TRUE(change->relearn && change->setup.strict_source);
  LegSetup learning = known_leg();
  learning.remote = {};
  EXPECT_FALSE(plan_update(learning, strict));
  const LegUpdate clear = with([](LegUpdate& u) { u.clear_remote = true; });
  EXPECT_FALSE(plan_update(change->setup, clear)) << "it would take media from nobody";
}

TEST(LegPlan, TheFamilyStays) {
  const LegUpdate other =
      with([](LegUpdate& u) { u.remote = SocketAddress::parse("[2001:db8::1]:6000"); });
  const auto change = plan_update(known_leg(), other);
  ASSERT_FALSE(change);
  EXPECT_EQ(change.error().code, control::ErrorCode::kBadRequest);
}

}  // namespace
}  // namespace holdfast::dataplane
