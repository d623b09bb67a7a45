// SPDX-License-Identifier: Apache-2.0
// The loop over Sofia-SIP's root: descriptors, timers, and work from other threads.
#include "sip/transport/sofia_loop.hh"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace holdfast::sip {
namespace {

struct Pair {
  std::array<int, 2> fd{};
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd.data()), 0); }
  ~Pair() {
    close(fd[0]);
    close(fd[1]);
  }
  void poke() const { EXPECT_EQ(write(fd[1], "x", 1), 1); }
  void drain() const {
    char byte = 0;
    while (read(fd[0], &byte, 1) > 0) {
    }
  }
};

TEST(SofiaLoop, TellsWhatADescriptorIsReadyFor) {
  const auto loop = SofiaLoop::make();
  ASSERT_NE(loop, nullptr);
  const Pair pair;
  std::vector<unsigned> seen;
  const auto handle = loop->watch(pair.fd[0], Loop::kReadable, [&](unsigned events) {
    seen.push_back(events);
    pair.drain();
  });
  ASSERT_NE(handle, 0u);
  loop->step(0);
  EXPECT_TRUE(seen.empty());
  pair.poke();
  loop->step(100);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0], unsigned{Loop::kReadable});
  loop->rewatch(handle, Loop::kReadable | Loop::kWritable);
  loop->step(100);
  ASSERT_GE(seen.size(), 2u);
  EXPECT_NE(seen[1] & Loop::kWritable, 0u);
  loop->unwatch(handle);
  seen.clear();
  pair.poke();
  loop->step(0);
  EXPECT_TRUE(seen.empty());
}

TEST(SofiaLoop, ACallbackMayUnwatchItselfAndOthers) {
  const auto loop = SofiaLoop::make();
  const Pair a, b;
  int calls = 0;
  Loop::Handle first = 0, second = 0;
  const auto once = [&](unsigned) {
    ++calls;
    loop->unwatch(first);
    loop->unwatch(second);
  };
  first = loop->watch(a.fd[0], Loop::kReadable, once);
  second = loop->watch(b.fd[0], Loop::kReadable, once);
  a.poke();
  b.poke();
  for (int i = 0; i < 3; ++i) loop->step(0);
  EXPECT_EQ(calls, 1);
}

TEST(SofiaLoop, TimersRunInOrderAndNotBeforeTheirTime) {
  const auto loop = SofiaLoop::make();
  std::vector<int> order;
  const uint64_t began = loop->now_ms();
  uint64_t last = 0;
  loop->after(20, [&] {
    order.push_back(3);
    last = loop->now_ms();
    loop->stop();
  });
  loop->after(0, [&] { order.push_back(1); });
  const auto cancelled = loop->after(5, [&] { order.push_back(9); });
  loop->after(1, [&] { order.push_back(2); });
  loop->cancel(cancelled);
  loop->cancel(cancelled);
  loop->run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_GE(last - began, 20u);
}

TEST(SofiaLoop, WhatATimerAddsWaitsForTheNextTurn) {
  const auto loop = SofiaLoop::make();
  int depth = 0;
  std::function<void()> again = [&] {
    ++depth;
    loop->after(0, again);
  };
  loop->after(0, again);
  loop->step(0);
  EXPECT_EQ(depth, 1);
}

TEST(SofiaLoop, WorkOfOtherThreadsRunsHereInOrder) {
  const auto loop = SofiaLoop::make();
  const auto here = std::this_thread::get_id();
  std::vector<int> order;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i)
      EXPECT_TRUE(loop->post([&, i] {
        EXPECT_EQ(std::this_thread::get_id(), here);
        order.push_back(i);
      }));
    loop->post([&] { loop->stop(); });
  });
  loop->run();
  other.join();
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(SofiaLoop, PostedWorkIsBounded) {
  const auto loop = SofiaLoop::make();
  size_t ran = 0;
  for (size_t i = 0; i < SofiaLoop::kMaxPosted; ++i) EXPECT_TRUE(loop->post([&] { ++ran; }));
  EXPECT_FALSE(loop->post([&] { ++ran; }));
  loop->step(0);
  EXPECT_EQ(ran, SofiaLoop::kMaxPosted);
  EXPECT_TRUE(loop->post([&] { ++ran; }));
}

TEST(SofiaLoop, StopBeforeRunCounts) {
  const auto loop = SofiaLoop::make();
  loop->stop();
  loop->run();
}

}  // namespace
}  // namespace holdfast::sip
