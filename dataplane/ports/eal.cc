// SPDX-License-Identifier: Apache-2.0
// Starts DPDK's environment.
#include "dataplane/ports/eal.hh"

#include <rte_eal.h>
#include <rte_errno.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>

#include "dataplane/ports/huge_page_turn.hh"
#include "dataplane/ports/lcore_map.hh"

namespace holdfast::dataplane {
namespace {

constexpr const char* kHugePages = "/sys/kernel/mm/hugepages/hugepages-2048kB";
constexpr uint64_t kHugePageMib = 2;

uint64_t free_huge_memory_mib() {
  std::ifstream file(std::string(kHugePages) + "/free_hugepages");
  uint64_t pages = 0;
  return file >> pages ? pages * kHugePageMib : 0;
}

}  // namespace

Result<Eal, std::string> Eal::start(const EalOptions& options) {
  const std::vector<uint16_t> allowed = allowed_cpus();
  if (std::string trouble = cpu_trouble(options.cpus, allowed); !trouble.empty()) return trouble;
  std::optional<HugePageTurn> turn;  // until DPDK has them
  if (options.huge_pages != EalOptions::HugePages::no &&
      free_huge_memory_mib() >= options.memory_mib)
    turn.emplace();
  const uint64_t free_mib = free_huge_memory_mib();
  const bool enough = free_mib >= options.memory_mib;
  if (options.huge_pages == EalOptions::HugePages::yes && !enough) {
    return "huge-pages: " + std::to_string(options.memory_mib) + " MiB are wanted, " +
           std::to_string(free_mib) + " MiB are free; raise " + kHugePages +
           "/nr_hugepages or set huge-pages = \"no\"";
  }
  const bool huge = options.huge_pages != EalOptions::HugePages::no && enough;

  std::vector<std::string> words = {"holdfast-dataplane",
                                    "--lcores",
                                    lcore_map(options.cpus, allowed),
                                    "--main-lcore",
                                    "0",
                                    "--no-telemetry",
                                    "--iova-mode",
                                    "va",
                                    "--log-level",
                                    "*:warning",
                                    "--file-prefix",
                                    "holdfast-" + std::to_string(getpid()),
                                    "-m",
                                    std::to_string(options.memory_mib)};
  if (huge) {
    words.insert(words.end(), {"--in-memory", "--single-file-segments"});
  } else {
    words.insert(words.end(), {"--no-huge", "--no-shconf"});
  }
  if (options.pci_addresses.empty()) words.emplace_back("--no-pci");
  for (const std::string& address : options.pci_addresses)
    words.insert(words.end(), {"-a", address});

  std::vector<char*> arguments;
  arguments.reserve(words.size());
  for (std::string& word : words) arguments.push_back(word.data());
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
    std::string trouble = std::string("DPDK does not start: ") + rte_strerror(rte_errno);
    // They may have gone to another program between the look and the start.
    if (huge && rte_errno == ENOMEM) {
      trouble += "; " + std::to_string(options.memory_mib) + " MiB of huge pages are wanted, " +
                 std::to_string(free_mib) + " MiB were free, " +
                 std::to_string(free_huge_memory_mib()) + " are now";
    }
    return trouble;
  }
  return Eal(huge);
}

Eal::~Eal() {
  if (live_) rte_eal_cleanup();
}

}  // namespace holdfast::dataplane
