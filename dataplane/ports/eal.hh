// SPDX-License-Identifier: Apache-2.0
// DPDK's environment: started once per process, with or without huge pages, one lcore per
// configured CPU.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "media/result.hh"

namespace holdfast::dataplane {

struct EalOptions {
  enum class HugePages : uint8_t { automatic, yes, no };
  HugePages huge_pages = HugePages::automatic;
  uint32_t memory_mib = 512;
  std::vector<uint16_t>
      cpus;  // lcore i + 1 runs on cpus[i]; lcore 0 is the calling thread, on the others
  std::vector<std::string> pci_addresses;  // devices to probe; none: PCI is left alone
};

// The started environment. One per process; the destructor ends it.
class Eal {
 public:
  // Errors are one line: which resource is missing and what to do.
  static Result<Eal, std::string> start(const EalOptions& options);

  Eal(Eal&& other) noexcept
      : huge_pages_(other.huge_pages_), live_(std::exchange(other.live_, false)) {}
  Eal& operator=(Eal&&) = delete;
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;
  ~Eal();

  bool huge_pages() const { return huge_pages_; }

 private:
  explicit Eal(bool huge_pages) : huge_pages_(huge_pages) {}
  bool huge_pages_;
  bool live_ = true;
};

}  // namespace holdfast::dataplane
