// SPDX-License-Identifier: Apache-2.0
// Guards judged from the peer: what draws an ICMP error, what is answered, what still passes.
#include "dataplane/kernel/guards.hh"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <vector>

#include "tests/dataplane/kernel/two_hosts.hh"

namespace holdfast::dataplane {
namespace {

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

// Whether nft says that a table's counters have seen exactly so many packets, or any at all.
bool counted(const std::string& table, const std::string& packets) {
  return test::run("nft list table " + table + " | grep -q 'counter packets " + packets + "'");
}

struct Udp {
  explicit Udp(const IpAddress& address, uint16_t port) {
    length = address.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (address.is_v4()) {
      auto* in = reinterpret_cast<sockaddr_in*>(&to);
      in->sin_family = AF_INET;
      in->sin_port = htons(port);
      std::memcpy(&in->sin_addr, address.bytes.data(), 4);
    } else {
      auto* in = reinterpret_cast<sockaddr_in6*>(&to);
      in->sin6_family = AF_INET6;
      in->sin6_port = htons(port);
      std::memcpy(&in->sin6_addr, address.bytes.data(), 16);
    }
    fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  }
  ~Udp() { close(fd); }
  Udp(const Udp&) = delete;
  Udp& operator=(const Udp&) = delete;
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&to); }

  sockaddr_storage to{};
  socklen_t length;
  int fd;
};

std::vector<MediaRange> ranges_of(std::span<const IpAddress> addresses, uint16_t low,
                                  uint16_t high) {
  std::vector<MediaRange> ranges;
  for (const IpAddress& address : addresses) ranges.push_back({address, low, high});
  return ranges;
}

class GuardsTest : public test::TwoHosts {
 protected:
  // Sends one datagram from the peer; true when an ICMP port unreachable came back in 300 ms.
  bool draws_icmp(const char* address, uint16_t port, size_t bytes = 172) {
    const test::Inside there(peer().fd());
    const Udp udp(ip(address), port);
    EXPECT_EQ(connect(udp.fd, udp.address(), udp.length), 0);
    const std::vector<char> payload(bytes, 'x');
    EXPECT_EQ(send(udp.fd, payload.data(), payload.size(), 0), static_cast<ssize_t>(bytes));
    pollfd waiting{udp.fd, POLLIN, 0};
    poll(&waiting, 1, 300);
    char answer = 0;
    return recv(udp.fd, &answer, 1, MSG_DONTWAIT) < 0 && errno == ECONNREFUSED;
  }

  // True when a datagram from the peer reaches a socket of the host.
  bool arrives(const char* address, uint16_t port, size_t bytes, char filling = 'x') {
    const Udp receiver(ip(address), port);
    EXPECT_EQ(bind(receiver.fd, receiver.address(), receiver.length), 0);
    {
      const test::Inside there(peer().fd());
      const Udp sender(ip(address), port);
      const std::vector<char> payload(bytes, filling);
      sendto(sender.fd, payload.data(), payload.size(), 0, sender.address(), sender.length);
    }
    pollfd waiting{receiver.fd, POLLIN, 0};
    return poll(&waiting, 1, 150) == 1;
  }

  const std::vector<IpAddress> addresses{ip("198.18.9.1"), ip("2001:db8:9::1")};
};

TEST_F(GuardsTest, StrayMediaDrawsNoIcmpAndTheRestDoes) {
  for (const char* address : {"198.18.9.1", "2001:db8:9::1"}) {
    EXPECT_TRUE(draws_icmp(address, 20'000)) << "without a guard, else this test proves nothing";
  }
  ASSERT_TRUE(test::run("ip addr add 198.18.9.11/24 dev va"));
  const auto guarded = guard_media(ranges_of(addresses, 20'000, 20'999));
  ASSERT_TRUE(guarded) << guarded.error();
  for (const char* address : {"198.18.9.1", "2001:db8:9::1"}) {
    EXPECT_FALSE(draws_icmp(address, 20'000)) << address;
    EXPECT_FALSE(draws_icmp(address, 20'999)) << address;
    EXPECT_TRUE(draws_icmp(address, 19'999)) << address;
    EXPECT_TRUE(draws_icmp(address, 21'000)) << address;
  }
  EXPECT_TRUE(draws_icmp("198.18.9.11", 20'000)) << "no media address";
  EXPECT_TRUE(peer_pings("198.18.9.1"));
  EXPECT_TRUE(counted("inet holdfast_media", "2 ")) << "of each address";
}

TEST_F(GuardsTest, FragmentedSipPassesAndFragmentedMediaDoesNot) {  // RFC 3261 18.1.1, RFC 791 2.3
  ASSERT_TRUE(guard_media(ranges_of(addresses, 20'000, 20'999)));
  for (const char* address : {"198.18.9.1", "2001:db8:9::1"}) {
    EXPECT_TRUE(arrives(address, 5'060, 4'000)) << address;
    EXPECT_FALSE(arrives(address, 20'100, 4'000)) << address;
    EXPECT_FALSE(draws_icmp(address, 20'100, 4'000)) << address;
  }
}

// Two bytes of text read as a port: "OO" is 20,303.
TEST_F(GuardsTest, TextInLaterFragmentsIsNotTakenForAPort) {
  ASSERT_TRUE(guard_media(ranges_of(addresses, 20'000, 20'999)));
  for (const char* address : {"198.18.9.1", "2001:db8:9::1"}) {
    EXPECT_TRUE(arrives(address, 5'060, 4'000, 'O')) << address;
  }
}

// RFC 792 and RFC 4443 3.3: who never saw the first fragment sends no time-exceeded.
TEST_F(GuardsTest, FragmentsLeftOverFromMediaTimeOutWithoutAWord) {
  ASSERT_TRUE(test::run("sysctl -w net.ipv4.ipfrag_time=1 net.ipv6.ip6frag_time=1"));
  ASSERT_TRUE(guard_media(ranges_of(addresses, 20'000, 20'999)));
  for (const IpAddress& address : addresses) {
    EXPECT_FALSE(arrives(address.to_string().c_str(), 20'100, 4'000));
  }
  const auto counts = [](const char* counter) {
    return std::string("nstat -asz ") + counter + " | grep -q '^" + counter + " *[1-9]'";
  };
  EXPECT_TRUE(test::run("for i in $(seq 30); do " + counts("IpReasmTimeout") + " && " +
                        counts("Ip6ReasmTimeout") + " && exit 0; sleep 0.1; done; exit 1"));
  EXPECT_FALSE(run_on_peer(counts("IcmpInTimeExcds")));
  EXPECT_FALSE(run_on_peer(counts("Icmp6InTimeExcds")));
}

// The opposite, so that the test above is known to see what it looks for.
TEST_F(GuardsTest, AFirstFragmentAloneDoesDrawATimeExceeded) {
  ASSERT_TRUE(
      test::run("sysctl -w net.ipv4.ipfrag_time=1 && nft 'add table ip t; add chain ip t c "
                "{ type filter hook prerouting priority -450; }; "
                "add rule ip t c ip frag-off & 0x1fff != 0 drop'"));
  EXPECT_FALSE(arrives("198.18.9.1", 5'060, 4'000));
  EXPECT_TRUE(
      run_on_peer("for i in $(seq 30); do nstat -asz IcmpInTimeExcds | "
                  "grep -q '^IcmpInTimeExcds *[1-9]' && exit 0; sleep 0.1; done; exit 1"));
}

TEST_F(GuardsTest, WithConnectionTrackingInUseTheSameHolds) {
  if (!test::run(
          "nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; "
          "add rule inet t c ct state established accept'")) {
    GTEST_SKIP() << "this kernel has no connection tracking in nftables";
  }
  ASSERT_TRUE(guard_media(ranges_of(addresses, 20'000, 20'999)));
  EXPECT_TRUE(arrives("198.18.9.1", 5'060, 4'000));
  EXPECT_FALSE(arrives("198.18.9.1", 20'100, 4'000));
  EXPECT_FALSE(draws_icmp("198.18.9.1", 20'100));
}

TEST_F(GuardsTest, ApplyingAgainReplaces) {
  ASSERT_TRUE(guard_media(ranges_of(addresses, 20'000, 20'999)));
  ASSERT_TRUE(guard_media(ranges_of(addresses, 20'000, 20'999)));
  ASSERT_TRUE(guard_media(ranges_of({addresses.data(), 1}, 30'000, 30'000)));
  EXPECT_TRUE(draws_icmp("198.18.9.1", 20'000));
  EXPECT_FALSE(draws_icmp("198.18.9.1", 30'000));
  EXPECT_TRUE(test::run("[ $(nft list table inet holdfast_media | grep -c dport) = 1 ]"));
  ASSERT_TRUE(guard_media(ranges_of({}, 30'000, 30'000)));
  EXPECT_TRUE(draws_icmp("198.18.9.1", 30'000));
}

TEST_F(GuardsTest, RefusesWhatMakesNoSenseAndKeepsTheOldGuard) {
  ASSERT_TRUE(guard_media(ranges_of(addresses, 20'000, 20'999)));
  EXPECT_FALSE(guard_media(ranges_of(addresses, 0, 100)));
  EXPECT_FALSE(guard_media(ranges_of(addresses, 200, 100)));
  const std::vector<IpAddress> none{IpAddress{}};
  EXPECT_FALSE(guard_media(ranges_of(none, 100, 200)));
  EXPECT_FALSE(draws_icmp("198.18.9.1", 20'000));
}

// Sees what comes in on `va` before any guard, as DPDK's af_packet port does.
bool packet_socket_sees(const std::function<void()>& act) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
  act();
  bool seen = false;
  char frame[2048];
  sockaddr_ll from{};
  socklen_t length = sizeof from;
  while (recvfrom(fd, frame, sizeof frame, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from),
                  &length) > 0) {
    seen = seen || from.sll_pkttype != PACKET_OUTGOING;
  }
  close(fd);
  return seen;
}

TEST_F(GuardsTest, AnOwnedDeviceAnswersNothing) {
  EXPECT_TRUE(peer_pings("198.18.9.1"));
  const std::vector<std::string> devices{"va"};
  const auto guarded = guard_owned(devices);
  ASSERT_TRUE(guarded) << guarded.error();
  ASSERT_TRUE(run_on_peer("ip neigh flush all"));
  EXPECT_TRUE(packet_socket_sees([&] {
    EXPECT_FALSE(peer_pings("198.18.9.1"));
    EXPECT_FALSE(peer_pings("2001:db8:9::1"));
  }));
  EXPECT_FALSE(draws_icmp("198.18.9.1", 20'000));
  EXPECT_TRUE(run_on_peer("ip neigh show 198.18.9.1 | grep -qE 'INCOMPLETE|FAILED'")) << "no ARP";
  EXPECT_TRUE(counted("netdev holdfast_owned", "[1-9]"));
  ASSERT_TRUE(guard_owned({}));
  EXPECT_TRUE(peer_reaches("198.18.9.1")) << "the peer asks again once a second";
}

TEST_F(GuardsTest, OwnedDevicesMustExistAndTheErrorNamesThem) {
  const std::vector<std::string> devices{"va", "nosuch"};
  const auto guarded = guard_owned(devices);
  ASSERT_FALSE(guarded);
  EXPECT_EQ(guarded.error(), "no such interface: nosuch");
  EXPECT_TRUE(peer_pings("198.18.9.1"));
  const std::vector<std::string> evil{"va\" }; flush ruleset; #"};
  EXPECT_FALSE(guard_owned(evil));
}

TEST_F(GuardsTest, RemovalIsCompleteAndMayBeRepeated) {
  EXPECT_TRUE(remove_guards()) << "with none there";
  EXPECT_FALSE(guards_stand());
  const std::vector<std::string> devices{"va"};
  ASSERT_TRUE(guard_owned(devices));
  EXPECT_TRUE(guards_stand());
  ASSERT_TRUE(guard_media(ranges_of(addresses, 20'000, 20'999)));
  EXPECT_TRUE(remove_guards());
  EXPECT_TRUE(remove_guards());
  EXPECT_FALSE(guards_stand());
  EXPECT_FALSE(test::run("nft list ruleset | grep -q holdfast"));
}

TEST_F(GuardsTest, OtherTablesAreLeftAlone) {
  ASSERT_TRUE(test::run("nft add table inet somebody"));
  ASSERT_TRUE(guard_media(ranges_of(addresses, 20'000, 20'999)));
  ASSERT_TRUE(remove_guards());
  EXPECT_TRUE(test::run("nft list table inet somebody"));
}

}  // namespace
}  // namespace holdfast::dataplane
