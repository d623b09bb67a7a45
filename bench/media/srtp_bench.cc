// SPDX-License-Identifier: Apache-2.0
// What it costs to protect and unprotect RTP with 160 bytes of payload: 1,000 legs by turns, for
// each suite and burst size, ipsec-mb beside libsrtp as it is packaged.
//
// In the time of ours is all that process() does: parsing, indices, replay windows, counters. In
// that of libsrtp is srtp_protect() or srtp_unprotect() called for each packet. Not in it: making
// the packets, a block at a time, so that the clock is read the same number of times for all sizes.
#include <benchmark/benchmark.h>
#include <srtp2/srtp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/media/libsrtp_context.hh"
#include "media/srtp/choose.hh"

namespace holdfast::media {
namespace {

constexpr size_t kLegs = 1000;
constexpr size_t kBlock = 64;  // packets between two readings of the clock
constexpr size_t kHeaderBytes = 12;
constexpr size_t kPacketBytes = kHeaderBytes + 160;
using Frame = std::array<uint8_t, kPacketBytes + kMaxSrtpTrailerBytes>;

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "srtp_bench: %s\n", what);
  std::exit(1);
}

SdesKey key_of(SrtpSuite suite, size_t leg) {
  std::array<uint8_t, kMaxSrtpMasterBytes> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(leg * 31 + i * 7);
  return {
      *SrtpMasterKey::from_bytes(suite, std::span(bytes).first(traits_of(suite).master_bytes())),
      kMaxSrtpLifetime,
      {}};
}

void set_header(Frame& frame, size_t leg, uint16_t sequence) {
  frame.fill(0x5a);
  frame[0] = 0x80;
  frame[1] = 8;
  frame[2] = static_cast<uint8_t>(sequence >> 8);
  frame[3] = static_cast<uint8_t>(sequence);
  frame[8] = frame[9] = 0;
  frame[10] = static_cast<uint8_t>(leg >> 8);
  frame[11] = static_cast<uint8_t>(leg);
}

using Block = std::array<Frame, kBlock>;

// Times blocks of packets: fill(i, frame) makes packet i of a block outside the clock.
template <typename Fill, typename Run>
void time_blocks(benchmark::State& state, Block& frames, Fill fill, Run run) {
  for (auto _ : state) {
    for (size_t i = 0; i < kBlock; ++i) fill(i, frames[i]);
    const auto begin = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    state.SetIterationTime(took.count());
  }
  const auto packets = state.iterations() * static_cast<int64_t>(kBlock);
  state.SetItemsProcessed(packets);
  state.counters["ns/packet"] =
      benchmark::Counter(static_cast<double>(packets) * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// Which leg and which number comes next.
struct Turn {
  explicit Turn(size_t legs_) : legs(legs_) {}
  size_t legs;
  size_t leg = 0;
  uint16_t sequence = 0;
  void next() {
    if (++leg < legs) return;
    leg = 0;
    ++sequence;
  }
};

void ours(benchmark::State& state, SrtpSuite suite, bool protect) {
  auto made = make_ipsecmb_engine();
  if (!made.engine) return state.SkipWithError(made.why.c_str());
  SrtpEngine& engine = *made.engine;
  auto outs = std::make_unique<std::array<SrtpOutbound, kLegs>>();
  auto ins = std::make_unique<std::array<SrtpInbound, kLegs>>();
  for (size_t leg = 0; leg < kLegs; ++leg) {
    must(engine.open((*outs)[leg], key_of(suite, leg)), "no keys");
    must(engine.open((*ins)[leg], key_of(suite, leg)), "no keys");
  }
  const auto burst = static_cast<size_t>(state.range(0));
  static_assert(kBlock % 64 == 0);
  Block frames;
  std::array<SrtpTask, kBlock> tasks;
  Turn turn(kLegs);
  const auto fill = [&](size_t i, Frame& frame) {
    set_header(frame, turn.leg, turn.sequence);
    tasks[i] = {frame.data(),         kPacketBytes,      sizeof(Frame),     SrtpOp::protect_rtp,
                SrtpVerdict::srtp_ok, &(*ins)[turn.leg], &(*outs)[turn.leg]};
    turn.next();
    if (protect) return;
    engine.process({&tasks[i], 1});
    tasks[i].op = SrtpOp::unprotect_rtp;
  };
  time_blocks(state, frames, fill, [&] {
    for (size_t at = 0; at < kBlock; at += burst) engine.process({&tasks[at], burst});
  });
  const uint64_t good = engine.counts()[SrtpVerdict::srtp_ok];
  const auto wanted = static_cast<uint64_t>(state.iterations()) * kBlock * (protect ? 1 : 2);
  must(good == wanted, "packets were refused");
}

// Fewer legs, to libsrtp's advantage: in NSS each packet takes the longer the more contexts there
// are. 1,000 legs would make it twenty times slower than 50.
void libsrtp(benchmark::State& state, SrtpSuite suite, bool protect) {
  constexpr size_t kContexts = 50;
  std::vector<bench::LibsrtpContext> senders;
  std::vector<bench::LibsrtpContext> receivers;
  for (size_t leg = 0; leg < kContexts; ++leg) {
    senders.push_back(bench::make_libsrtp_context(key_of(suite, leg), true));
    if (!protect) receivers.push_back(bench::make_libsrtp_context(key_of(suite, leg), false));
  }
  Turn turn(kContexts);
  Block frames;
  std::array<size_t, kBlock> legs{};
  std::array<int, kBlock> lengths{};
  const auto fill = [&](size_t i, Frame& frame) {
    legs[i] = turn.leg;
    set_header(frame, turn.leg, turn.sequence);
    turn.next();
    lengths[i] = kPacketBytes;
    if (protect) return;
    must(srtp_protect(senders[legs[i]].get(), frame.data(), &lengths[i]) == srtp_err_status_ok,
         "libsrtp protects nothing");
  };
  time_blocks(state, frames, fill, [&] {
    for (size_t i = 0; i < kBlock; ++i) {
      const srtp_err_status_t status =
          protect ? srtp_protect(senders[legs[i]].get(), frames[i].data(), &lengths[i])
                  : srtp_unprotect(receivers[legs[i]].get(), frames[i].data(), &lengths[i]);
      must(status == srtp_err_status_ok, "libsrtp refuses a packet");
    }
  });
}

#define HOLDFAST_OURS(name, suite, protect)     \
  BENCHMARK_CAPTURE(ours, name, suite, protect) \
      ->Arg(1)                                  \
      ->Arg(4)                                  \
      ->Arg(8)                                  \
      ->Arg(16)                                 \
      ->Arg(32)                                 \
      ->Arg(64)                                 \
      ->UseManualTime()
#define HOLDFAST_SUITE(name, suite)                                         \
  HOLDFAST_OURS(name##_protect, suite, true);                               \
  BENCHMARK_CAPTURE(libsrtp, name##_protect, suite, true)->UseManualTime(); \
  HOLDFAST_OURS(name##_unprotect, suite, false);                            \
  BENCHMARK_CAPTURE(libsrtp, name##_unprotect, suite, false)->UseManualTime()
HOLDFAST_SUITE(aes_cm_128_80, SrtpSuite::aes_cm_128_hmac_sha1_80);
HOLDFAST_SUITE(aes_256_cm_80, SrtpSuite::aes_256_cm_hmac_sha1_80);
HOLDFAST_SUITE(aes_128_gcm, SrtpSuite::aead_aes_128_gcm);
HOLDFAST_SUITE(aes_256_gcm, SrtpSuite::aead_aes_256_gcm);

}  // namespace
}  // namespace holdfast::media

BENCHMARK_MAIN();
