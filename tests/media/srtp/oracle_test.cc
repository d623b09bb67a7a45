// SPDX-License-Identifier: Apache-2.0
// Every engine against libsrtp: packets of thousands of legs, byte for byte, both ways.
#include <algorithm>
#include <memory>
#include <vector>

#include "tests/media/srtp/engines.hh"
#include "tests/media/srtp/oracle.hh"
#include "tests/media/srtp/packets.hh"

namespace holdfast::media {
namespace {

// A packet, and what must become of it.
struct Case {
  SrtpOp op;
  Bytes content;
  Bytes wanted;
};

struct Leg {
  SrtpInbound in{};
  SrtpOutbound out{};
  std::vector<Case> cases;  // last one first
};

enum Ways { protect = 1, unprotect = 2, both = 3 };

class Against : public EveryEngine {
 protected:
  // With the numbers of the source, as libsrtp: by itself an SSRC begins in their lower half.
  static void go_on(SrtpOutbound& out, uint32_t ssrc, uint16_t sequence) {
    if (sequence == 0) return;
    SrtpCheckpoint before;
    before.stream_count = 1;
    before.streams[0] = {sequence - 1u, ssrc, 0, true, false};
    restore(out, before);
  }

  // Packets of one direction, in the order in which they are sent, as libsrtp makes them.
  std::vector<Case> make_cases(const SdesKey& key, bool to_protect, size_t count,
                               SrtpOutbound& out) {
    SrtpOracle oracle(key, SrtpOracle::Role::sender);
    const auto ssrc = static_cast<uint32_t>(random_());
    auto sequence = static_cast<uint16_t>(below(random_, 3) == 0 ? 65530 : random_());
    if (to_protect) go_on(out, ssrc, sequence);
    std::vector<Case> cases;
    for (size_t i = 0; i < count; ++i) {
      const bool rtcp = below(random_, 6) == 0;
      const Bytes plain = rtcp ? random_rtcp(random_, ssrc) : random_rtp(random_, ssrc, sequence++);
      const Bytes secure = oracle.protect(plain, rtcp);
      if (to_protect)
        cases.push_back({rtcp ? SrtpOp::protect_rtcp : SrtpOp::protect_rtp, plain, secure});
      else
        cases.push_back({rtcp ? SrtpOp::unprotect_rtcp : SrtpOp::unprotect_rtp, secure, plain});
    }
    return cases;
  }

  std::unique_ptr<Leg> make_leg(size_t number, Ways ways, size_t packets) {
    auto leg = std::make_unique<Leg>();
    const SrtpSuite suite = kEverySuite[number % std::size(kEverySuite)];
    const SrtpMki mki = number % 5 == 0   ? SrtpMki{random_() & 0xff, 1}
                        : number % 7 == 0 ? SrtpMki{random_() & 0xffffffff, 4}
                                          : SrtpMki{};
    const SdesKey ours = random_key(random_, suite, mki);
    const SdesKey theirs = random_key(random_, suite, mki);
    EXPECT_TRUE(engine_->open(leg->out, ours));
    EXPECT_TRUE(engine_->open(leg->in, theirs));
    std::vector<Case> sent;
    std::vector<Case> received;
    if ((ways & protect) != 0) sent = make_cases(ours, true, packets, leg->out);
    if ((ways & unprotect) != 0) received = make_cases(theirs, false, packets, leg->out);
    // The directions by chance, each in its order.
    while (!sent.empty() || !received.empty()) {
      auto& from = received.empty() || (!sent.empty() && below(random_, 2) == 0) ? sent : received;
      leg->cases.push_back(std::move(from.back()));
      from.pop_back();
    }
    return leg;
  }

  // All packets of all legs, in bursts of 1 to 67; a leg has up to `in_a_row` in one place.
  void run(std::vector<std::unique_ptr<Leg>>& legs, size_t in_a_row) {
    std::vector<Leg*> order;
    for (const auto& leg : legs)
      for (size_t i = 0; i < leg->cases.size(); i += in_a_row) order.push_back(leg.get());
    std::shuffle(order.begin(), order.end(), random_);
    std::vector<Packet> burst;
    std::vector<Bytes> wanted;
    uint64_t done = 0;
    size_t size = 1;
    const auto go = [&] {
      process(*engine_, burst);
      for (size_t i = 0; i < burst.size(); ++i)
        ASSERT_EQ(burst[i].result(), wanted[i])
            << name_of(burst[i].task.verdict) << " of burst " << burst.size();
      done += burst.size();
      size = size % 67 + 1;
      burst.clear();
      wanted.clear();
    };
    for (Leg* const leg : order)
      for (size_t i = 0; i < in_a_row && !leg->cases.empty(); ++i) {
        Case& next = leg->cases.back();
        burst.emplace_back(next.content, next.op, &leg->in, &leg->out);
        wanted.push_back(std::move(next.wanted));
        leg->cases.pop_back();
        if (burst.size() == size) go();
        if (HasFatalFailure()) return;
      }
    go();
    EXPECT_EQ(engine_->counts()[SrtpVerdict::srtp_ok], done);
    for (const auto& leg : legs) {
      engine_->release(leg->in);
      engine_->release(leg->out);
    }
  }

  Random random_{20240611};
  // NSS, beneath libsrtp, starts with the first context and ends with the last: 2 ms that we save.
  SrtpOracle awake_{random_key(random_, SrtpSuite::aead_aes_128_gcm), SrtpOracle::Role::sender};
};

// Half of the legs one way, half the other: contexts of libsrtp cost more than all else here, and
// those of the engine itself the more the more there are.
TEST_P(Against, LibsrtpOverManyLegs) {
  const size_t count = GetParam() == EngineKind::ipsecmb ? 8000 : 240;
  std::vector<std::unique_ptr<Leg>> legs;
  for (size_t i = 0; i < count; ++i)
    legs.push_back(make_leg(i, i / std::size(kEverySuite) % 2 == 0 ? protect : unprotect, 4));
  run(legs, 2);
}

TEST_P(Against, LibsrtpOverManyPackets) {
  std::vector<std::unique_ptr<Leg>> legs;
  for (size_t i = 0; i < 35; ++i) legs.push_back(make_leg(i, both, 120));
  run(legs, 5);
}

HOLDFAST_EVERY_ENGINE(Against);

}  // namespace
}  // namespace holdfast::media
