// SPDX-License-Identifier: Apache-2.0
// One thing after the other is spoiled on a made-up machine, and the doctor names it.
#include "control/doctor/doctor.hh"

#include <gtest/gtest.h>

#include <functional>

#include "tests/control/doctor/made_up_machine.hh"

namespace holdfast::doctor {
namespace {

constexpr const char* kShared =
    "[[interface]]\nname = \"lan\"\ndevice = \"eth0\"\nmedia-addresses = [\"198.18.1.2\"]\n"
    "[[interface]]\nname = \"wan\"\ndevice = \"eth1\"\nmedia-addresses = [\"198.18.2.2\"]\n"
    "[[sip-listener]]\ninterface = \"lan\"\n[[sip-listener]]\ninterface = \"wan\"\nfaces = "
    "\"centre\"\n"
    "[centre]\nservers = [\"198.18.3.2\"]\ndomain = \"lab.voip\"\ninterface = \"wan\"\n";

std::string owned(const std::string& lines) {
  return "[[interface]]\nname = \"lan\"\ntake = \"owned\"\nmedia-addresses = [\"198.18.1.2\"]\n" +
         lines;
}
std::string with_lan(const std::string& line) {
  return std::string(kShared).insert(std::string_view(kShared).find("device"), line + "\n");
}
std::string dataplane(const std::string& line) {
  return "[dataplane]\n" + line + "\n" + kShared;
}

TEST(Doctor, FindsNothingOnAGoodMachine) {
  MadeUpMachine made;
  const auto site = site_of(kShared);
  const auto rows = examine(made.machine(), &site);
  EXPECT_TRUE(can_start(rows));
  for (const Row& row : rows) {
    if (row.group == "driver" && row.name == "pci") continue;
    EXPECT_EQ(row.state, State::ok) << row.group << " " << row.name << ": " << row.why;
  }
  EXPECT_EQ(verdict(rows), State::ok);
}

TEST(Doctor, OfDriversThatNobodyNamesStopsNoStart) {
  MadeUpMachine made;
  made.remove("/usr/lib");
  made.remove("/proc/net/protocols");
  const auto rows = examine(made.machine(), nullptr);
  EXPECT_EQ(row_of(rows, "driver", "af_xdp"), "not usable: the kernel has no AF_XDP sockets");
  EXPECT_EQ(row_of(rows, "driver", "memif"),
            "not usable: the installed DPDK has no driver net_memif");
  EXPECT_TRUE(can_start(rows));
  const auto site = site_of(kShared);
  EXPECT_FALSE(can_start(examine(made.machine(), &site)));
}

using Spoil = std::function<void(MadeUpMachine&)>;

struct Case {
  const char* name;
  Spoil spoil;
  std::string config;
  std::string group, row, wanted;
  bool starts;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

class DoctorFinds : public testing::TestWithParam<Case> {};
TEST_P(DoctorFinds, AndSays) {
  const Case& one = GetParam();
  MadeUpMachine made;
  one.spoil(made);
  const auto site = site_of(one.config);
  const auto rows = examine(made.machine(), &site);
  EXPECT_EQ(row_of(rows, one.group, one.row), one.wanted);
  EXPECT_EQ(can_start(rows), one.starts);
  for (const Row& row : rows)
    EXPECT_EQ(row.todo.empty(), row.state == State::ok) << row.group << " " << row.name;
}

void nothing(MadeUpMachine&) {}
Spoil without(const char* path) {
  return [=](MadeUpMachine& made) { made.remove(path); };
}
Spoil with(const char* path, const char* text) {
  return [=](MadeUpMachine& made) { made.write(path, text); };
}
Spoil all(std::initializer_list<Spoil> spoils) {
  return [each = std::vector(spoils)](MadeUpMachine& made) {
    for (const Spoil& spoil : each) spoil(made);
  };
}

// A process, and the socket that it has open.
Spoil process(int pid, const char* name, int socket = 0) {
  return [=](MadeUpMachine& made) {
    const std::string at = "/proc/" + std::to_string(pid);
    made.write(at + "/comm", name);
    if (socket != 0) made.link(at + "/fd/4", "socket:[" + std::to_string(socket) + "]");
  };
}
const Spoil kTaken =
    with("/proc/net/udp", "  sl  local\n  1: 020112C6:13C4 0:0 07 0:0 0:0 0 0 0 4711 2 0 0\n");
const Spoil kPidFile = with("/var/lib/holdfast/holdfastd.pid", "3\n");

// The centre by a name, and what holdfastd has kept of DNS.
std::string named() {
  return std::string(kShared).replace(std::string_view(kShared).find("198.18.3.2"), 10, "pbx.lab");
}
Spoil answers(const std::string& addresses) {
  return [=](MadeUpMachine& made) {
    made.write("/var/lib/holdfast/names.json",
               R"({"A pbx.lab": {"at": 1, "servers": [], "addresses": [)" + addresses + "]}}");
  };
}

const Case kCases[] = {
    {"name_of_ourselves", answers(R"("198.18.2.2", "198.18.3.2")"), named(), "name", "centre",
     "warning: pbx.lab leads to 198.18.2.2:5060 (udp), our own [[sip-listener]] of interface wan: "
     "not taken",
     true},
    {"name_of_others", answers(R"("198.18.3.2")"), named(), "name", "centre",
     "ok: by the last good answers 198.18.3.2:5060", true},
    {"name_that_is_not_known", nothing, named(), "name", "centre", "", true},
    {"no_device", without("/sys/class/net/eth1"), kShared, "interface wan", "device",
     "not usable: there is no network device eth1", false},
    {"down", with("/sys/class/net/eth0/flags", "0x1002"), kShared, "interface lan", "link",
     "not usable: eth0 is down", false},
    {"down_but_owned", with("/sys/class/net/eth0/flags", "0x1002"), owned("device = \"eth0\"\n"),
     "interface lan", "link", "ok: eth0 is down; the dataplane brings it up", true},
    {"no_carrier", with("/sys/class/net/eth0/carrier", "0"), kShared, "interface lan", "link",
     "warning: eth0 has no carrier", true},
    {"small_mtu", with("/sys/class/net/eth0/mtu", "1400"), kShared, "interface lan", "mtu",
     "not usable: eth0 has 1400, mtu says 1500", false},
    {"queues", with("/sys/class/net/eth0/queues/rx-1/x", ""), kShared, "interface lan", "queues",
     "not usable: 2 receive queues, of which queues = 1 is served", false},
    {"second_address_forgotten", nothing,
     owned("device = \"eth0\"\n[[interface]]\nname = \"b\"\ndevice = \"eth1\"\n"
           "media-addresses = [\"198.18.1.3\", \"2001:db8:1::2\", \"2001:db8:1::3\", "
           "\"198.18.2.2\"]\n"),
     "interface b", "addresses",
     "warning: the kernel has not got 198.18.1.3, 2001:db8:1::3: nobody finds the way to it", true},
    {"owned_addresses_are_the_taps", with("/proc/net/fib_trie", "Local:"),
     owned("device = \"eth0\"\n"), "interface lan", "addresses",
     "warning: the kernel has not got 198.18.1.2: nobody finds the way to it", true},
    {"generic_xdp", [](auto& m) { m.links["eth0"].driver = "r8169"; }, kShared, "interface lan",
     "xdp", "warning: r8169 does not run XDP programs: the kernel does it, and copies", true},
    {"lro", [](auto& m) { m.links["eth0"].lro = true; }, kShared, "interface lan", "offloads",
     "warning: LRO merges TCP segments to frames that are too long for the port", true},
    {"srtp_in_the_clear", nothing, with_lan("srtp-without-tls = true"), "interface lan", "srtp",
     "warning: srtp-without-tls is on: keys are told over SIP that is not encrypted, and "
     "whoever reads it can listen",
     true},
    {"gro_before_af_packet", nothing, owned("driver = \"af_packet\"\ndevice = \"eth0\"\n"),
     "interface lan", "offloads",
     "warning: GRO merges TCP segments to frames that are too long for the port", true},
    {"no_tun", without("/dev/net/tun"), owned("device = \"eth0\"\n"), "kernel", "taps",
     "not usable: there is no /dev/net/tun for the exception taps", false},
    {"memif_server_absent", nothing, owned("driver = \"memif\"\ndevice = \"/run/m.sock\"\n"),
     "interface lan", "socket", "not usable: nothing is at /run/m.sock", false},
    {"vhost_folder_absent", nothing, owned("driver = \"vhost\"\ndevice = \"/run/v/m.sock\"\n"),
     "interface lan", "socket", "not usable: there is no folder /run/v", false},
    {"pci_absent", nothing, owned("driver = \"pci\"\ndevice = \"03:00.0\"\n"), "driver", "pci",
     "not usable: interface lan: no PCI device has the address 0000:03:00.0; see lspci -D", false},
    {"pci_untried",
     [](auto& m) {
       m.link("/sys/bus/pci/devices/0000:03:00.0/iommu_group", "../../kernel/iommu_groups/4");
       m.link("/sys/bus/pci/devices/0000:03:00.0/driver", "../drivers/vfio-pci");
       m.write("/dev/vfio/4", "");
     },
     owned("driver = \"pci\"\ndevice = \"03:00.0\"\n"), "driver", "pci",
     "warning: owned: IOMMU and vfio-pci are there; no card has been tried with Holdfast", true},
    {"strict_reverse_path",
     all({with("/proc/sys/net/ipv4/conf/eth1/rp_filter", "1"),
          with("/proc/sys/net/ipv4/conf/all/rp_filter", "0")}),
     kShared, "kernel", "rp_filter", "warning: eth1 drops SIP whose way back is another interface",
     true},
    {"few_neighbours", with("/proc/sys/net/ipv6/neigh/default/gc_thresh3", "128"), kShared,
     "kernel", "neighbours", "warning: ipv6: the kernel keeps 128 neighbours, for 4096 legs", true},
    {"no_root", with("/proc/self/status", "Uid:\t7\t7\nCapEff:\t0\n"), kShared, "memory", "rights",
     "warning: this is not root, as the dataplane must be; some rows see less", true},
    {"root_of_a_container", with("/proc/self/status", "Uid:\t0\t0\nCapEff:\t0000000000003000\n"),
     kShared, "memory", "rights",
     "warning: root without CAP_IPC_LOCK, CAP_SYS_ADMIN, as in a container", true},
    {"locked_memory", with("/proc/self/status", "Uid:\t0\t0\nCapEff:\t0000000000003000\n"), kShared,
     "memory", "locked memory",
     "warning: the limit is 8388608 bytes here; af_xdp locks all packet buffers", true},
    {"few_huge_pages", with("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "10"),
     kShared, "memory", "huge pages",
     "warning: 10 of 512 pages of 2 MiB are free, 512 MiB are wanted; ordinary pages are used",
     true},
    {"few_huge_pages_that_must_be",
     with("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "10"),
     dataplane("huge-pages = \"yes\""), "memory", "huge pages",
     "not usable: 10 of 512 pages of 2 MiB are free, 512 MiB are wanted", false},
    {"huge_pages_of_the_running_dataplane",
     all({with("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0"),
          process(9, "holdfast-datapl")}),
     dataplane("huge-pages = \"yes\""), "memory", "huge pages",
     "ok: 0 of 512 pages of 2 MiB are free, 512 MiB are wanted; the dataplane that runs may have "
     "the others",
     true},
    {"old_cpu", with("/proc/cpuinfo", "flags : fpu sse aes\n"), kShared, "cpu", "instructions",
     "not usable: no SSE4.2, which this build needs", false},
    {"slow_clock", with("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet"),
     kShared, "cpu", "clock source", "warning: hpet: each reading of the time costs a system call",
     true},
    {"cpu_absent", nothing, dataplane("cpus = [0, 9]"), "cpu", "cpus",
     "not usable: there is no CPU 9", false},
    {"cpu_shared", nothing, dataplane("cpus = [1]"), "cpu", "isolation",
     "warning: other work may run on CPU 1", true},
    {"governor", with("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave"),
     kShared, "cpu", "frequency", "warning: CPU 0 is governed by powersave", true},
    {"wrong_year", [](auto& m) { m.machine().now_s = 0; }, kShared, "clock", "time of day",
     "warning: the clock cannot be right: certificates will not be believed", true},
    {"unset_clock", [](auto& m) { m.machine().time_synchronised = false; }, kShared, "clock",
     "synchronised", "warning: nobody keeps the kernel's clock; old records are then not deleted",
     true},
    {"read_only_folder",
     [](auto& m) {
       m.write("/var/lib/x", "");
       m.machine().folder_fault = [](const std::string& path, FolderUse) {
         return path == "/var/lib" ? path + " cannot be written" : std::string();
       };
     },
     kShared, "folder", "records", "not usable: /var/lib cannot be written", false},
    {"records_folder_of_somebody_else",
     [](auto& m) {
       m.write("/var/lib/holdfast/x", "");
       m.machine().folder_fault = [](const std::string&, FolderUse use) {
         return std::string(use == FolderUse::kState ? "is not ours" : "");
       };
     },
     kShared, "folder", "records", "not usable: is not ours", false},
    {"no_room",
     [](auto& m) { m.machine().free_bytes = [](const std::string&) { return uint64_t{1} << 22; }; },
     kShared, "folder", "records",
     "not usable: /var/lib/holdfast: 4 MiB free, fewer than 5, without which nothing starts",
     false},
    {"full_disk",
     [](auto& m) { m.machine().free_bytes = [](const std::string&) { return uint64_t{1} << 28; }; },
     kShared, "folder", "records", "warning: /var/lib/holdfast: 256 MiB free, fewer than 1024",
     true},
    {"sip_port_taken", with("/proc/net/udp", "  sl  local\n  1: 020112C6:13C4 0:0 07 0:0\n"),
     kShared, "port", "SIP UDP 198.18.1.2:5060", "not usable: another program has it", false},
    {"sip_port_taken_on_all_addresses",
     with("/proc/net/tcp6",
          "  sl\n  1: 00000000000000000000000000000000:13C4 00000000:0000 0A 0:0\n"),
     kShared, "port", "SIP TCP 198.18.2.2:5060", "not usable: another program has it", false},
    {"sip_port_of_another_address",
     with("/proc/net/udp", "  sl  local\n  1: 030112C6:13C4 0:0 07 0:0\n"), kShared, "port",
     "SIP UDP 198.18.1.2:5060", "ok: free", true},
    {"sip_port_is_ours", all({kTaken, process(8, "holdfastd", 4711)}), kShared, "port",
     "SIP UDP 198.18.1.2:5060", "ok: taken by holdfastd (pid 8)", true},
    {"sip_port_of_a_holdfastd_in_a_container_is_ours",
     all({kTaken, process(8, "holdfastd", 4711), kPidFile,
          with("/proc/8/status", "Name:\tholdfastd\nNSpid:\t8\t3\n")}),
     kShared, "port", "SIP UDP 198.18.1.2:5060", "ok: taken by holdfastd (pid 8)", true},
    {"sip_port_of_another_holdfastd",
     all({kTaken, process(8, "holdfastd", 4711), kPidFile,
          with("/proc/8/status", "Name:\tholdfastd\nNSpid:\t8\n")}),
     kShared, "port", "SIP UDP 198.18.1.2:5060",
     "not usable: another holdfastd (pid 8) has it, not that of /var/lib/holdfast/holdfastd.pid",
     false},
    {"sip_port_of_another_program_beside_holdfastd",
     all({kTaken, process(8, "holdfastd", 4712), process(9, "socat", 4711)}), kShared, "port",
     "SIP UDP 198.18.1.2:5060", "not usable: another program has it: socat (pid 9)", false},
    {"sip_port_of_whom_is_not_seen", all({kTaken, process(8, "holdfastd")}), kShared, "port",
     "SIP UDP 198.18.1.2:5060", "warning: taken; whether holdfastd has it is not seen", true},
    {"sockets_list_is_garbage",
     with("/proc/net/udp", "\n:\nx 0:\n1: zz0112C6:13C4\n1: 020112C6:zz\n"), kShared, "port",
     "SIP UDP 198.18.1.2:5060", "ok: free", true},
};
INSTANTIATE_TEST_SUITE_P(Spoiled, DoctorFinds, testing::ValuesIn(kCases),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace holdfast::doctor
