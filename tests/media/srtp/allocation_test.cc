// SPDX-License-Identifier: Apache-2.0
// process() of ipsec-mb takes no memory: each way of asking for it in this program is counted.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <vector>

#include "tests/media/srtp/engines.hh"
#include "tests/media/srtp/packets.hh"

// The C library's own, under which those of this program stand, so that libraries are counted too.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
}

namespace {
std::atomic<uint64_t> allocations{0};
}

extern "C" {
void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  ++allocations;
  return __libc_realloc(old, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  ++allocations;
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? 12 : 0;
}
}

namespace holdfast::media {
namespace {

TEST(SrtpAllocation, IsCounted) {
  const uint64_t before = allocations;
  const auto some = std::make_unique<std::vector<int>>(1000);
  EXPECT_GE(allocations - before, 2u);
  EXPECT_EQ(some->size(), 1000u);
}

TEST(SrtpAllocation, NoneInABurst) {
  for (const EngineKind kind : {EngineKind::ipsecmb, EngineKind::ipsecmb_sse}) {
    const auto engine = make_engine(kind);
    if (!engine) GTEST_SKIP() << "the CPU lacks it";
    Random random(3);
    auto ins = std::make_unique<std::array<SrtpInbound, std::size(kEverySuite)>>();
    auto outs = std::make_unique<std::array<SrtpOutbound, std::size(kEverySuite)>>();
    for (size_t i = 0; i < ins->size(); ++i) {
      const SdesKey key = random_key(random, kEverySuite[i], SrtpMki{1, 1});
      ASSERT_TRUE(engine->open((*ins)[i], key));
      ASSERT_TRUE(engine->open((*outs)[i], key));
    }
    std::vector<Packet> packets;
    std::vector<SrtpTask> tasks;
    for (uint16_t n = 0; n < 132; ++n) {
      const bool rtcp = n % 11 == 0;
      packets.emplace_back(rtcp ? random_rtcp(random, n % 5) : random_rtp(random, n % 5, n),
                           rtcp ? SrtpOp::protect_rtcp : SrtpOp::protect_rtp,
                           &(*ins)[n % ins->size()], &(*outs)[n % outs->size()]);
    }
    for (Packet& packet : packets) {
      packet.task.data = packet.bytes.data();
      tasks.push_back(packet.task);
    }
    const uint64_t before = allocations;
    engine->process(tasks);
    for (SrtpTask& task : tasks)
      task.op = task.op == SrtpOp::protect_rtp ? SrtpOp::unprotect_rtp : SrtpOp::unprotect_rtcp;
    engine->process(tasks);
    EXPECT_EQ(allocations - before, 0u);
    EXPECT_EQ(engine->counts()[SrtpVerdict::srtp_ok], 2 * tasks.size());
  }
}

}  // namespace
}  // namespace holdfast::media
