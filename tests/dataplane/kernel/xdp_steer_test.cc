// SPDX-License-Identifier: Apache-2.0
// Steering on a veth: our program attached by hand, then by DPDK's own af_xdp PMD, alive and dead.
#include "dataplane/kernel/xdp_steer.hh"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/dataplane/kernel/two_hosts.hh"

namespace holdfast::dataplane {
namespace {

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

bool within(int limit_ms, const std::function<bool()>& wanted) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  while (!wanted()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

class SteerTest : public test::TwoHosts {
 protected:
  void SetUp() override {
    libbpf_set_print(nullptr);
    TwoHosts::SetUp();
  }
  void TearDown() override {
    bpf_object__close(object);
    TwoHosts::TearDown();
  }

  // Attaches the program as the PMD does, and like a PMD that died, has no socket in the map.
  void attach_steer() {
    object = bpf_object__open_file(STEER_OBJECT, nullptr);
    ASSERT_NE(object, nullptr);
    ASSERT_EQ(bpf_object__load(object), 0);
    const int program = bpf_program__fd(
        bpf_object__find_program_by_name(object, std::string(kSteerProgram).c_str()));
    ASSERT_EQ(bpf_xdp_attach(static_cast<int>(ifindex()), program,
                             1U /* XDP_FLAGS_UPDATE_IF_NOEXIST */, nullptr),
              0);
  }

  Outcome configure() { return configure_steer(ifindex(), addresses, 20'000, 20'999, 0); }

  // Sends datagrams from the peer; true when an ICMP port unreachable came back.
  bool send_from_peer(uint16_t port, int datagrams) {
    const test::Inside there(peer().fd());
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    inet_pton(AF_INET, "198.18.9.1", &to.sin_addr);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    bool refused = false;
    const char payload[172] = {};
    for (int n = 0; n < datagrams; ++n) {
      refused = send(fd, payload, sizeof payload, 0) < 0 || refused;
      if (n % 16 == 15) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    pollfd waiting{fd, POLLIN, 0};
    poll(&waiting, 1, 150);
    char answer = 0;
    refused = refused || (recv(fd, &answer, 1, MSG_DONTWAIT) < 0 && errno == ECONNREFUSED);
    close(fd);
    return refused;
  }

  bool attached() { return test::run("ip link show va | grep -q holdfast_steer"); }

  bpf_object* object = nullptr;
  const std::vector<IpAddress> addresses{ip("198.18.9.1"), ip("2001:db8:9::1")};
};

TEST_F(SteerTest, WithNothingAttached) {
  EXPECT_TRUE(detach_steer(ifindex()));
  EXPECT_NE(configure().error().find("no XDP program is attached"), std::string::npos);
  EXPECT_FALSE(read_steer_counters(ifindex()));
  EXPECT_FALSE(detach_steer(4'000'000)) << "no such device";
}

TEST_F(SteerTest, ADeadDataplaneCostsMediaAndNothingElse) {
  attach_steer();
  EXPECT_TRUE(send_from_peer(20'000, 1)) << "not configured: everything is the kernel's";
  const auto configured = configure();
  ASSERT_TRUE(configured) << configured.error();
  const auto before = read_steer_counters(ifindex());
  ASSERT_TRUE(before) << before.error();
  EXPECT_FALSE(send_from_peer(20'000, 10)) << "dropped without a sound";
  EXPECT_TRUE(send_from_peer(21'000, 1));
  EXPECT_TRUE(peer_pings("198.18.9.1"));
  EXPECT_TRUE(peer_pings("2001:db8:9::1"));
  const auto after = read_steer_counters(ifindex());
  EXPECT_EQ(after->steered - before->steered, 10u);
  EXPECT_GE(after->passed - before->passed, 3u);
  EXPECT_EQ(after->fragments_dropped, 0u);
}

TEST_F(SteerTest, PortsAreUsedWhenTheirBitsAreSet) {
  EXPECT_FALSE(UsedPorts::open(ifindex())) << "nothing is attached";
  EXPECT_FALSE(drop_unused_ports(ifindex()));
  attach_steer();
  ASSERT_TRUE(configure());
  const auto used = UsedPorts::open(ifindex());
  ASSERT_TRUE(used) << used.error();
  const auto grown = [&](auto SteerCounters::*counter, int datagrams) {
    const uint64_t before = *read_steer_counters(ifindex()).*counter;
    EXPECT_FALSE(send_from_peer(20'010, datagrams)) << "dropped without a sound";
    return *read_steer_counters(ifindex()).*counter - before;
  };
  EXPECT_EQ(grown(&SteerCounters::steered, 3), 3u) << "not told to look";
  ASSERT_TRUE(drop_unused_ports(ifindex()));
  EXPECT_EQ(grown(&SteerCounters::unused_dropped, 3), 3u);
  used->of_address(1).used[20'010 / 8] = 0xff;
  EXPECT_EQ(grown(&SteerCounters::unused_dropped, 3), 3u) << "the other address's";
  used->of_address(0).ended[20'010 / 8] = 1 << 20'010 % 8;
  EXPECT_EQ(grown(&SteerCounters::ended_dropped, 3), 3u);
  used->of_address(0).used[20'010 / 8] = 1 << 20'010 % 8;
  EXPECT_EQ(grown(&SteerCounters::steered, 3), 3u);
  ASSERT_TRUE(configure());
  used->of_address(0).used[20'010 / 8] = 0;
  EXPECT_EQ(grown(&SteerCounters::steered, 3), 3u) << "configured anew: not told to look";
}

TEST_F(SteerTest, ConfiguringAgainTakesOldAddressesOut) {
  attach_steer();
  std::vector<IpAddress> many;
  many.reserve(kMaxSteerAddresses);
  for (int n = 0; n < static_cast<int>(kMaxSteerAddresses); ++n) {
    many.push_back(ip(("192.0.2." + std::to_string(n)).c_str()));
  }
  ASSERT_TRUE(configure_steer(ifindex(), many, 20'000, 20'999, 0));
  ASSERT_TRUE(configure()) << "a full map of others gives way";
  EXPECT_FALSE(send_from_peer(20'000, 1));
  ASSERT_TRUE(configure_steer(ifindex(), {}, 20'000, 20'999, 0));
  EXPECT_TRUE(send_from_peer(20'000, 1));
  ASSERT_TRUE(configure_steer(ifindex(), addresses, 20'000, 20'999, 100));
  EXPECT_TRUE(send_from_peer(20'000, 1)) << "untagged, on a port of VLAN 100";
  ASSERT_TRUE(configure_steer(ifindex(), addresses, 30'000, 30'999, 0));
  EXPECT_TRUE(send_from_peer(20'000, 1));
  EXPECT_FALSE(send_from_peer(30'999, 1));
}

TEST_F(SteerTest, RefusesWhatMakesNoSense) {
  attach_steer();
  EXPECT_FALSE(configure_steer(ifindex(), addresses, 0, 1, 0));
  EXPECT_FALSE(configure_steer(ifindex(), addresses, 2, 1, 0));
  EXPECT_FALSE(configure_steer(ifindex(), addresses, 1, 2, 4'095));
  const std::vector<IpAddress> too_many(kMaxSteerAddresses + 1, ip("192.0.2.1"));
  EXPECT_FALSE(configure_steer(ifindex(), too_many, 1, 2, 0));
  const std::vector<IpAddress> none{IpAddress{}};
  EXPECT_FALSE(configure_steer(ifindex(), none, 1, 2, 0));
}

TEST_F(SteerTest, AForeignProgramIsNamedAndLeftAlone) {
  // r0 = XDP_PASS; exit
  const bpf_insn pass[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS},
                           {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  const int program =
      bpf_prog_load(BPF_PROG_TYPE_XDP, "somebody", "Apache-2.0", pass, std::size(pass), nullptr);
  ASSERT_GE(program, 0);
  ASSERT_EQ(bpf_xdp_attach(static_cast<int>(ifindex()), program, 0, nullptr), 0);
  for (const Outcome& outcome : {detach_steer(ifindex()), configure()}) {
    ASSERT_FALSE(outcome);
    EXPECT_NE(outcome.error().find("somebody"), std::string::npos) << outcome.error();
  }
  EXPECT_TRUE(test::run("ip link show va | grep -q somebody"));
  close(program);
}

TEST_F(SteerTest, DetachingTakesOursAway) {
  attach_steer();
  EXPECT_TRUE(attached());
  EXPECT_TRUE(detach_steer(ifindex()));
  EXPECT_FALSE(attached());
  EXPECT_TRUE(send_from_peer(20'000, 1));
}

TEST_F(SteerTest, WhatADeadProcessLeftIsKnownAgain) {
  EXPECT_EQ(left_steer(ifindex(), -1).program, -1);
  EXPECT_TRUE(check_steer(ifindex()));
  attach_steer();
  EXPECT_TRUE(check_steer(ifindex()));
  const int same =
      bpf_program__fd(bpf_object__find_program_by_name(object, std::string(kSteerProgram).c_str()));
  const bpf_insn pass[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS},
                           {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  const int other =
      bpf_prog_load(BPF_PROG_TYPE_XDP, "somebody", "Apache-2.0", pass, std::size(pass), nullptr);
  ASSERT_GE(other, 0);
  for (const auto& [program, expected] : {std::pair{same, true}, std::pair{other, false}}) {
    const LeftSteer left = left_steer(ifindex(), program);
    EXPECT_GE(left.program, 0);
    EXPECT_EQ(left.same, expected);
    close(left.program);
  }
  EXPECT_FALSE(steer_to(ifindex(), 0, other)) << "no AF_XDP socket";
  ASSERT_TRUE(detach_steer(ifindex()));
  ASSERT_EQ(bpf_xdp_attach(static_cast<int>(ifindex()), other, 0, nullptr), 0);
  EXPECT_EQ(left_steer(ifindex(), other).program, -1) << "a foreign one is none of ours";
  EXPECT_NE(check_steer(ifindex()).error().find("somebody"), std::string::npos);
  close(other);
}

// dpdk-testpmd receiving on `va`; its statistics go to a file every second.
class Testpmd {
 public:
  Testpmd() {
    char name[] = "/tmp/holdfast-testpmd-XXXXXX";
    const int log = mkstemp(name);
    log_ = name;
    if (pipe2(stdin_, O_CLOEXEC) != 0) return;
    const std::string prefix = "--file-prefix=holdfast-test-" + std::to_string(getpid());
    runtime_ = "/var/run/dpdk/holdfast-test-" + std::to_string(getpid());
    pid_ = fork();
    if (pid_ == 0) {
      dup2(stdin_[0], 0);
      dup2(log, 1);
      dup2(log, 2);
      execlp("dpdk-testpmd", "dpdk-testpmd", "-l", "0,1", "--no-huge", "-m", "128", "--no-pci",
             "--no-shconf", "--no-telemetry", prefix.c_str(), "--vdev",
             "net_af_xdp0,iface=va,xdp_prog=" STEER_OBJECT, "--", "--forward-mode=rxonly",
             "--total-num-mbufs=8192", "--stats-period=1", nullptr);
      _exit(127);
    }
    close(log);
  }
  ~Testpmd() {
    kill_hard();
    close(stdin_[0]);
    close(stdin_[1]);
    unlink(log_.c_str());
    std::error_code ignored;
    std::filesystem::remove_all(runtime_, ignored);
  }
  Testpmd(const Testpmd&) = delete;
  Testpmd& operator=(const Testpmd&) = delete;

  bool says(const std::string& text) const {
    std::stringstream all;
    all << std::ifstream(log_).rdbuf();
    return all.str().find(text) != std::string::npos;
  }
  bool ended() {
    if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
    return pid_ < 0;
  }
  void kill_hard() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  int stdin_[2] = {-1, -1};
  std::string log_;
  std::string runtime_;  // where EAL keeps its files
};

TEST_F(SteerTest, DpdkLoadsItReceivesMediaAndStartsAgainAfterAKill) {
  if (!test::run("command -v dpdk-testpmd")) GTEST_SKIP() << "dpdk-testpmd is not installed";
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) GTEST_SKIP() << "dpdk-testpmd wants two CPUs";
  {
    Testpmd pmd;
    ASSERT_TRUE(within(15'000, [&] { return pmd.says("RX-packets"); }));
    ASSERT_TRUE(attached());
    ASSERT_TRUE(configure());
    EXPECT_FALSE(send_from_peer(20'000, 100));
    EXPECT_TRUE(within(4'000, [&] { return pmd.says("RX-packets: 100 "); }))
        << "all, and only media";
    EXPECT_TRUE(peer_pings("198.18.9.1"));
    EXPECT_TRUE(send_from_peer(21'000, 1));
    EXPECT_EQ(read_steer_counters(ifindex())->steered, 100u);
    pmd.kill_hard();
  }
  // Dead: media makes no sound, the kernel's own goes on.
  ASSERT_TRUE(attached());
  EXPECT_FALSE(send_from_peer(20'000, 20));
  EXPECT_TRUE(peer_pings("198.18.9.1"));
  EXPECT_TRUE(send_from_peer(21'000, 1));
  {
    Testpmd pmd;
    EXPECT_TRUE(within(15'000, [&] { return pmd.ended(); })) << "the PMD replaces no program";
  }
  const auto detached = detach_steer(ifindex());
  ASSERT_TRUE(detached) << detached.error();
  Testpmd pmd;
  ASSERT_TRUE(within(15'000, [&] { return pmd.says("RX-packets"); }));
  ASSERT_TRUE(configure());
  EXPECT_FALSE(send_from_peer(20'000, 50));
  EXPECT_TRUE(within(4'000, [&] { return pmd.says("RX-packets: 50 "); }));
}

}  // namespace
}  // namespace holdfast::dataplane
