// SPDX-License-Identifier: Apache-2.0
// A new key for SSRCs that have wrapped: peers that keep the ROC and such that begin at 0 are both
// understood, and places of the key before are given up first.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "media/srtp/numbering.hh"
#include "tests/media/srtp/engines.hh"
#include "tests/media/srtp/packets.hh"

namespace holdfast::media {
namespace {

constexpr uint32_t kSsrc = 0x11223344;

class SrtpRekey : public EveryEngine {
 protected:
  // A leg that has heard `kSsrc` up to ROC 1 under one key, and has another one now.
  struct Leg {
    std::unique_ptr<SrtpInbound> in = std::make_unique<SrtpInbound>();
    std::unique_ptr<SrtpOutbound> peer = std::make_unique<SrtpOutbound>();
  };

  Bytes sent(Leg& leg, uint16_t sequence) {
    Packet packet(rtp_packet(kSsrc, sequence, 60), SrtpOp::protect_rtp, nullptr, leg.peer.get());
    EXPECT_EQ(name_of(process_one(*engine_, packet)), "srtp_ok");
    return packet.result();
  }
  SrtpVerdict receive(Leg& leg, const Bytes& secure) {
    Packet packet(secure, SrtpOp::unprotect_rtp, leg.in.get(), nullptr);
    return process_one(*engine_, packet);
  }
  Leg rekeyed(SrtpSuite suite, bool peer_keeps_roc) {
    Leg leg;
    const SdesKey before = random_key(random_, suite);
    EXPECT_TRUE(engine_->open(*leg.in, before) && engine_->open(*leg.peer, before));
    SrtpCheckpoint late;
    late.stream_count = 1;
    late.streams[0] = {65529, kSsrc, 0, true, false};
    restore(*leg.peer, late);
    for (uint16_t i = 0; i < 20; ++i)
      EXPECT_EQ(receive(leg, sent(leg, static_cast<uint16_t>(65530 + i))), SrtpVerdict::srtp_ok);
    const SrtpCheckpoint heard = checkpoint_of(*leg.in);
    const SrtpCheckpoint said = checkpoint_of(*leg.peer);
    EXPECT_EQ(heard.streams[0].index, 0x1'000du);
    const SdesKey next = random_key(random_, suite);
    EXPECT_TRUE(engine_->open(*leg.in, next) && engine_->open(*leg.peer, next));
    carry_rocs(*leg.in, heard);
    if (peer_keeps_roc) restore(*leg.peer, said);
    return leg;
  }
  void end(Leg& leg) {
    engine_->release(*leg.in);
    engine_->release(*leg.peer);
  }

  Random random_{11};
};

TEST_P(SrtpRekey, APeerMayKeepItsRocOrBeginAtZero) {
  for (const SrtpSuite suite : kEverySuite)
    for (const bool keeps : {true, false}) {
      Leg leg = rekeyed(suite, keeps);
      const Bytes first = sent(leg, 14);
      for (int forged = 0; forged < 3; ++forged) {
        Bytes bad = first;
        bad[20] = static_cast<uint8_t>(bad[20] ^ 1);
        EXPECT_EQ(receive(leg, bad), SrtpVerdict::srtp_auth_failed);
      }
      ASSERT_EQ(name_of(receive(leg, first)), "srtp_ok") << traits_of(suite).name << keeps;
      EXPECT_EQ(leg.in->streams[0].index >> 16, keeps ? 1u : 0u);
      EXPECT_EQ(leg.in->stream_count, 1u);
      EXPECT_EQ(receive(leg, first), SrtpVerdict::srtp_replayed);
      for (uint16_t i = 15; i < 40; ++i)
        ASSERT_EQ(name_of(receive(leg, sent(leg, i))), "srtp_ok") << i;
      end(leg);
    }
}

// First packets of several legs in one burst, each with two candidates, and more behind them.
TEST_P(SrtpRekey, ManyLegsInOneBurst) {
  std::vector<Leg> legs;
  std::vector<Packet> burst;
  for (size_t i = 0; i < 9; ++i) legs.push_back(rekeyed(kEverySuite[i % 6], i % 2 == 0));
  for (uint16_t sequence = 14; sequence < 17; ++sequence)
    for (Leg& leg : legs)
      burst.emplace_back(sent(leg, sequence), SrtpOp::unprotect_rtp, leg.in.get(), nullptr);
  process(*engine_, burst);
  for (size_t i = 0; i < burst.size(); ++i)
    EXPECT_EQ(name_of(burst[i].task.verdict), "srtp_ok") << i;
  for (Leg& leg : legs) end(leg);
}

// A key with a lifetime, in bursts that go beyond it; the count lives on with a checkpoint, and
// ends with the key.
TEST_P(SrtpRekey, NothingPassesBeyondTheLifetimeOfAKey) {
  for (const SrtpSuite suite : kEverySuite) {
    SdesKey key = random_key(random_, suite);
    Leg leg;
    ASSERT_TRUE(engine_->open(*leg.peer, key));
    key.lifetime_packets = 20;
    ASSERT_TRUE(engine_->open(*leg.in, key));
    uint16_t number = 0;
    size_t passed = 0;
    for (int round = 0; round < 3; ++round) {
      if (round == 1) {
        const SrtpCheckpoint kept = checkpoint_of(*leg.in);
        ASSERT_TRUE(engine_->open(*leg.in, key));
        restore(*leg.in, kept);
      }
      std::vector<Packet> burst;
      burst.reserve(15);
      for (int i = 0; i < 15; ++i)
        burst.emplace_back(sent(leg, number++), SrtpOp::unprotect_rtp, leg.in.get(), nullptr);
      burst[3].bytes[20] ^= 1;
      process(*engine_, burst);
      for (size_t i = 0; i < burst.size(); ++i) {
        const bool over = passed >= 20;
        ASSERT_EQ(name_of(burst[i].task.verdict), over     ? "srtp_key_expired"
                                                  : i == 3 ? "srtp_auth_failed"
                                                           : "srtp_ok")
            << round << ' ' << i;
        if (burst[i].task.verdict == SrtpVerdict::srtp_ok) ++passed;
      }
    }
    EXPECT_EQ(passed, 20u);
    const SdesKey next = random_key(random_, suite);
    ASSERT_TRUE(engine_->open(*leg.in, next) && engine_->open(*leg.peer, next));
    EXPECT_EQ(receive(leg, sent(leg, number)), SrtpVerdict::srtp_ok);
    end(leg);
  }
}

HOLDFAST_EVERY_ENGINE(SrtpRekey);

TEST(SrtpCarriedRoc, GivesItsPlaceToAnSsrcThatIsThere) {
  SrtpCheckpoint before;
  before.stream_count = kMaxSrtpSsrcs;
  for (uint32_t i = 0; i < kMaxSrtpSsrcs; ++i) before.streams[i] = {0x2'0005, i + 1, 7, true, true};
  before.streams[0].index = 0x7fff;  // nothing but ROC 0 can follow it
  auto state = std::make_unique<SrtpInbound>();
  state->lifetime_packets = kMaxSrtpLifetime;
  carry_rocs(*state, before);
  EXPECT_EQ(state->stream_count, kMaxSrtpSsrcs - 1);
  SrtpIndex guess;
  EXPECT_EQ(judge_rtp(*state, 2, 6, guess), SrtpVerdict::srtp_ok);
  EXPECT_EQ(guess.index, 6u);
  EXPECT_EQ(guess.other, 0x2'0006u);
  EXPECT_EQ(judge_rtp(*state, 1, 6, guess), SrtpVerdict::srtp_ok);
  EXPECT_EQ(guess.other, 0u);
  // A second loss or key carries what is not known yet once more.
  auto again = std::make_unique<SrtpInbound>();
  carry_rocs(*again, checkpoint_of(*state));
  EXPECT_EQ(again->stream_count, kMaxSrtpSsrcs - 1);
  for (uint32_t ssrc = 101; ssrc <= 100 + kMaxSrtpSsrcs; ++ssrc) {
    ASSERT_EQ(judge_rtp(*state, ssrc, 1, guess), SrtpVerdict::srtp_ok) << ssrc;
    ASSERT_EQ(accept_rtp(*state, ssrc, 1), SrtpVerdict::srtp_ok);
  }
  EXPECT_EQ(judge_rtp(*state, 2, 6, guess), SrtpVerdict::srtp_too_many_ssrcs);
  EXPECT_EQ(accept_rtcp(*state, 2, 6), SrtpVerdict::srtp_too_many_ssrcs);
}

}  // namespace
}  // namespace holdfast::media
