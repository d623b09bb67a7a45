// SPDX-License-Identifier: Apache-2.0
// Two lcores and a slow thread at once: order, books, and (under TSan) no race between them.
#include <gtest/gtest.h>

#include <thread>

#include "dataplane/calls/core_line.hh"
#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

using test::Bytes;
using test::UdpFrame;
using test_rig::Rig;
using test_rig::Running;

constexpr int kCalls = 4;           // two on each lcore
constexpr uint16_t kPackets = 400;  // of each stream, both ways

struct Call {
  LegIndex lan, wan;
  uint16_t lan_port, wan_port;
};

// Legs 1 to 32 belong to lcore 0, 33 to 64 to lcore 1. Ports 20000 to 20099 are those that lcore 0
// lends; of every other call of each lcore the WAN leg has one of the other's, as calls may that a
// process with other lcores left.
Call call(int i) {
  const auto n = static_cast<uint16_t>(i);
  const bool second = i % 2 != 0;
  const bool mixed = i >= 2;
  return {static_cast<LegIndex>((second ? 33 : 1) + 2 * i),
          static_cast<LegIndex>((second ? 34 : 2) + 2 * i),
          static_cast<uint16_t>((second ? 20100 : 20000) + 4 * n),
          static_cast<uint16_t>((second != mixed ? 20102 : 20002) + 4 * n)};
}

Bytes frame(const Call& c, bool from_lan, uint16_t seq) {
  UdpFrame f{.payload = test::rtp(seq, seq * 160u, c.lan + (from_lan ? 0u : 1000u), 20)};
  f.to = *MacAddress::parse(from_lan ? "02:00:00:00:00:01" : "02:00:00:00:00:02");
  f.source = *SocketAddress::parse(from_lan ? "198.18.1.10:4000" : "198.18.3.10:30000");
  f.destination = {*IpAddress::parse(from_lan ? "198.18.1.2" : "198.18.2.2"),
                   from_lan ? c.lan_port : c.wan_port};
  return test::build(f);
}

// One pair of queues for each port: what another lcore owns changes lcores by ring. Two: each lcore
// has its own, and a frame came to the owner's or to the other, as a card's hash may have it.
struct Way {
  const char* name;
  uint16_t queues;
  bool steered;  // to the owner's queue
};
constexpr Way kWays[] = {{"RingOnly", 1, false}, {"SteeredQueues", 2, true}, {"Hashed", 2, false}};

class TwoLcores : public ::testing::TestWithParam<Way> {
 protected:
  // The queue of a port at which a call's frames come.
  uint16_t queue_of(Rig& rig, size_t port, const Call& c) const {
    if (GetParam().queues == 1) return 0;
    const uint16_t owners = rig.board().queue_of(port, rig.board().owner_of_leg(c.lan));
    return GetParam().steered ? owners : static_cast<uint16_t>(1 - owners);
  }
};

TEST_P(TwoLcores, OrderBooksAndRequestsHoldWhileBothRun) {
  Rig rig({.cores = 2, .max_legs = 64, .queues = GetParam().queues});
  for (int i = 0; i < kCalls; ++i) {
    const Call c = call(i);
    rig.add_call(c.lan, c.wan, rig.setup(0, c.lan_port, "198.18.1.10:4000"),
                 rig.setup(1, c.wan_port, "198.18.3.10:30000"));
  }
  // Buffers are filled before the lcores start and looked at after they end: rings of a driver are
  // no synchronisation that a race detector could see.
  std::vector<test_rig::Pending> pending;
  for (uint16_t seq = 0; seq < kPackets; ++seq) {
    for (int i = 0; i < kCalls; ++i) {
      const Call c = call(i);
      pending.push_back(rig.prepare(0, frame(c, true, seq), queue_of(rig, 0, c)));
      pending.push_back(rig.prepare(1, frame(c, false, seq), queue_of(rig, 1, c)));
    }
  }
  std::vector<rte_mbuf*> out[2];
  {
    Running running(rig);
    CoreLine lines[] = {CoreLine(rig.core(0), rig.board().core_bell(0)),
                        CoreLine(rig.core(1), rig.board().core_bell(1))};
    uint64_t heap = 0;
    size_t asked = 0;
    for (size_t n = 0; n < pending.size(); ++n) {
      while (!rig.inject(pending[n])) std::this_thread::yield();
      if (n % 64 != 0) continue;
      for (size_t port = 0; port < 2; ++port) rig.collect(port, out[port]);
      const Call c = call(static_cast<int>(asked++ % kCalls));
      const LegIndex legs[] = {c.lan, c.wan};
      const auto snapshots = lines[rig.board().owner_of_leg(c.lan)].snapshot(legs);
      ASSERT_EQ(snapshots.size(), 2u);
      EXPECT_LE(snapshots[0].leg.counters.rx_packets, kPackets);
      if (n == 64) heap = running.heap_bytes();
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (out[0].size() + out[1].size() < pending.size() &&
           std::chrono::steady_clock::now() < end) {
      for (size_t port = 0; port < 2; ++port) rig.collect(port, out[port]);
      std::this_thread::yield();
    }
    EXPECT_EQ(running.heap_bytes(), heap) << "the packet loop took memory from the heap";
  }
  for (size_t port = 0; port < 2; ++port) {
    std::map<uint32_t, uint16_t> next;
    for (rte_mbuf* mbuf : out[port]) {
      const auto* rtp = rte_pktmbuf_mtod_offset(mbuf, const uint8_t*, 42);
      const uint32_t ssrc = static_cast<uint32_t>(rtp[10] << 8 | rtp[11]);
      EXPECT_EQ(rtp[2] << 8 | rtp[3], next[ssrc]++) << "order within stream " << ssrc;
      rte_pktmbuf_free(mbuf);
    }
    EXPECT_EQ(next.size(), size_t{kCalls});
    EXPECT_EQ(out[port].size(), size_t{kPackets} * kCalls);
  }
  rig.expect_balanced();
}

INSTANTIATE_TEST_SUITE_P(Queues, TwoLcores, ::testing::ValuesIn(kWays),
                         [](const auto& way) { return std::string(way.param.name); });

// With a pair of queues each, frames that came to their owner's leave by it: no ring is touched.
TEST(TwoLcoresWithQueues, WhatIsSteeredRightStaysWithItsLcore) {
  Rig rig({.cores = 2, .max_legs = 64, .queues = 2});
  const Call c = call(1);
  rig.add_call(c.lan, c.wan, rig.setup(0, c.lan_port, "198.18.1.10:4000"),
               rig.setup(1, c.wan_port, "198.18.3.10:30000"));
  const uint32_t owner = rig.board().owner_of_leg(c.lan);
  for (const uint16_t queue :
       {rig.board().queue_of(0, owner), rig.board().queue_of(0, 1 - owner)}) {
    ASSERT_TRUE(rig.inject(rig.prepare(0, frame(c, true, queue), queue)));
    const unsigned here = rig.core(owner).poll(1'000'000'000).frames;
    const bool steered = queue == rig.board().queue_of(0, owner);
    EXPECT_EQ(here, steered ? 1u : 0u);
    EXPECT_EQ(rig.departed(1).size(), steered ? 1u : 0u);
  }
  rig.run();
  EXPECT_EQ(rig.departed(1).size(), 1u) << "the other lcore handed it over";
  rig.expect_balanced();
}

// The lcore of the LAN sends on the WAN's second queue; the kernel's frames leave by the first one.
class TwoQueues : public ::testing::Test {
 protected:
  static constexpr uint64_t kMs = 1'000'000;
  static constexpr uint64_t kNow = 1'000 * kMs;

  TwoQueues() : rig({.cores = 2, .max_legs = 64, .owned = true, .queues = 2}) {
    const Call c = call(0);
    rig.add_call(c.lan, c.wan, rig.setup(0, c.lan_port, "198.18.1.10:4000"),
                 rig.setup(1, c.wan_port, "198.18.3.10:30000"));
  }
  void speak(uint64_t at_ns) {
    rig.arrive(0, frame(call(0), true, seq++));
    rig.core(0).poll(at_ns);
  }
  // Until the second queue is full and has refused one.
  void fill(uint64_t at_ns) {
    for (const uint64_t before = refused(); refused() == before;) speak(at_ns);
  }
  uint64_t refused() { return rig.drops(0)["tx_full"]; }
  // How many of the kernel's frames leave in a round, of many that wait.
  uint64_t leave(uint64_t at_ns) {
    const uint64_t before = rig.sum(1, &PortCounters::tx_kernel);
    rte_ring* ring = rig.board().ports()[1].from_kernel.get();
    while (rte_ring_count(ring) < kBurst)
      EXPECT_EQ(rte_ring_sp_enqueue(ring, rig.prepare(1, Bytes(60, 0)).frame), 0);
    rig.core(1).poll(at_ns);
    return rig.sum(1, &PortCounters::tx_kernel) - before;
  }

  Rig rig;
  uint16_t seq = 0;
};

TEST_F(TwoQueues, MediaThatOneRefusesHoldsTheKernelsFramesBackOnTheOther) {
  EXPECT_EQ(leave(kNow), kBurst);
  fill(kNow);
  EXPECT_EQ(leave(kNow - 1), 0u) << "by a clock that was read earlier";
  EXPECT_EQ(leave(kNow), 0u);
  EXPECT_FALSE(rig.core(1).has_messages()) << "nothing to stay awake for";
  EXPECT_TRUE(rig.core(1).has_refused());
  EXPECT_EQ(leave(kNow + kMs), kBurst);
  EXPECT_FALSE(rig.core(1).has_refused());
}

TEST_F(TwoQueues, ALittleOfTheKernelsGoesHoweverLongMediaIsRefused) {
  unsigned bursts = 0;
  for (int ms = 0; ms < 45; ++ms) {
    rig.departed(1);
    fill(kNow + static_cast<uint64_t>(ms) * kMs);
    const uint64_t left = leave(kNow + static_cast<uint64_t>(ms) * kMs);
    EXPECT_TRUE(left == 0 || left == kBurst) << left;
    bursts += left > 0 ? 1 : 0;
  }
  EXPECT_EQ(bursts, 4u) << "one in 10 ms";
  EXPECT_EQ(leave(kNow + 60 * kMs), kBurst) << "the one that was held back last";
}

TEST_F(TwoQueues, OneThatTakesNothingAtAllHoldsNothingBack) {
  fill(kNow);
  for (uint64_t ms = 10; ms < 20; ++ms) {
    const uint64_t before = refused();
    speak(kNow + ms * kMs);
    EXPECT_EQ(refused(), before + 1) << "by name";
    rte_ring* ring = rig.board().ports()[1].from_kernel.get();
    EXPECT_EQ(leave(kNow + ms * kMs), kBurst);
    EXPECT_EQ(rte_ring_count(ring), 0u);
  }
  rig.expect_balanced();
}

}  // namespace
}  // namespace holdfast::dataplane
