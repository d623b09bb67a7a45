// SPDX-License-Identifier: Apache-2.0
// What an endpoint with SRTP says in RTCP of a source whose numbers we moved: the source is told in
// its own.
#include <gtest/gtest.h>

#include "tests/dataplane/relay/srtp_calls.hh"

namespace holdfast::dataplane {
namespace {

using namespace test_rig;

constexpr uint32_t kSource = 8;    // of the centre
constexpr uint32_t kListener = 7;  // of the phone

Bytes& operator<<(Bytes& to, const Bytes& more) {
  to.insert(to.end(), more.begin(), more.end());
  return to;
}
Bytes word(uint32_t value) {
  Bytes bytes(4);
  media::put_be32(bytes.data(), value);
  return bytes;
}
Bytes halves(uint16_t first, uint16_t second) {
  return word(uint32_t{first} << 16 | second);
}

// RR, generic NACK, congestion control feedback and XR in one compound, of the numbers that the
// listener names.
Bytes about(uint32_t source, uint32_t highest) {
  const auto number = static_cast<uint16_t>(highest);
  const auto before = [number](uint16_t back) { return static_cast<uint16_t>(number - back); };
  Bytes rtcp{0x81, 201, 0, 7};
  rtcp << word(kListener) << word(source) << word(0) << word(highest) << Bytes(12);
  rtcp << Bytes{0x81, 205, 0, 3} << word(kListener) << word(source) << halves(before(4), 3);
  rtcp << Bytes{0x8b, 205, 0, 5} << word(kListener) << word(source) << halves(before(1), 2)
       << halves(0x8001, 0x8000) << word(0);
  rtcp << Bytes{0x80, 207, 0, 15} << word(kListener);
  rtcp << Bytes{1, 0, 0, 3} << word(source) << halves(before(9), number) << Bytes{0x7f, 0xff, 0, 0};
  rtcp << Bytes{6, 0, 0, 9} << word(source) << halves(before(9), number) << Bytes(28);
  return rtcp;
}

class SrtpRtcp : public SrtpCall {
 protected:
  // The centre's packets as the phone hears them: the number of the last.
  uint16_t hear(SrtpLife& life, uint16_t from, size_t count) {
    uint16_t last = 0;
    const auto left = pass(life, centre, speech(from, count, kSource));
    EXPECT_EQ(left.size(), count);
    for (const Bytes& packet : left) {
      const Bytes heard = phone.hear(packet, false);
      EXPECT_GE(heard.size(), 12u);
      if (heard.size() >= 12) last = load_be16(&heard[2]);
    }
    return last;
  }
  Bytes tell(SrtpLife& life, const Bytes& rtcp) {
    const auto left = pass(life, phone, {phone.protect(rtcp, true)}, true);
    EXPECT_EQ(left.size(), 1u);
    return left.empty() ? Bytes{} : left[0];
  }
};

TEST_F(SrtpRtcp, TheSourceIsToldInItsOwnNumbers) {
  SrtpLife life({});
  begin(life, SrtpSuite::aes_cm_128_hmac_sha1_80);
  EXPECT_EQ(hear(life, 65530, 5), 32766) << "moved by 2^15";
  EXPECT_EQ(tell(life, about(kSource, 32766)), about(kSource, 65534));
  EXPECT_EQ(hear(life, 65535, 5), 32771);
  EXPECT_EQ(tell(life, about(kSource, 32771)), about(kSource, 0x1'0003)) << "over the top";
  EXPECT_EQ(tell(life, about(kSource + 1, 32771)), about(kSource + 1, 32771)) << "of no stream";
  const auto lan = report(life, 0);
  ASSERT_EQ(lan.far_end.size(), 1u);
  EXPECT_EQ(lan.far_end[0].highest_ext_seq, 0x1'0003u) << "what we report, too";
  life.rig.expect_balanced();
}

TEST_F(SrtpRtcp, ASourceThatRestartsBeginsAtCycleZero) {
  SrtpLife life({});
  begin(life, SrtpSuite::aes_cm_128_hmac_sha1_80);
  EXPECT_EQ(hear(life, 100, 10), 109);
  EXPECT_EQ(tell(life, about(kSource, 109)), about(kSource, 109)) << "not moved";
  EXPECT_EQ(hear(life, 60000, 10), 119) << "goes on";
  EXPECT_EQ(tell(life, about(kSource, 119)), about(kSource, 60009));
  EXPECT_EQ(tell(life, about(kSource, 119)), about(kSource, 60009)) << "of no change since";
  life.rig.expect_balanced();
}

TEST_F(SrtpRtcp, LengthsThatLieGoNoFurtherOrStayAsTheyAre) {
  SrtpLife life({});
  begin(life, SrtpSuite::aes_cm_128_hmac_sha1_80);
  EXPECT_EQ(hear(life, 40000, 3), 7234);
  // A statistics summary with a word less than it must have.
  Bytes shorter{0x80, 207, 0, 10};
  shorter << word(kListener) << Bytes{6, 0, 0, 8} << word(kSource) << halves(1, 2) << Bytes(24);
  EXPECT_EQ(tell(life, shorter), shorter);
  // A loss RLE whose length runs past its packet, and a report that is not there.
  Bytes past{0x80, 207, 0, 4};
  past << word(kListener) << Bytes{1, 0, 0, 9} << word(kSource) << halves(1, 2);
  EXPECT_TRUE(pass(life, phone, {phone.protect(past, true)}, true).empty());
  Bytes absent{0x82, 201, 0, 7};
  absent << word(kListener) << word(kSource) << Bytes(20);
  EXPECT_TRUE(pass(life, phone, {phone.protect(absent, true)}, true).empty());
  const auto lan = report(life, 0);
  EXPECT_EQ(drops(lan, "rtcp_item_past_end"), 1u);
  EXPECT_EQ(drops(lan, "rtcp_count_past_end"), 1u);
  life.rig.expect_balanced();
}

// Between two legs with SRTP each speaks in the numbers that it was given.
TEST_F(SrtpRtcp, BothWays) {
  SrtpLife life({});
  const SdesKey centre_key = key(SrtpSuite::aes_256_cm_hmac_sha1_80);
  const SdesKey to_centre = key(SrtpSuite::aes_256_cm_hmac_sha1_80);
  control::CallAdd add = request();
  add.legs[1].srtp = keys(centre_key, to_centre);
  centre.use(centre_key, to_centre);
  begin(life, key(SrtpSuite::aead_aes_128_gcm), key(SrtpSuite::aead_aes_128_gcm), add);
  say(life, phone, centre, speech(50000, 10, kListener));
  say(life, centre, phone, speech(200, 10, kSource));
  const auto told = [&](Endpoint& from, Endpoint& to, const Bytes& rtcp) {
    const auto left = pass(life, from, {from.protect(rtcp, true)}, true);
    return left.size() == 1 ? to.hear(left[0], true) : Bytes{};
  };
  EXPECT_EQ(told(phone, centre, about(kSource, 209)), about(kSource, 209));
  EXPECT_EQ(told(centre, phone, about(kListener, 50009 - 0x8000)), about(kListener, 50009));
  life.rig.expect_balanced();
}

}  // namespace
}  // namespace holdfast::dataplane
