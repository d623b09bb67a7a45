// SPDX-License-Identifier: Apache-2.0
// SRTP of the benches: what their remotes send is what libsrtp opens, and what comes back is
// judged.
#include <gtest/gtest.h>

#include <algorithm>

#include "bench/relay/inspector.hh"
#include "bench/relay/srtp_defects.hh"
#include "bench/relay/srtp_speaker.hh"
#include "media/endian.hh"
#include "tests/dataplane/test_frames.hh"

namespace holdfast::bench {
namespace {

using media::SrtpSuite;

constexpr SrtpSuite kSuites[] = {
    SrtpSuite::aes_cm_128_hmac_sha1_80, SrtpSuite::aes_cm_128_hmac_sha1_32,
    SrtpSuite::aes_256_cm_hmac_sha1_80, SrtpSuite::aes_256_cm_hmac_sha1_32,
    SrtpSuite::aead_aes_128_gcm,        SrtpSuite::aead_aes_256_gcm};

// What the appliance sends out of `side` for a packet of the call's other remote.
test::Bytes relayed(const SrtpSuites& suites, size_t side, uint32_t call, uint16_t sequence) {
  const Frame sent = first_frame(1 - side, call, sequence);
  test::UdpFrame out;
  out.from = side_of(side).appliance_mac;
  out.to = side_of(side).gateway_mac;
  out.source = local_of(side, call);
  out.destination = remote_of(side, call);
  out.traffic_class = kExpectedDscp << 2;
  out.payload.assign(sent.begin() + kRtpAt, sent.end());
  if (suites[side]) {
    const auto key = srtp_key_of(*suites[side], side, call, Sender::appliance);
    const auto context = make_libsrtp_context(key, true);
    auto length = static_cast<int>(out.payload.size());
    out.payload.resize(out.payload.size() + SRTP_MAX_TRAILER_LEN);
    EXPECT_EQ(srtp_protect(context.get(), out.payload.data(), &length), srtp_err_status_ok);
    out.payload.resize(static_cast<size_t>(length));
  }
  return test::build(out);
}

const char* inspect(Inspector& inspector, const test::Bytes& frame, size_t side) {
  return inspector.inspect(frame.data(), frame.size(), side);
}

TEST(BenchSrtp, LibsrtpOpensWhatIsSpokenOverTheWrap) {
  constexpr uint32_t kCalls = 2;
  constexpr uint16_t kFirst = 32'700;  // an SSRC begins below 2^15 (RFC 3711 section 3.3.1)
  constexpr int kPackets = 33'000;
  for (const SrtpSuite suite : kSuites) {
    SrtpSpeaker speaker(suite, 1, kCalls);
    std::vector<LibsrtpContext> openers;
    std::vector<test::Bytes> frames;
    for (uint32_t call = 0; call < kCalls; ++call) {
      openers.push_back(make_libsrtp_context(srtp_key_of(suite, 1, call, Sender::remote), false));
      const Frame plain = first_frame(1, call, kFirst);
      frames.emplace_back(plain.begin(), plain.end());
      frames.back().resize(speaker.frame_bytes());
      speaker.make_room(frames.back().data());
    }
    for (int i = 0; i < kPackets; ++i) {
      for (uint32_t call = 0; call < kCalls; ++call) speaker.next(frames[call].data(), call, 1);
      speaker.seal();
      for (uint32_t call = 0; call < kCalls; ++call) {
        ASSERT_TRUE(test::checksums_hold(frames[call]));
        test::Bytes copy = frames[call];
        auto length = static_cast<int>(copy.size() - kRtpAt);
        ASSERT_EQ(srtp_unprotect(openers[call].get(), &copy[kRtpAt], &length), srtp_err_status_ok);
        const Frame wanted = first_frame(1, call, static_cast<uint16_t>(kFirst + 1 + i));
        ASSERT_EQ(load_be16(&copy[kRtpAt + 2]), load_be16(&wanted[kRtpAt + 2]));
        ASSERT_EQ(static_cast<size_t>(length), kFrameBytes - kRtpAt);
        ASSERT_TRUE(std::equal(wanted.begin() + kStampAt, wanted.end(), &copy[kStampAt]));
      }
    }
  }
}

// What the bench calls bad is refused by another library, for the reason that it names, and does
// not hurt the packet that comes next.
TEST(BenchSrtp, WhatIsNotAuthenticIsSoForLibsrtp) {
  constexpr uint32_t kCalls = 2;
  for (const SrtpSuite suite : kSuites) {
    SrtpSpeaker speaker(suite, 1, kCalls);
    const auto opener = make_libsrtp_context(srtp_key_of(suite, 1, 1, Sender::remote), false);
    const auto open = [&](test::Bytes frame) {
      auto length = static_cast<int>(frame.size() - kRtpAt);
      return srtp_unprotect(opener.get(), &frame[kRtpAt], &length);
    };
    const Frame plain = first_frame(1, 1, 700);
    test::Bytes frame(plain.begin(), plain.end());
    frame.resize(speaker.frame_bytes());
    speaker.make_room(frame.data());
    std::vector<test::Bytes> bad(srtp_defects().size(), test::Bytes(frame.size()));
    for (int round = 0; round < 3; ++round) {
      speaker.next(frame.data(), 1, 1);
      for (size_t kind = 0; kind < bad.size(); ++kind)
        speaker.spoil(frame.data(), bad[kind].data(), srtp_defects()[kind]);
      speaker.seal();
      ASSERT_EQ(open(frame), srtp_err_status_ok);
      EXPECT_FALSE(is_forged(frame.data()));
      for (size_t kind = 0; kind < bad.size(); ++kind) {
        const bool forged = srtp_defects()[kind].drop == "srtp_auth_failed";
        EXPECT_TRUE(test::checksums_hold(bad[kind]));
        EXPECT_EQ(is_forged(bad[kind].data()), forged);
        EXPECT_EQ(open(bad[kind]),
                  forged ? srtp_err_status_auth_fail : srtp_err_status_replay_fail);
      }
    }
  }
}

TEST(BenchSrtp, InspectorTakesWhatIsRelayed) {
  for (const SrtpSuite suite : kSuites) {
    const SrtpSuites one = {std::nullopt, suite};
    Inspector inspector(Treatment::relay, 100, one);
    for (const uint32_t call : {0U, Inspector::kOpenedCalls - 1, Inspector::kOpenedCalls, 99U}) {
      for (size_t side = 0; side < kSides; ++side)
        EXPECT_STREQ(inspect(inspector, relayed(one, side, call, 10), side), nullptr) << call;
    }
  }
}

TEST(BenchSrtp, InspectorSeesWhatIsNotProtectedAsItShould) {
  const SrtpSuites one = {std::nullopt, SrtpSuite::aead_aes_128_gcm};
  Inspector inspector(Treatment::relay, 10, one);
  EXPECT_STREQ(inspect(inspector, relayed({}, 1, 4, 10), 1), "length");
  EXPECT_STREQ(inspect(inspector, relayed(one, 1, 4, 11), 1), nullptr);
  Inspector others(Treatment::relay, 10, {std::nullopt, SrtpSuite::aead_aes_256_gcm});
  EXPECT_STREQ(inspect(others, relayed(one, 1, 4, 12), 1), "SRTP");
}

TEST(BenchSrtp, InspectorComparesWhatWasOpenedForAPlainLeg) {
  const SrtpSuites one = {std::nullopt, SrtpSuite::aes_cm_128_hmac_sha1_80};
  Inspector inspector(Treatment::relay, 10, one);
  test::Bytes frame = relayed(one, 0, 4, 10);
  stamp(frame.data(), 0);
  EXPECT_STREQ(inspect(inspector, frame, 0), "payload");
}

}  // namespace
}  // namespace holdfast::bench
