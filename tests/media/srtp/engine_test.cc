// SPDX-License-Identifier: Apache-2.0
// Every engine: what is refused and under which name, roll-over and reordering, restarts.
#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "media/srtp/numbering.hh"
#include "tests/media/srtp/engines.hh"
#include "tests/media/srtp/oracle.hh"
#include "tests/media/srtp/packets.hh"

namespace holdfast::media {
namespace {

constexpr uint32_t kSsrc = 0x11223344;

class Srtp : public EveryEngine {
 protected:
  void open(const SdesKey& key) {
    ASSERT_TRUE(engine_->open(*in_, key));
    ASSERT_TRUE(engine_->open(*out_, key));
  }
  void TearDown() override {
    if (!engine_) return;
    engine_->release(*in_);
    engine_->release(*out_);
  }

  // The next packet to be sent with RTP has this number.
  void go_on_at(uint16_t sequence) {
    SrtpCheckpoint before;
    before.stream_count = 1;
    before.streams[0] = {sequence - 1u, kSsrc, 0, true, false};
    restore(*out_, before);
  }

  SrtpVerdict receive(const Bytes& secure, bool rtcp, Bytes* plain = nullptr) {
    Packet packet(secure, rtcp ? SrtpOp::unprotect_rtcp : SrtpOp::unprotect_rtp, in_.get(),
                  nullptr);
    const SrtpVerdict verdict = process_one(*engine_, packet);
    if (plain != nullptr) *plain = packet.result();
    return verdict;
  }
  SrtpVerdict send(const Bytes& plain, bool rtcp, Bytes* secure = nullptr) {
    Packet packet(plain, rtcp ? SrtpOp::protect_rtcp : SrtpOp::protect_rtp, nullptr, out_.get());
    const SrtpVerdict verdict = process_one(*engine_, packet);
    if (secure != nullptr) *secure = packet.result();
    return verdict;
  }
  Bytes sent(const Bytes& plain, bool rtcp) {
    Bytes secure;
    EXPECT_EQ(name_of(send(plain, rtcp, &secure)), "srtp_ok");
    return secure;
  }

  Random random_{7};
  SrtpOracle awake_{random_key(random_, SrtpSuite::aead_aes_128_gcm), SrtpOracle::Role::sender};
  std::unique_ptr<SrtpInbound> in_ = std::make_unique<SrtpInbound>();
  std::unique_ptr<SrtpOutbound> out_ = std::make_unique<SrtpOutbound>();
};

// Each bit of a packet, and each shorter packet: none passes, and the stream goes on untouched.
TEST_P(Srtp, ForgedIsNeverPassed) {
  for (const SrtpSuite suite : kEverySuite)
    for (const bool rtcp : {false, true}) {
      const SdesKey key =
          random_key(random_, suite, suite == kEverySuite[0] ? SrtpMki{1, 1} : SrtpMki{});
      open(key);
      SrtpOracle phone(key, SrtpOracle::Role::sender);
      const Bytes plain = rtcp ? random_rtcp(random_, kSsrc) : rtp_packet(kSsrc, 1000, 20, 1, 1);
      const Bytes good = phone.protect(plain, rtcp);
      std::vector<Packet> burst;
      const auto op = rtcp ? SrtpOp::unprotect_rtcp : SrtpOp::unprotect_rtp;
      for (size_t bit = 0; bit < good.size() * 8; ++bit) {
        Bytes bad = good;
        bad[bit / 8] = static_cast<uint8_t>(bad[bit / 8] ^ 1 << bit % 8);
        burst.emplace_back(bad, op, in_.get(), nullptr);
      }
      for (size_t size = 0; size < good.size(); ++size)
        burst.emplace_back(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)),
                           op, in_.get(), nullptr);
      const SrtpCounts before = engine_->counts();
      process(*engine_, burst);
      SrtpCounts told;
      for (const Packet& packet : burst) ++told[packet.task.verdict];
      EXPECT_EQ(told[SrtpVerdict::srtp_ok], 0u) << name_of(SrtpVerdict::srtp_ok);
      EXPECT_EQ(told[SrtpVerdict::srtp_failed], 0u);
      EXPECT_GT(told[SrtpVerdict::srtp_auth_failed], good.size());
      EXPECT_GT(told[SrtpVerdict::srtp_bad_packet], 0u);
      for (size_t i = 0; i < kSrtpVerdicts; ++i)
        EXPECT_EQ(engine_->counts().packets[i] - before.packets[i], told.packets[i]);
      EXPECT_EQ(in_->stream_count, 0u);
      Bytes result;
      EXPECT_EQ(receive(good, rtcp, &result), SrtpVerdict::srtp_ok);
      EXPECT_EQ(result, plain);
      EXPECT_EQ(receive(good, rtcp), SrtpVerdict::srtp_replayed);
    }
}

TEST_P(Srtp, ReplaysWithinOneBurstPassOnce) {
  const SdesKey key = random_key(random_, SrtpSuite::aes_cm_128_hmac_sha1_80);
  for (const bool rtcp : {false, true}) {
    open(key);
    SrtpOracle phone(key, SrtpOracle::Role::sender);
    std::vector<Packet> burst;
    for (uint16_t i = 0; i < 20; ++i) {
      const Bytes secure =
          phone.protect(rtcp ? random_rtcp(random_, kSsrc) : rtp_packet(kSsrc, i, 50), rtcp);
      for (int copy = 0; copy < 3; ++copy)
        burst.emplace_back(secure, rtcp ? SrtpOp::unprotect_rtcp : SrtpOp::unprotect_rtp, in_.get(),
                           nullptr);
    }
    process(*engine_, burst);
    for (size_t i = 0; i < burst.size(); ++i)
      EXPECT_EQ(name_of(burst[i].task.verdict), i % 3 == 0 ? "srtp_ok" : "srtp_replayed") << i;
  }
}

// Random order, copies, holes and jumps, over two roll-overs: what passes is what libsrtp passes.
TEST_P(Srtp, RollOverAndReorderingAsLibsrtp) {
  for (const SrtpSuite suite : {SrtpSuite::aes_cm_128_hmac_sha1_80, SrtpSuite::aead_aes_128_gcm}) {
    const SdesKey key = random_key(random_, suite);
    open(key);
    SrtpOracle phone(key, SrtpOracle::Role::sender);
    SrtpOracle judge(key, SrtpOracle::Role::receiver);
    std::vector<Bytes> plain;
    std::vector<Bytes> wire;
    uint16_t sequence = 65400;
    for (int i = 0; i < 700; ++i) {
      plain.push_back(rtp_packet(kSsrc, sequence, 30));
      wire.push_back(phone.protect(plain.back(), false));
      sequence = static_cast<uint16_t>(sequence + (i % 100 == 99 ? 20000 : 1));
    }
    std::vector<size_t> order;
    for (size_t i = 0; i < wire.size(); ++i)
      if (below(random_, 10) != 0) order.push_back(i);
    // The first stays first: of a stream that begins beyond a roll-over nobody can tell the ROC.
    for (size_t i = 1; i + 40 < order.size(); ++i)
      if (below(random_, 3) == 0) std::swap(order[i], order[i + below(random_, 40)]);
    for (int i = 0; i < 60; ++i) {
      const size_t from = below(random_, static_cast<uint32_t>(order.size()));
      const size_t to = std::min(order.size(), from + 1 + below(random_, 300));
      order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), order[from]);
    }
    size_t passed = 0;
    for (size_t at = 0, size = 1; at < order.size(); size = size % 67 + 1) {
      std::vector<Packet> burst;
      std::vector<Bytes> wanted;
      for (size_t i = 0; i < size && at < order.size(); ++i, ++at) {
        burst.emplace_back(wire[order[at]], SrtpOp::unprotect_rtp, in_.get(), nullptr);
        wanted.push_back(judge.unprotect(wire[order[at]], false));
      }
      process(*engine_, burst);
      for (size_t i = 0; i < burst.size(); ++i) {
        ASSERT_EQ(burst[i].result(), wanted[i]) << name_of(burst[i].task.verdict) << " at " << at;
        passed += wanted[i].empty() ? 0 : 1;
      }
    }
    EXPECT_GT(passed, 400u);
    EXPECT_EQ(in_->streams[0].index >> 16, 2u);
  }
}

TEST_P(Srtp, OlderThanTheWindowIsTooOld) {
  const SdesKey key = random_key(random_, SrtpSuite::aes_cm_128_hmac_sha1_32);
  open(key);
  SrtpOracle phone(key, SrtpOracle::Role::sender);
  std::vector<Bytes> rtp;
  for (uint16_t i = 0; i <= kSrtpWindowBits; ++i)
    rtp.push_back(phone.protect(rtp_packet(kSsrc, i, 10), false));
  EXPECT_EQ(receive(rtp.back(), false), SrtpVerdict::srtp_ok);
  EXPECT_EQ(receive(rtp[0], false), SrtpVerdict::srtp_too_old);
  EXPECT_EQ(receive(rtp[1], false), SrtpVerdict::srtp_ok);
  EXPECT_EQ(receive(rtp[1], false), SrtpVerdict::srtp_replayed);
  std::vector<Bytes> rtcp;
  for (uint32_t i = 0; i <= kSrtcpWindowBits; ++i)
    rtcp.push_back(phone.protect(random_rtcp(random_, kSsrc), true));
  EXPECT_EQ(receive(rtcp.back(), true), SrtpVerdict::srtp_ok);
  EXPECT_EQ(receive(rtcp[0], true), SrtpVerdict::srtp_too_old);
  EXPECT_EQ(receive(rtcp[1], true), SrtpVerdict::srtp_ok);
}

TEST_P(Srtp, SsrcsOfAKeyAreBounded) {
  const SdesKey key = random_key(random_, SrtpSuite::aead_aes_128_gcm);
  open(key);
  SrtpOracle phone(key, SrtpOracle::Role::sender);
  std::vector<Packet> burst;
  for (uint32_t ssrc = 1; ssrc <= kMaxSrtpSsrcs + 3; ++ssrc) {
    const bool rtcp = ssrc % 2 == 0;
    const Bytes plain = rtcp ? random_rtcp(random_, ssrc) : rtp_packet(ssrc, 5, 40);
    burst.emplace_back(phone.protect(plain, rtcp),
                       rtcp ? SrtpOp::unprotect_rtcp : SrtpOp::unprotect_rtp, in_.get(), nullptr);
    burst.emplace_back(plain, rtcp ? SrtpOp::protect_rtcp : SrtpOp::protect_rtp, nullptr,
                       out_.get());
  }
  process(*engine_, burst);
  for (size_t i = 0; i < burst.size(); ++i)
    EXPECT_EQ(name_of(burst[i].task.verdict),
              i < 2 * kMaxSrtpSsrcs ? "srtp_ok" : "srtp_too_many_ssrcs");
  EXPECT_EQ(receive(phone.protect(rtp_packet(1, 6, 40), false), false), SrtpVerdict::srtp_ok);
}

TEST_P(Srtp, RefusedByName) {
  SdesKey key = random_key(random_, SrtpSuite::aes_cm_128_hmac_sha1_80, SrtpMki{0x0102, 2});
  key.lifetime_packets = 3;
  const Bytes plain = rtp_packet(kSsrc, 1, 40);
  EXPECT_EQ(send(plain, false), SrtpVerdict::srtp_no_key);
  EXPECT_EQ(receive(plain, false), SrtpVerdict::srtp_no_key);
  open(key);
  SdesKey other = clone(key);
  other.mki.value = 0x0103;
  EXPECT_EQ(receive(SrtpOracle(other, SrtpOracle::Role::sender).protect(plain, false), false),
            SrtpVerdict::srtp_bad_mki);
  Packet tight(plain, SrtpOp::protect_rtp, nullptr, out_.get());
  tight.task.capacity = static_cast<uint16_t>(plain.size() + 10 + 2 - 1);
  EXPECT_EQ(process_one(*engine_, tight), SrtpVerdict::srtp_no_room);
  EXPECT_EQ(send(Bytes(11, 0x80), false), SrtpVerdict::srtp_bad_packet);
  EXPECT_EQ(send(Bytes(7, 0x80), true), SrtpVerdict::srtp_bad_packet);
  EXPECT_EQ(out_->rtp_packets, 0u);
  // The lifetime, of SRTP and SRTCP each.
  for (uint16_t i = 1; i <= 3; ++i) sent(rtp_packet(kSsrc, i, 40), false);
  EXPECT_EQ(send(rtp_packet(kSsrc, 4, 40), false), SrtpVerdict::srtp_key_expired);
  for (int i = 0; i < 3; ++i) sent(random_rtcp(random_, kSsrc), true);
  EXPECT_EQ(send(random_rtcp(random_, kSsrc), true), SrtpVerdict::srtp_key_expired);
  // SRTCP that says that it is not encrypted: E, the index, the MKI and the tag are the last bytes.
  Bytes clear =
      SrtpOracle(key, SrtpOracle::Role::sender).protect(random_rtcp(random_, kSsrc), true);
  clear[clear.size() - 16] &= 0x7f;
  EXPECT_EQ(receive(clear, true), SrtpVerdict::srtp_not_encrypted);
}

// A source that begins anew again and again: numbers go on, and the phone takes each packet.
TEST_P(Srtp, ARestartedSourceGoesOn) {
  const SdesKey key = random_key(random_, SrtpSuite::aead_aes_256_gcm);
  open(key);
  SrtpOracle phone(key, SrtpOracle::Role::receiver);
  go_on_at(65000);
  uint16_t source = 65000;
  uint16_t last = 0;
  for (int i = 0; i < 2000; ++i) {
    if (i % 97 == 96) source = static_cast<uint16_t>(source + 3100 + below(random_, 58000));
    const Bytes secure = sent(rtp_packet(kSsrc, source++, 20), false);
    const auto number = static_cast<uint16_t>(secure[2] << 8 | secure[3]);
    if (i > 0) {
      ASSERT_EQ(number, static_cast<uint16_t>(last + 1));
    }
    last = number;
    ASSERT_FALSE(phone.unprotect(secure, false).empty()) << i << ": " << phone.status();
  }
  EXPECT_EQ(send(rtp_packet(kSsrc, static_cast<uint16_t>(source - 1), 20), false),
            SrtpVerdict::srtp_sent_before);
}

// The process dies and its memory stays: another engine goes on in the middle of a call, ROC and
// all.
TEST_P(Srtp, AnotherEngineGoesOnFromMemory) {
  for (const SrtpSuite suite : kEverySuite) {
    // libsrtp, our judge, finds no MKI in SRTCP of the _32 suites.
    const bool mki = traits_of(suite).rtp_tag_bytes != 4;
    const SdesKey key = random_key(random_, suite, mki ? SrtpMki{9, 1} : SrtpMki{});
    open(key);
    SrtpOracle sender(key, SrtpOracle::Role::sender);
    SrtpOracle receiver(key, SrtpOracle::Role::receiver);
    go_on_at(65500);
    Bytes old;
    for (uint16_t i = 0; i < 60; ++i) {
      const Bytes plain = rtp_packet(kSsrc, static_cast<uint16_t>(65500 + i), 80);
      if (i == 50) {  // beyond the roll-over
        auto in = std::make_unique<SrtpInbound>();
        auto out = std::make_unique<SrtpOutbound>();
        std::memcpy(in.get(), in_.get(), sizeof *in);
        std::memcpy(out.get(), out_.get(), sizeof *out);
        in_ = std::move(in);
        out_ = std::move(out);
        // For other instructions, where there are any.
        engine_ =
            make_engine(GetParam() == EngineKind::ipsecmb ? EngineKind::ipsecmb_sse : GetParam());
        ASSERT_TRUE(engine_->adopt(*in_));
        ASSERT_TRUE(engine_->adopt(*out_));
        EXPECT_EQ(receive(old, false), SrtpVerdict::srtp_replayed);
      }
      old = sender.protect(plain, false);
      Bytes result;
      ASSERT_EQ(name_of(receive(old, false, &result)), "srtp_ok") << i;
      ASSERT_EQ(result, plain);
      ASSERT_EQ(receiver.unprotect(sent(plain, false), false), plain) << i;
      const Bytes report = random_rtcp(random_, kSsrc);
      ASSERT_EQ(receive(sender.protect(report, true), true, &result), SrtpVerdict::srtp_ok);
      ASSERT_EQ(result, report);
      ASSERT_EQ(receiver.unprotect(sent(report, true), true), report) << i;
    }
  }
}

// The memory is lost too: from a checkpoint that is 50 packets old, across a roll-over.
TEST_P(Srtp, ACheckpointGoesOn) {
  for (const SrtpSuite suite : kEverySuite) {
    const SdesKey key = random_key(random_, suite);
    open(key);
    SrtpOracle sender(key, SrtpOracle::Role::sender);
    SrtpOracle receiver(key, SrtpOracle::Role::receiver);
    go_on_at(65400);
    std::set<std::pair<bool, uint64_t>> used;
    SrtpCheckpoint in;
    SrtpCheckpoint out;
    Bytes early;
    uint16_t number = 65400;
    const auto both = [&] {
      const Bytes plain = rtp_packet(kSsrc, number++, 60);
      Bytes result;
      const Bytes secure = sender.protect(plain, false);
      if (early.empty()) early = secure;
      ASSERT_EQ(name_of(receive(secure, false, &result)), "srtp_ok");
      ASSERT_EQ(result, plain);
      const Bytes ours = sent(plain, false);
      ASSERT_FALSE(receiver.unprotect(ours, false).empty()) << receiver.status();
      const Bytes report = random_rtcp(random_, kSsrc);
      ASSERT_EQ(receiver.unprotect(sent(report, true), true), report) << receiver.status();
      ASSERT_TRUE(used.emplace(false, out_->streams[0].index).second);
      ASSERT_TRUE(used.emplace(true, out_->streams[0].rtcp_index).second);
    };
    for (int i = 0; i < 160; ++i) {
      if (i == 110) {
        in = checkpoint_of(*in_);
        out = checkpoint_of(*out_);
      }
      both();
    }
    EXPECT_EQ(in_->streams[0].index >> 16, 1u);
    const uint32_t rtcp_before = out_->streams[0].rtcp_index;
    open(key);
    restore(*in_, in);
    restore(*out_, advanced(out));
    EXPECT_EQ(receive(early, false), SrtpVerdict::srtp_replayed);
    for (int i = 0; i < 100; ++i) both();
    EXPECT_GE(out_->streams[0].rtcp_index, rtcp_before - 50 + kRestoreRtcpJump);
    EXPECT_GE(out_->rtp_packets, 260u);
    // An SSRC that is new since the checkpoint may have sent SRTCP before.
    sent(random_rtcp(random_, 77), true);
    EXPECT_EQ(out_->streams[1].rtcp_index, kRestoreRtcpJump + 1);
  }
}

TEST_P(Srtp, ReleasedMemoryIsWiped) {
  open(random_key(random_, SrtpSuite::aead_aes_256_gcm, SrtpMki{1, 1}));
  sent(rtp_packet(kSsrc, 1, 20), false);
  engine_->release(*in_);
  engine_->release(*out_);
  const auto all_zero = [](const auto& state) {
    const auto* const bytes = reinterpret_cast<const uint8_t*>(&state);
    return std::all_of(bytes, bytes + sizeof state, [](uint8_t byte) { return byte == 0; });
  };
  EXPECT_TRUE(all_zero(*in_));
  EXPECT_TRUE(all_zero(*out_));
  EXPECT_EQ(send(rtp_packet(kSsrc, 2, 20), false), SrtpVerdict::srtp_no_key);
}

HOLDFAST_EVERY_ENGINE(Srtp);

TEST(SrtpAdopt, StatesOfAnotherEngineOrWithoutSenseAreRefused) {
  Random random(1);
  const auto libsrtp = make_engine(EngineKind::libsrtp);
  const auto ipsecmb = make_engine(EngineKind::ipsecmb);
  if (!ipsecmb) GTEST_SKIP() << "the CPU lacks it";
  auto state = std::make_unique<SrtpInbound>();
  EXPECT_FALSE(ipsecmb->adopt(*state));
  EXPECT_FALSE(libsrtp->adopt(*state));
  ASSERT_TRUE(ipsecmb->open(*state, random_key(random, kEverySuite[0])));
  EXPECT_FALSE(libsrtp->adopt(*state));
  state->stream_count = kMaxSrtpSsrcs + 1;
  EXPECT_FALSE(ipsecmb->adopt(*state));
}

// A life that begins at whatever SRTCP index, with RTP before it or not: each engine sends the same
// bytes, and libsrtp understands them.
TEST(SrtpEngines, SrtcpGoesOnFromAnyIndexAlike) {
  Random random(31);
  const auto libsrtp = make_engine(EngineKind::libsrtp);
  const auto ipsecmb = make_engine(EngineKind::ipsecmb);
  if (!ipsecmb) GTEST_SKIP() << "the CPU lacks it";
  constexpr uint32_t kLast[] = {1,
                                2,
                                126,
                                127,
                                128,
                                129,
                                kRestoreRtcpJump,
                                16 * kRestoreRtcpJump,
                                17 * kRestoreRtcpJump + 5,
                                1u << 30,
                                kMaxSrtcpIndex - 128,
                                kMaxSrtcpIndex - 127,
                                kMaxSrtcpIndex - 5,
                                kMaxSrtcpIndex - 1};
  for (const SrtpSuite suite : kEverySuite)
    for (const uint32_t last : kLast)
      for (const bool rtp_first : {false, true}) {
        const SdesKey key = random_key(random, suite, SrtpMki{7, 2});
        SrtpCheckpoint before;
        before.stream_count = 1;
        before.streams[0] = {0x1'2345, kSsrc, last, true, true};
        std::vector<Bytes> packets;
        if (rtp_first) packets.push_back(rtp_packet(kSsrc, 500, 60));
        for (int i = 0; i < 3; ++i) packets.push_back(random_rtcp(random, kSsrc));
        packets.push_back(rtp_packet(kSsrc, 501, 60));
        SrtpOracle receiver(key, SrtpOracle::Role::receiver);
        std::vector<std::vector<Bytes>> sent(2);
        for (size_t which = 0; which < 2; ++which) {
          SrtpEngine& engine = which == 0 ? *libsrtp : *ipsecmb;
          auto out = std::make_unique<SrtpOutbound>();
          ASSERT_TRUE(engine.open(*out, key));
          restore(*out, before);
          for (const Bytes& plain : packets) {
            const bool rtcp = plain[1] == 204;
            Packet packet(plain, rtcp ? SrtpOp::protect_rtcp : SrtpOp::protect_rtp, nullptr,
                          out.get());
            const SrtpVerdict verdict = process_one(engine, packet);
            // Behind the last index there is none.
            const bool over = rtcp && last + sent[which].size() - rtp_first >= kMaxSrtcpIndex;
            ASSERT_EQ(name_of(verdict), over ? "srtp_key_expired" : "srtp_ok") << last;
            sent[which].push_back(packet.result());
          }
          engine.release(*out);
        }
        ASSERT_EQ(sent[0], sent[1]) << traits_of(suite).name << ' ' << last << rtp_first;
        const size_t first_rtcp = rtp_first ? 1 : 0;
        if (traits_of(suite).rtp_tag_bytes != 4) {  // there our judge finds no MKI in SRTCP
          ASSERT_EQ(receiver.unprotect(sent[0][first_rtcp], true), packets[first_rtcp]);
        }
      }
}

}  // namespace
}  // namespace holdfast::media
