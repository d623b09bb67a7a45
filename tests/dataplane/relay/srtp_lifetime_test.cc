// SPDX-License-Identifier: Apache-2.0
// An endpoint whose key has run out is not heard until it has another one.
#include <gtest/gtest.h>

#include "tests/dataplane/relay/srtp_calls.hh"

namespace holdfast::dataplane {
namespace {

using namespace test_rig;

TEST_F(SrtpCall, WhatComesBeyondTheLifetimeOfItsKeyIsDroppedByName) {
  SrtpLife life({});
  SdesKey mine = key(SrtpSuite::aes_cm_128_hmac_sha1_80);
  mine.lifetime_packets = 40;
  const SdesKey ours = key(SrtpSuite::aes_cm_128_hmac_sha1_80);
  begin(life, mine, ours);
  const auto say_from = [&](uint16_t number, size_t count) {
    std::vector<Bytes> secure;
    for (const Bytes& packet : speech(number, count)) secure.push_back(phone.protect(packet));
    return pass(life, phone, secure).size();
  };
  EXPECT_EQ(say_from(0, 30), 30u);
  EXPECT_EQ(say_from(30, 30), 10u) << "in the midst of a burst";
  EXPECT_EQ(say_from(60, 10), 0u);
  EXPECT_EQ(drops(report(life, 0), "srtp_key_expired"), 30u);
  say(life, centre, phone, speech(100, 10, 8));  // ours has no lifetime
  const Bytes goodbye{0x81, 203, 0, 1, 0, 0, 0, 7};
  say(life, phone, centre, {goodbye}, true);  // SRTCP has its own count

  // The same key once more, as in an SDP that changes something else, brings nothing back.
  control::LegUpdate update;
  update.leg = call.legs[0].leg;
  update.srtp = keys(mine, ours);
  life.update(update);
  EXPECT_EQ(say_from(70, 5), 0u);
  const SdesKey next = key(SrtpSuite::aes_cm_128_hmac_sha1_80);
  update.srtp = keys(next, ours);
  life.update(update);
  phone.use(next, ours);
  EXPECT_EQ(say_from(75, 50), 50u);
  const control::LegReport lan = report(life, 0);
  EXPECT_EQ(drops(lan, "srtp_key_expired"), 35u);
  EXPECT_EQ(lan.rx.packets, 90u);
  life.rig.expect_balanced();
}

}  // namespace
}  // namespace holdfast::dataplane
