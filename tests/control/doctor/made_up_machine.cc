// SPDX-License-Identifier: Apache-2.0
// Writes the files of a machine in good order.
#include "tests/control/doctor/made_up_machine.hh"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace holdfast::doctor {

namespace fs = std::filesystem;

MadeUpMachine::MadeUpMachine()
    : root_(fs::path(testing::TempDir()) / ("holdfast-doctor-" + std::to_string(getpid()))) {
  fs::remove_all(root_);
  machine_.root = root_;
  machine_.link_facts = [this](const std::string& device) { return links[device]; };
  machine_.free_bytes = [](const std::string&) { return uint64_t{8} << 30; };
  machine_.folder_fault = [](const std::string&, FolderUse) { return std::string(); };
  machine_.time_synchronised = true;
  machine_.now_s = 1'800'000'000;

  write("/proc/net/fib_trie",
        "Local:\n  |-- 198.18.1.0\n     /24 link UNICAST\n  |-- 198.18.1.2\n     /32 host LOCAL\n"
        "  |-- 198.18.2.2\n     /32 host LOCAL\n");
  write("/proc/net/if_inet6", "20010db8000100000000000000000002 04 40 00 82     eth0\n");
  write("/proc/net/protocols", "protocol  size\nPACKET  1\nXDP  1\nTCP  1\n");
  const std::string pmds = "/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_";
  for (const char* name : {"af_xdp", "af_packet", "virtio", "vhost", "memif", "ixgbe"})
    write(pmds + name + ".so.23", "");
  write("/proc/self/status", "Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n");
  write("/proc/self/limits", "Max locked memory         8388608    8388608    bytes");
  write("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512\n");
  write("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "512\n");
  write("/sys/devices/system/node/node0/cpulist", "0-3");
  write("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse4_2 aes constant_tsc nonstop_tsc\n");
  write("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
  write("/sys/devices/system/cpu/online", "0-3\n");
  write("/sys/devices/system/cpu/isolated", "0\n");
  write("/proc/cmdline", "quiet isolcpus=0 nohz_full=0");
  for (const char* device : {"eth0", "eth1"}) {
    const std::string folder = "/sys/class/net/" + std::string(device);
    write(folder + "/flags", "0x1003\n");
    write(folder + "/mtu", "1500\n");
    write(folder + "/carrier", "1\n");
    write(folder + "/queues/rx-0/rps_cpus", "0");
    links[device] = {"ixgbe", true, false};
  }
  write("/dev/net/tun", "");
  write("/proc/sys/net/ipv4/conf/all/rp_filter", "2\n");
  write("/proc/sys/net/ipv4/neigh/default/gc_thresh3", "1024\n");
  write("/proc/sys/net/ipv6/neigh/default/gc_thresh3", "1024\n");
}

MadeUpMachine::~MadeUpMachine() {
  fs::remove_all(root_);
}

void MadeUpMachine::write(const std::string& path, const std::string& text) const {
  const fs::path file = root_ / path.substr(1);
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

void MadeUpMachine::remove(const std::string& path) const {
  fs::remove_all(root_ / path.substr(1));
}

void MadeUpMachine::link(const std::string& path, const std::string& target) const {
  const fs::path file = root_ / path.substr(1);
  fs::create_directories(file.parent_path());
  fs::create_symlink(target, file);
}

config::SiteConfig site_of(const std::string& text) {
  auto site = config::parse_site(text, "hf.toml");
  EXPECT_TRUE(site) << site.error().to_string();
  return site ? std::move(site).value() : config::SiteConfig{};
}

std::string row_of(const std::vector<Row>& rows, const std::string& group,
                   const std::string& name) {
  for (const Row& row : rows) {
    if (row.group == group && row.name == name)
      return std::string(to_string(row.state)) + ": " + row.why;
  }
  return {};
}

}  // namespace holdfast::doctor
