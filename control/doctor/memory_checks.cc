// SPDX-License-Identifier: Apache-2.0
// Rights, huge pages, locked memory, NUMA.
#include <charconv>

#include "control/doctor/checks.hh"

namespace holdfast::doctor {
namespace {

constexpr const char* kHugePages = "/sys/kernel/mm/hugepages/hugepages-2048kB";
constexpr uint64_t kHugePageMib = 2;
constexpr int kCapNetAdmin = 12;
constexpr int kCapNetRaw = 13;
constexpr int kCapIpcLock = 14;
constexpr int kCapSysAdmin = 21;  // to open an XDP program that is attached already

void check_rights(const std::string& status, Rows& rows) {
  const std::string mask = value_of(status, "CapEff");
  uint64_t caps = 0;
  std::from_chars(mask.data(), mask.data() + mask.size(), caps, 16);
  std::string missing;
  const auto need = [&](int cap, const char* name) {
    if ((caps >> cap & 1U) == 0) missing += (missing.empty() ? "" : ", ") + std::string(name);
  };
  need(kCapNetAdmin, "CAP_NET_ADMIN");
  need(kCapNetRaw, "CAP_NET_RAW");
  need(kCapIpcLock, "CAP_IPC_LOCK");
  need(kCapSysAdmin, "CAP_SYS_ADMIN");
  if (!value_of(status, "Uid").starts_with("0\t")) {
    rows.warn("rights", "this is not root, as the dataplane must be; some rows see less",
              "run holdfast doctor as root");
  } else if (!missing.empty()) {
    rows.warn("rights", "root without " + missing + ", as in a container",
              "give the container or unit of the dataplane these capabilities");
  } else {
    rows.ok("rights", "root with the capabilities that ports need");
  }
}

void check_huge_pages(const Machine& machine, const config::SiteConfig* site, Rows& rows) {
  const auto total = machine.read_number(std::string(kHugePages) + "/nr_hugepages");
  const auto free = machine.read_number(std::string(kHugePages) + "/free_hugepages");
  const uint64_t wanted_mib = site == nullptr ? 512 : site->dataplane.memory_mib;
  const bool must = site != nullptr && site->dataplane.huge_pages == config::HugePages::kYes;
  const std::string remedy = "run: sysctl -w vm.nr_hugepages=" +
                             std::to_string((wanted_mib + kHugePageMib - 1) / kHugePageMib);
  if (!total || !free) {
    if (must)
      return rows.refuse("huge pages", "this kernel has none", "set huge-pages = \"no\"", true);
    return rows.warn("huge pages", "this kernel has none; ordinary pages are used",
                     "nothing, up to some hundred calls");
  }
  const std::string counted = std::to_string(*free) + " of " + std::to_string(*total) +
                              " pages of 2 MiB are free, " + std::to_string(wanted_mib) +
                              " MiB are wanted";
  if (*free * kHugePageMib >= wanted_mib) return rows.ok("huge pages", counted);
  if (*total * kHugePageMib >= wanted_mib && machine.runs("holdfast-dataplane"))
    return rows.ok("huge pages", counted + "; the dataplane that runs may have the others");
  if (must) return rows.refuse("huge pages", counted, remedy, true);
  rows.warn("huge pages", counted + "; ordinary pages are used", remedy);
}

void check_locked(const Machine& machine, const std::string& status, Rows& rows) {
  const std::string mask = value_of(status, "CapEff");
  uint64_t caps = 0;
  std::from_chars(mask.data(), mask.data() + mask.size(), caps, 16);
  const auto limits = machine.read("/proc/self/limits");
  const std::string soft = limits ? value_of(*limits, "Max locked memory") : std::string("unknown");
  if (soft.starts_with("unlimited")) return rows.ok("locked memory", "unlimited");
  if ((caps >> kCapIpcLock & 1U) != 0)
    return rows.ok("locked memory", "CAP_IPC_LOCK stands above the limit");
  rows.warn("locked memory",
            "the limit is " + soft.substr(0, soft.find(' ')) +
                " bytes here; af_xdp locks all packet buffers",
            "run as root, or set LimitMEMLOCK=infinity");
}

}  // namespace

void check_memory(const Machine& machine, const config::SiteConfig* site, std::vector<Row>& all) {
  Rows rows(all, "memory");
  const std::string status = machine.read("/proc/self/status").value_or("");
  check_rights(status, rows);
  check_huge_pages(machine, site, rows);
  check_locked(machine, status, rows);
  size_t nodes = 0;
  for (const auto& name : machine.list("/sys/devices/system/node"))
    nodes += name.starts_with("node") ? 1 : 0;
  if (nodes <= 1) return rows.ok("NUMA", "one node");
  rows.warn("NUMA", std::to_string(nodes) + " nodes; memory and ports may be far from the cpus",
            "choose cpus of the node in /sys/class/net/DEVICE/device/numa_node");
}

}  // namespace holdfast::doctor
