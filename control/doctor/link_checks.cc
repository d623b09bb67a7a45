// SPDX-License-Identifier: Apache-2.0
// The network devices that the configuration names, and the kernel's settings round them.
#include <algorithm>
#include <array>
#include <charconv>

#include "control/doctor/checks.hh"

namespace holdfast::doctor {
namespace {

using config::Driver;
using config::InterfaceConfig;
using config::Take;

// Kernel drivers that run XDP programs themselves (kernel 6.1).
constexpr std::array<std::string_view, 26> kNativeXdp = {
    "atlantic",  "bnxt_en", "dpaa2-eth", "ena",        "enetc", "fec", "gve",
    "hv_netvsc", "i40e",    "iavf",      "ice",        "igb",   "igc", "ixgbe",
    "ixgbevf",   "mlx4_en", "mlx5_core", "mvneta",     "mvpp2", "nfp", "qede",
    "sfc",       "st_gmac", "tun",       "virtio_net", "veth"};
constexpr uint64_t kNeighboursOfLegs = 4;  // legs for each entry of the neighbour table

std::string in_sysfs(const InterfaceConfig& i, std::string_view file) {
  return "/sys/class/net/" + i.device + "/" + std::string(file);
}

bool is_up(const Machine& machine, const InterfaceConfig& i) {
  const std::string text = machine.read(in_sysfs(i, "flags")).value_or("0x0");
  unsigned flags = 0;
  if (text.size() > 2) std::from_chars(text.data() + 2, text.data() + text.size(), flags, 16);
  return (flags & 1U) != 0;  // IFF_UP
}

void check_state(const Machine& machine, const InterfaceConfig& i, Rows& rows) {
  const bool shared = i.take == Take::kShared;
  if (!is_up(machine, i)) {
    if (shared)
      return rows.refuse("link", i.device + " is down", "run: ip link set " + i.device + " up",
                         true);
    return rows.ok("link", i.device + " is down; the dataplane brings it up");
  }
  if (machine.read_number(in_sysfs(i, "carrier")) == 0U)
    return rows.warn("link", i.device + " has no carrier", "look at the cable and the switch");
  rows.ok("link", i.device + " is up");
}

void check_mtu(const Machine& machine, const InterfaceConfig& i, Rows& rows) {
  const auto mtu = machine.read_number(in_sysfs(i, "mtu"));
  if (!mtu) return;
  const std::string has = i.device + " has " + std::to_string(*mtu);
  if (*mtu < i.mtu)
    return rows.refuse("mtu", has + ", mtu says " + std::to_string(i.mtu),
                       "run: ip link set " + i.device + " mtu " + std::to_string(i.mtu), true);
  rows.ok("mtu", has);
}

void check_xdp(const Machine& machine, const InterfaceConfig& i, const LinkFacts& facts,
               Rows& rows) {
  size_t queues = 0;
  for (const auto& name : machine.list(in_sysfs(i, "queues"))) queues += name.starts_with("rx-");
  if (queues > 0 && queues != i.queues) {
    const std::string served = std::to_string(i.queues);
    rows.refuse(
        "queues",
        std::to_string(queues) + " receive queues, of which queues = " + served +
            (i.queues == 1 ? " is served" : " are served"),
        "run: ethtool -L " + i.device + " combined " + served + ", or set queues, and as many cpus",
        true);
  }
  if (facts.driver.empty()) {
    rows.warn("xdp", "the driver of " + i.device + " is unknown", "run holdfast doctor as root");
  } else if (has_native_xdp(facts.driver)) {
    rows.ok("xdp", facts.driver + " runs XDP programs itself");
  } else {
    rows.warn("xdp", facts.driver + " does not run XDP programs: the kernel does it, and copies",
              "nothing for a branch; for more take a card of another driver");
  }
}

// A merged frame is longer than the link's MTU, and a port takes none such.
void check_offloads(const InterfaceConfig& i, const LinkFacts& facts, Rows& rows) {
  const bool before_merging = i.driver == Driver::kAfXdp && has_native_xdp(facts.driver);
  const bool harms = i.take == Take::kOwned && !before_merging;
  if (facts.lro || (harms && facts.gro)) {
    return rows.warn("offloads",
                     std::string(facts.lro ? "LRO" : "GRO") +
                         " merges TCP segments to frames that are too long for the port",
                     "run: ethtool -K " + i.device + " gro off lro off");
  }
  rows.ok("offloads", "no merging of received frames in front of the port");
}

void check_kernel_device(const Machine& machine, const InterfaceConfig& i, Rows& rows) {
  if (!machine.exists("/sys/class/net/" + i.device)) {
    return rows.refuse("device", "there is no network device " + i.device,
                       "see ip link; correct device", true);
  }
  check_state(machine, i, rows);
  check_mtu(machine, i, rows);
  const LinkFacts facts = machine.link_facts(i.device);
  if (i.driver == Driver::kAfXdp) check_xdp(machine, i, facts, rows);
  check_offloads(i, facts, rows);
}

void check_socket_port(const Machine& machine, const InterfaceConfig& i, Rows& rows) {
  const std::string folder = i.device.substr(0, i.device.rfind('/'));
  if (i.driver == Driver::kVhost) {
    if (!machine.exists(folder.empty() ? "/" : folder))
      return rows.refuse("socket", "there is no folder " + folder, "make it", true);
    return rows.ok("socket", "the dataplane makes " + i.device);
  }
  if (!machine.exists(i.device))
    return rows.refuse("socket", "nothing is at " + i.device, "start the other side first", true);
  rows.ok("socket", i.device + " is there");
}

void check_reverse_path(const Machine& machine, const config::SiteConfig& site, Rows& rows) {
  const std::string conf = "/proc/sys/net/ipv4/conf/";
  if (site.dataplane.interfaces.size() < 2) return;
  for (const auto& i : site.dataplane.interfaces) {
    const std::string device = i.take == Take::kOwned ? i.tap : i.device;
    const auto filter = std::max(machine.read_number(conf + "all/rp_filter").value_or(0),
                                 machine.read_number(conf + device + "/rp_filter").value_or(0));
    if (filter != 1) continue;
    return rows.warn("rp_filter", device + " drops SIP whose way back is another interface",
                     "run: sysctl -w net.ipv4.conf.all.rp_filter=2");
  }
  rows.ok("rp_filter", "no strict filter of the way back");
}

void check_neighbours(const Machine& machine, const config::SiteConfig& site, Rows& rows) {
  const uint64_t wanted = site.dataplane.max_legs / kNeighboursOfLegs;
  for (const std::string family : {"ipv4", "ipv6"}) {
    const auto room = machine.read_number("/proc/sys/net/" + family + "/neigh/default/gc_thresh3");
    if (!room || *room >= wanted) continue;
    return rows.warn(
        "neighbours",
        family + ": the kernel keeps " + std::to_string(*room) + " neighbours, for " +
            std::to_string(site.dataplane.max_legs) + " legs",
        "run: sysctl -w net." + family + ".neigh.default.gc_thresh3=" + std::to_string(wanted));
  }
  rows.ok("neighbours", "the kernel's tables are large enough");
}

}  // namespace

bool has_native_xdp(std::string_view net_driver) {
  return std::find(kNativeXdp.begin(), kNativeXdp.end(), net_driver) != kNativeXdp.end();
}

void check_links(const Machine& machine, const config::SiteConfig* site, std::vector<Row>& all) {
  if (site == nullptr) return;
  bool owned = false;
  for (const auto& i : site->dataplane.interfaces) {
    Rows rows(all, "interface " + i.name);
    owned = owned || i.take == Take::kOwned;
    if (i.driver == Driver::kAfXdp || i.driver == Driver::kAfPacket)
      check_kernel_device(machine, i, rows);
    if (config::on_socket(i.driver)) check_socket_port(machine, i, rows);
    check_addresses(machine, i, rows);
  }
  Rows rows(all, "kernel");
  if (owned && !machine.exists("/dev/net/tun")) {
    rows.refuse("taps", "there is no /dev/net/tun for the exception taps", "run: modprobe tun",
                true);
  } else if (owned) {
    rows.ok("taps", "/dev/net/tun is there");
  }
  check_reverse_path(machine, *site, rows);
  check_neighbours(machine, *site, rows);
}

}  // namespace holdfast::doctor
