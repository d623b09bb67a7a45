// SPDX-License-Identifier: Apache-2.0
// Runs a RelayCore on its lcore: at full speed under load, asleep when there is nothing to do.
#pragma once

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "dataplane/relay/relay_core.hh"
#include "dataplane/relay/switchboard.hh"

namespace holdfast::dataplane {

// Three gears. Busy: poll without pause. Light traffic: after a few empty polls sleep shortly, so
// that frames gather and one wake-up serves several; no frame waits longer than `nap_us`. Idle:
// after kIdleAfterNs without a frame wait for the sockets and the doorbell, which costs nothing;
// ports without a socket are looked at every kBlindNapNs.
class LcoreLoop {
 public:
  // `wake_fds`: readable when a frame has come. `all_ports_wake`: every port of this lcore has one.
  LcoreLoop(Switchboard& board, RelayCore& relay, uint32_t core, uint32_t nap_us,
            std::vector<int> wake_fds, bool all_ports_wake);

  void run();   // on the lcore, until stop()
  void stop();  // any thread
  // Bytes that the packet loop took from the heap since it began; 0 where the allocator cannot
  // tell.
  uint64_t heap_allocated_bytes() const;

 private:
  void nap(uint64_t now_ns);

  Switchboard& board_;
  RelayCore& relay_;
  const uint32_t core_;
  const uint64_t nap_ns_;
  const std::vector<int> wake_fds_;
  const bool all_ports_wake_;
  std::vector<pollfd> waits_;
  std::atomic<bool> stop_{false};
  uint64_t last_work_ns_ = 0;
  std::atomic<const uint64_t*> heap_counter_{nullptr};
  uint64_t heap_at_start_ = 0;
};

// The steady clock of the packet path, in nanoseconds.
uint64_t steady_ns();

}  // namespace holdfast::dataplane
