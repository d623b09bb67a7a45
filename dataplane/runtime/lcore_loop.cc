// SPDX-License-Identifier: Apache-2.0
// The loop of one lcore, and its pauses.
#include "dataplane/runtime/lcore_loop.hh"

#include <poll.h>
#include <rte_pause.h>
#include <sys/prctl.h>

#include <algorithm>
#include <ctime>

#include "dataplane/runtime/heap_meter.hh"

namespace holdfast::dataplane {
namespace {

constexpr uint64_t kNsPerUs = 1'000;
constexpr uint64_t kWaitNs =
    500'000'000;  // only bounds how late stop() is seen should a ring get lost
constexpr uint64_t kBlindNapNs = 1'000'000;
constexpr uint64_t kNsPerS = 1'000'000'000;

}  // namespace

uint64_t steady_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * kNsPerS + static_cast<uint64_t>(t.tv_nsec);
}

LcoreLoop::LcoreLoop(Switchboard& board, RelayCore& relay, uint32_t core, uint32_t nap_us,
                     const std::vector<int>& wake_fds, bool all_ports_wake)
    : board_(board),
      relay_(relay),
      core_(core),
      gears_(nap_us * kNsPerUs),
      wait_ns_(all_ports_wake ? kWaitNs : std::max(kBlindNapNs, nap_us * kNsPerUs)) {
  waits_.push_back({board_.core_bell(core).fd(), POLLIN, 0});
  for (const int fd : wake_fds) waits_.push_back({fd, POLLIN, 0});
}

void LcoreLoop::stop() {
  stop_.store(true, std::memory_order_release);
  board_.core_bell(core_).ring();
}

uint64_t LcoreLoop::heap_allocated_bytes() const {
  const uint64_t* counter = heap_counter_.load(std::memory_order_acquire);
  return counter == nullptr ? 0 : __atomic_load_n(counter, __ATOMIC_RELAXED) - heap_at_start_;
}

void LcoreLoop::run() {
  prctl(PR_SET_TIMERSLACK, 1);  // the default of 50 us would stretch every nap
  const uint64_t* heap = heap_counter_of_this_thread();
  heap_at_start_ = heap == nullptr ? 0 : *heap;
  heap_counter_.store(heap, std::memory_order_release);

  CoreCounters& counters = relay_.core_counters();
  uint64_t paused_ns = 0;
  while (!stop_.load(std::memory_order_acquire)) {
    const uint64_t now_ns = steady_ns();
    if (paused_ns != 0) counters.slept_ns.add(now_ns - paused_ns);
    paused_ns = 0;
    counters.polls.add(1);
    const Round done = relay_.poll(now_ns);
    const Gears::Gear gear = gears_.polled(now_ns, done.frames, done.requests);
    if (!done.idle()) continue;
    counters.empty_polls.add(1);
    if (gear == Gears::Gear::poll) {
      rte_pause();
    } else if (pause(gear)) {
      counters.sleeps.add(1);
      paused_ns = now_ns;
    }
  }
}

bool LcoreLoop::pause(Gears::Gear gear) {
  Doorbell& bell = board_.core_bell(core_);
  bell.arm();
  const bool nothing = !relay_.has_messages() && !stop_.load(std::memory_order_acquire);
  if (nothing) {
    const bool nap = gear == Gears::Gear::nap;
    const nfds_t watched = nap ? 1 : waits_.size();  // the doorbell is the first
    uint64_t ns = nap ? gears_.nap_ns() : wait_ns_;
    if (relay_.has_refused()) ns = std::min(ns, kBlindNapNs);
    const timespec timeout{static_cast<time_t>(ns / kNsPerS), static_cast<long>(ns % kNsPerS)};
    ppoll(waits_.data(), watched, &timeout, nullptr);
  }
  bell.disarm();
  return nothing;
}

}  // namespace holdfast::dataplane
