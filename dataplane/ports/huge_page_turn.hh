// SPDX-License-Identifier: Apache-2.0
// Dataplanes of one machine that start together look for huge pages one after the other.
//
// DPDK takes them one by one, in some tenths of a second: two that both found enough before either
// had taken any would run short half way, and DPDK cannot begin a second time in a process.
#pragma once

#include <cstdint>

namespace holdfast::dataplane {

// A turn that lasts as long as the object. It is held by a lock on a file of the kernel's that all
// processes see, whatever their namespaces of mounts and networks, and goes with its process.
class HugePageTurn {
 public:
  static constexpr uint32_t kPatience_ms = 5000;

  // Waits for its turn, at most so long: whoever is stopped in its own holds up nobody for ever.
  explicit HugePageTurn(uint32_t patience_ms = kPatience_ms);
  ~HugePageTurn();
  HugePageTurn(const HugePageTurn&) = delete;
  HugePageTurn& operator=(const HugePageTurn&) = delete;

  bool is_ours() const { return is_ours_; }

 private:
  int file_;
  bool is_ours_ = false;
};

}  // namespace holdfast::dataplane
