// SPDX-License-Identifier: Apache-2.0
// The way of all that is not media on an `owned` port: from the lcore to the tap and back,
// rate-limited.
#pragma once

#include <rte_mempool.h>

#include <cstdint>

#include "dataplane/kernel/link.hh"
#include "dataplane/kernel/tap.hh"
#include "dataplane/relay/counters.hh"
#include "dataplane/relay/switchboard.hh"
#include "dataplane/runtime/token_bucket.hh"

namespace holdfast::dataplane {

// What passes each way in packets, and from the kernel in bytes as well: a burst of it that lies in
// the port's queue is what media behind it waits for.
struct ExceptionRate {
  uint32_t packets_per_s = 20000;
  uint64_t out_bytes_per_s = 62'500'000;
};

// Slow thread only. Towards the kernel, what is over the rate waits in the port's ring and is
// dropped when that is full (to_kernel_full). From the kernel, the tap is simply not read faster,
// so that the kernel's own queue holds it, drops the newest when it is full (tap_full), and makes
// its senders wait.
class ExceptionPath {
 public:
  ExceptionPath(PortIo& port, Tap tap, rte_mempool* pool, PortCounters& counters,
                Doorbell& port_bell, const ExceptionRate& rate);
  ~ExceptionPath();
  ExceptionPath(const ExceptionPath&) = delete;
  ExceptionPath& operator=(const ExceptionPath&) = delete;

  // Moves a bounded number of frames each way. True when it stopped at the bound, so that more
  // waits.
  bool pump(uint64_t now_ns);
  // Whether frames wait that the rate allows only later; then call pump() again within a
  // millisecond or so.
  bool throttled() const { return throttled_; }
  bool has_frames() const { return !ring_is_empty(port_.to_kernel.get()); }
  const Tap& tap() const { return tap_; }
  // What the kernel had for the port and dropped, since its own queue was full. Asked seldom.
  uint64_t dropped_by_kernel() const { return frames_not_sent(tap_.name()) - dropped_before_; }

 private:
  bool to_kernel();
  bool from_kernel();

  PortIo& port_;
  Tap tap_;
  rte_mempool* pool_;
  PortCounters& counters_;
  Doorbell& port_bell_;      // of the lcore that sends on the port
  TokenBucket in_packets_;   // to the kernel
  TokenBucket out_packets_;  // from the kernel
  TokenBucket out_bytes_;
  bool throttled_ = false;
  uint64_t dropped_before_;  // in earlier lives of the tap
};

// Frames that wait between an lcore and the slow thread, each way and port.
inline constexpr unsigned kExceptionRing = 1024;

}  // namespace holdfast::dataplane
