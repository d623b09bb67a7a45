// SPDX-License-Identifier: Apache-2.0
// Counters with one writer and any number of readers.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/drop_reason.hh"

namespace holdfast::dataplane {

// One thread adds, others read at any time. A relaxed load and store: plain instructions, no lock
// prefix.
class Counter {
 public:
  void add(uint64_t n) {
    __atomic_store_n(&value_, __atomic_load_n(&value_, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
  }
  uint64_t read() const { return __atomic_load_n(&value_, __ATOMIC_RELAXED); }

 private:
  uint64_t value_ = 0;
};

// What one thread did with the frames of one port. Summed over threads, with nothing in flight:
//   rx = relayed + to_kernel + sum of drops         tx_media of all ports = relayed of all ports
//   from_kernel = tx_kernel + sum of kernel_drops
struct PortCounters {
  Counter rx;           // frames taken from the port
  Counter relayed;      // of those: sent out again as media, on whichever port
  Counter to_kernel;    // of those: handed to the kernel
  Counter joined;       // of rx: went from leg to leg of ours before they were relayed or dropped
  Counter tx_media;     // media frames sent out of this port
  Counter from_kernel;  // frames that the kernel gave us for this port
  Counter tx_kernel;    // of those: sent
  std::array<Counter, kDropReasons> drops;
  std::array<Counter, kDropReasons> kernel_drops;

  void drop(DropReason reason, uint64_t n = 1) { drops[static_cast<size_t>(reason)].add(n); }
  void kernel_drop(DropReason reason, uint64_t n = 1) {
    kernel_drops[static_cast<size_t>(reason)].add(n);
  }
};

// How one lcore spends its time.
struct CoreCounters {
  Counter polls;
  Counter empty_polls;
  Counter sleeps;
  Counter slept_ns;
};

}  // namespace holdfast::dataplane
