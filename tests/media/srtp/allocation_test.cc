// SPDX-License-Identifier: Apache-2.0
// process() of ipsec-mb takes no memory and makes no system call: each way of asking for memory in
// this program is counted, and a child that may make no call runs it.
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
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

// Two bursts over all suites, RTP and RTCP: each packet protected, and then unprotected.
class Bursts {
 public:
  explicit Bursts(SrtpEngine& engine) : engine_(engine) {
    Random random(3);
    for (size_t i = 0; i < ins_.size(); ++i) {
      const SdesKey key = random_key(random, kEverySuite[i], SrtpMki{1, 1});
      opened_ = opened_ && engine.open(ins_[i], key) && engine.open(outs_[i], key);
    }
    for (uint16_t n = 0; n < 132; ++n) {
      const bool rtcp = n % 11 == 0;
      packets_.emplace_back(rtcp ? random_rtcp(random, n % 5) : random_rtp(random, n % 5, n),
                            rtcp ? SrtpOp::protect_rtcp : SrtpOp::protect_rtp,
                            &ins_[n % ins_.size()], &outs_[n % outs_.size()]);
    }
    for (Packet& packet : packets_) {
      packet.task.data = packet.bytes.data();
      tasks_.push_back(packet.task);
    }
  }
  void run() {
    engine_.process(tasks_);
    for (SrtpTask& task : tasks_)
      task.op = task.op == SrtpOp::protect_rtp ? SrtpOp::unprotect_rtp : SrtpOp::unprotect_rtcp;
    engine_.process(tasks_);
  }
  bool all_good() const {
    return opened_ && engine_.counts()[SrtpVerdict::srtp_ok] == 2 * tasks_.size();
  }

 private:
  SrtpEngine& engine_;
  bool opened_ = true;
  std::array<SrtpInbound, std::size(kEverySuite)> ins_{};
  std::array<SrtpOutbound, std::size(kEverySuite)> outs_{};
  std::vector<Packet> packets_;
  std::vector<SrtpTask> tasks_;
};

TEST(SrtpAllocation, NoneInABurst) {
  for (const EngineKind kind : {EngineKind::ipsecmb, EngineKind::ipsecmb_sse}) {
    const auto engine = make_engine(kind);
    if (!engine) GTEST_SKIP() << "the CPU lacks it";
    const auto bursts = std::make_unique<Bursts>(*engine);
    const uint64_t before = allocations;
    bursts->run();
    EXPECT_EQ(allocations - before, 0u);
    EXPECT_TRUE(bursts->all_good());
  }
}

// A child that the kernel kills when it asks for anything but read, write or exit.
int exit_of_child(SrtpEngine* engine) {
  const auto bursts = engine != nullptr ? std::make_unique<Bursts>(*engine) : nullptr;
  const pid_t child = fork();
  if (child == 0) {
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) syscall(SYS_exit, 77);
    if (bursts)
      bursts->run();
    else
      syscall(SYS_getppid);
    syscall(SYS_exit, bursts && bursts->all_good() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(SrtpSystemCalls, NoneInABurst) {
  const auto engine = make_engine(EngineKind::ipsecmb);
  if (!engine) GTEST_SKIP() << "the CPU lacks it";
  const int of_a_call = exit_of_child(nullptr);
  if (of_a_call == 77) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(of_a_call, -SIGKILL);
  EXPECT_EQ(exit_of_child(engine.get()), 0);
}

}  // namespace
}  // namespace holdfast::media
