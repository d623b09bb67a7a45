// SPDX-License-Identifier: Apache-2.0
// A call through the anchor, from Alice in the branch to Bob at the centre.
#pragma once

#include <string>

#include "tests/sip/anchor/rig.hh"

namespace holdfast::sip {

inline const std::string kAlice = "198.18.1.10:4000";
inline const std::string kBob = "198.18.3.20:6000";

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

}  // namespace holdfast::sip
