// SPDX-License-Identifier: Apache-2.0
// The way of all that is not media on an `owned` port: from the lcore to the tap and back,
// rate-limited.
#pragma once

#include <rte_mempool.h>

#include <cstdint>

#include "dataplane/kernel/tap.hh"
#include "dataplane/relay/counters.hh"
#include "dataplane/relay/switchboard.hh"

namespace holdfast::dataplane {

// Slow thread only. Towards the kernel, what is over the rate waits in the port's ring and is
// dropped when that is full (to_kernel_full). From the kernel, the tap is simply not read faster,
// so that the kernel's own queue holds it.
class ExceptionPath {
 public:
  ExceptionPath(PortIo& port, Tap tap, rte_mempool* pool, PortCounters& counters,
                Doorbell& port_bell, uint32_t packets_per_s);
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

 private:
  bool to_kernel();
  bool from_kernel();
  void refill(uint64_t now_ns);

  PortIo& port_;
  Tap tap_;
  rte_mempool* pool_;
  PortCounters& counters_;
  Doorbell& port_bell_;  // of the lcore that sends on the port
  uint64_t packets_per_s_;
  uint64_t last_refill_ns_ = 0;
  uint64_t in_tokens_ = 0;   // to the kernel, in packets
  uint64_t out_tokens_ = 0;  // from the kernel
  bool throttled_ = false;
};

// Frames that wait between an lcore and the slow thread, each way and port.
inline constexpr unsigned kExceptionRing = 1024;

}  // namespace holdfast::dataplane
