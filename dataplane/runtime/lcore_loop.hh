// SPDX-License-Identifier: Apache-2.0
// Runs a RelayCore on its lcore: at full speed under load, asleep when there is nothing to do.
#pragma once

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "dataplane/relay/relay_core.hh"
#include "dataplane/relay/switchboard.hh"
#include "dataplane/runtime/gears.hh"

namespace holdfast::dataplane {

// Polls, naps or waits, as Gears says. A nap ends early for the doorbell alone: waking for each
// frame would undo the gathering. A wait ends for the ports' sockets too; ports without one are
// looked at every kBlindNapNs.
class LcoreLoop {
 public:
  // `nap_us`: the longest nap, 0 for none. `wake_fds`: readable when a frame has come.
  // `all_ports_wake`: every port of this lcore has one.
  LcoreLoop(Switchboard& board, RelayCore& relay, uint32_t core, uint32_t nap_us,
            const std::vector<int>& wake_fds, bool all_ports_wake);

  void run();   // on the lcore, until stop()
  void stop();  // any thread
  // Bytes that the packet loop took from the heap since it began; 0 where the allocator cannot
  // tell.
  uint64_t heap_allocated_bytes() const;

 private:
  bool pause(Gears::Gear gear);  // false when there was something to do after all

  Switchboard& board_;
  RelayCore& relay_;
  const uint32_t core_;
  Gears gears_;
  const uint64_t wait_ns_;
  std::vector<pollfd> waits_;
  std::atomic<bool> stop_{false};
  std::atomic<const uint64_t*> heap_counter_{nullptr};
  uint64_t heap_at_start_ = 0;
};

// The steady clock of the packet path, in nanoseconds.
uint64_t steady_ns();

}  // namespace holdfast::dataplane
