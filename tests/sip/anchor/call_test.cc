// SPDX-License-Identifier: Apache-2.0
// Calls through the anchor: what is sent on, and which legs there are.
#include "tests/sip/anchor/rig.hh"

namespace holdfast::sip {
namespace {

using media::Side;
using Kind = MediaVerdict::Kind;

const std::string kAlice = "198.18.1.10:4000";
const std::string kBob = "198.18.3.20:6000";

class AnchoredCall : public AnchorRig {
 protected:
  void SetUp() override { start(); }
  // INVITE and 200, both with SDP.
  void establish() {
    offered = sent(call.invite(sdp(kAlice)));
    answered = sent(call.reply(200, sdp(kBob)));
    ASSERT_EQ(dataplane->calls().size(), 1u);
    name = dataplane->only().call;
  }
  Call call;
  std::string offered, answered, name;
};

TEST_F(AnchoredCall, SimpleCallGetsTwoLegsAndGivesThemBack) {
  const std::string to_centre = sent(call.invite(sdp(kAlice)));
  EXPECT_EQ(wants(to_centre), "198.18.2.2:30000");
  EXPECT_NE(to_centre.find("o=- 77 1 IN IP4 198.18.2.2\r\n"), std::string::npos) << to_centre;
  ASSERT_EQ(dataplane->calls().size(), 1u);
  const std::string key = dataplane->only().call;
  EXPECT_EQ(call_key_of_stream(key), 1u);
  EXPECT_EQ(remote(key, 0), kAlice);
  EXPECT_EQ(remote(key, 1), "none");

  EXPECT_EQ(send(call.reply(180, "")).kind, Kind::pass);
  const std::string to_phone = sent(call.reply(200, sdp(kBob)));
  EXPECT_EQ(wants(to_phone), "198.18.1.2:30000");
  EXPECT_EQ(remote(key, 1), kBob);
  EXPECT_EQ(send(call.request(Side::caller, Method::ack, "")).kind, Kind::pass);
  EXPECT_EQ(anchor->snapshot().calls_anchored, 1u);

  anchor->dialog_ended(1, "alice", "bob");
  settle();
  EXPECT_TRUE(dataplane->calls().empty());
  const auto reports = end(1);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].call, key);
  EXPECT_TRUE(reports[0].ended_ms);
  EXPECT_EQ(anchor->snapshot().streams, 0u);
  EXPECT_EQ(anchor->snapshot().calls_anchored, 0u);
}

}  // namespace
}  // namespace holdfast::sip
