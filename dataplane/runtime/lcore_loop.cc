// SPDX-License-Identifier: Apache-2.0
// The loop of one lcore and its three gears.
#include "dataplane/runtime/lcore_loop.hh"

#include <poll.h>
#include <rte_pause.h>
#include <sys/prctl.h>

#include <algorithm>
#include <ctime>

#include "dataplane/runtime/heap_meter.hh"

namespace holdfast::dataplane {
namespace {

constexpr unsigned kEmptyPollsBeforeNap = 8;
constexpr uint64_t kIdleAfterNs = 100'000'000;
constexpr uint64_t kIdleWaitNs =
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
                     std::vector<int> wake_fds, bool all_ports_wake)
    : board_(board),
      relay_(relay),
      core_(core),
      nap_ns_(uint64_t{nap_us} * 1000),
      wake_fds_(std::move(wake_fds)),
      all_ports_wake_(all_ports_wake) {
  waits_.push_back({board_.core_bell(core).fd(), POLLIN, 0});
  for (const int fd : wake_fds_) waits_.push_back({fd, POLLIN, 0});
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
  unsigned empty_polls = 0;
  last_work_ns_ = steady_ns();
  while (!stop_.load(std::memory_order_acquire)) {
    const uint64_t now_ns = steady_ns();
    counters.polls.add(1);
    if (relay_.poll(now_ns) > 0) {
      empty_polls = 0;
      last_work_ns_ = now_ns;
    } else {
      counters.empty_polls.add(1);
      if (++empty_polls < kEmptyPollsBeforeNap || nap_ns_ == 0) {
        rte_pause();
      } else {
        nap(now_ns);
      }
    }
  }
}

void LcoreLoop::nap(uint64_t now_ns) {
  CoreCounters& counters = relay_.core_counters();
  Doorbell& bell = board_.core_bell(core_);
  bell.arm();
  if (!relay_.has_messages() && !stop_.load(std::memory_order_acquire)) {
    const bool idle = now_ns - last_work_ns_ > kIdleAfterNs;
    const uint64_t idle_wait_ns = all_ports_wake_ ? kIdleWaitNs : std::max(kBlindNapNs, nap_ns_);
    // In light traffic the sockets are left out: waking for each frame would undo the gathering.
    const nfds_t watched = idle ? waits_.size() : 1;
    const uint64_t wait_ns = idle ? idle_wait_ns : nap_ns_;
    const timespec timeout{static_cast<time_t>(wait_ns / kNsPerS),
                           static_cast<long>(wait_ns % kNsPerS)};
    ppoll(waits_.data(), watched, &timeout, nullptr);
    counters.sleeps.add(1);
    counters.slept_ns.add(steady_ns() - now_ns);
  }
  bell.disarm();
}

}  // namespace holdfast::dataplane
