// SPDX-License-Identifier: Apache-2.0
// Next hops over a veth against a real kernel that answers ARP (RFC 826) and ND (RFC 4861).
#include "dataplane/kernel/next_hops.hh"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <map>

#include "dataplane/kernel/next_hop_table.hh"
#include "tests/dataplane/kernel/two_hosts.hh"

namespace holdfast::dataplane {
namespace {

using Clock = std::chrono::steady_clock;

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

class NextHopsTest : public test::TwoHosts {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    auto opened = NextHops::open(remember());
    ASSERT_TRUE(opened) << opened.error();
    hops = std::move(opened).value();
  }

  NextHops::OnChange remember() {
    return [this](uint32_t token, const NextHop& next) { last[token] = next; };
  }

  // Serves the socket and the timer, as the slow thread would, until `wanted` or the time is up.
  // `hurry` makes the injected clock run that many times faster.
  bool serve_until(const std::function<bool()>& wanted, int limit_ms = 20'000, uint64_t hurry = 1) {
    const auto start = Clock::now();
    while (true) {
      const auto passed =
          std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
      hops->on_timer(base_ms + static_cast<uint64_t>(passed) * hurry);
      if (wanted() || passed > limit_ms) {
        base_ms += static_cast<uint64_t>(passed) * hurry;
        return wanted();
      }
      pollfd waiting{hops->fd(), POLLIN, 0};
      if (poll(&waiting, 1, 20) > 0) hops->on_readable();
    }
  }
  bool becomes(uint32_t token, NextHopState state) {
    return serve_until([&] { return last.contains(token) && last[token].state == state; });
  }

  uint64_t base_ms = 1'000;
  std::map<uint32_t, NextHop> last;
  std::unique_ptr<NextHops> hops;
};

TEST_F(NextHopsTest, OnLinkNeighboursOfBothFamilies) {
  hops->watch(4, ifindex(), ip("198.18.9.2"));
  hops->watch(6, ifindex(), ip("2001:db8:9::2"));
  for (const uint32_t token : {4u, 6u}) {
    ASSERT_TRUE(becomes(token, NextHopState::resolved)) << token;
    EXPECT_EQ(last[token].mac.to_string(), kPeerMac);
    EXPECT_TRUE(last[token].gateway.is_none());
  }
}

TEST_F(NextHopsTest, ViaGatewayThenViaAnother) {
  ASSERT_TRUE(run_on_peer("ip addr add 198.18.9.3/24 dev vb"));
  ASSERT_TRUE(
      test::run("ip route add 203.0.113.0/24 via 198.18.9.2 && "
                "ip route add 2001:db8:77::/64 via 2001:db8:9::2"));
  hops->watch(4, ifindex(), ip("203.0.113.77"));
  hops->watch(6, ifindex(), ip("2001:db8:77::1"));
  ASSERT_TRUE(becomes(4, NextHopState::resolved));
  ASSERT_TRUE(becomes(6, NextHopState::resolved));
  EXPECT_EQ(last[4].gateway, ip("198.18.9.2"));
  EXPECT_EQ(last[6].gateway, ip("2001:db8:9::2"));

  ASSERT_TRUE(test::run("ip route replace 203.0.113.0/24 via 198.18.9.3"));
  EXPECT_TRUE(serve_until([&] { return last[4].gateway == ip("198.18.9.3"); }));
  ASSERT_TRUE(becomes(4, NextHopState::resolved));
  ASSERT_TRUE(test::run("ip route del 203.0.113.0/24 && ip -6 route del 2001:db8:77::/64"));
  EXPECT_TRUE(becomes(4, NextHopState::no_route));
  EXPECT_TRUE(becomes(6, NextHopState::no_route));
}

TEST_F(NextHopsTest, AnIpv4RouteViaAnIpv6Gateway) {  // RFC 5549
  ASSERT_TRUE(test::run("ip route add 203.0.113.0/24 via inet6 2001:db8:9::2 dev va"));
  hops->watch(4, ifindex(), ip("203.0.113.77"));
  ASSERT_TRUE(becomes(4, NextHopState::resolved));
  EXPECT_EQ(last[4].gateway, ip("2001:db8:9::2"));
}

TEST_F(NextHopsTest, NoRouteIsSaidAlthoughLinuxWouldAssumeOnLink) {
  ASSERT_TRUE(test::run("ip route add unreachable 203.0.113.0/24"));
  for (const char* text : {"192.0.2.1", "2001:db8:ffff::1", "203.0.113.5", "198.18.9.1",
                           "198.18.9.255", "255.255.255.255", "127.0.0.1"}) {
    hops->watch(1, ifindex(), ip(text));
    EXPECT_EQ(last[1].state, NextHopState::no_route) << text;
  }
  hops->watch(1, 4'000'000, ip("198.18.9.2"));  // no such device
  EXPECT_EQ(last[1].state, NextHopState::no_route);
}

TEST_F(NextHopsTest, ANewMacIsFollowed) {
  hops->watch(4, ifindex(), ip("198.18.9.2"));
  ASSERT_TRUE(becomes(4, NextHopState::resolved));
  ASSERT_TRUE(
      run_on_peer("ip link set vb address 02:00:00:00:09:99 && "
                  "ip neigh flush all && ping -n -c 1 -W 1 198.18.9.1"));
  EXPECT_TRUE(serve_until([&] { return last[4].mac.to_string() == "02:00:00:00:09:99"; }));
}

TEST_F(NextHopsTest, ADeadNeighbourIsUnreachableAndComesBack) {
  hops->watch(4, ifindex(), ip("198.18.9.44"));
  hops->watch(6, ifindex(), ip("2001:db8:9::44"));
  ASSERT_TRUE(becomes(4, NextHopState::unreachable));
  ASSERT_TRUE(becomes(6, NextHopState::unreachable));
  ASSERT_TRUE(
      run_on_peer("ip addr add 198.18.9.44/24 dev vb && "
                  "ip addr add 2001:db8:9::44/64 dev vb nodad"));
  EXPECT_TRUE(becomes(4, NextHopState::resolved));
  EXPECT_TRUE(becomes(6, NextHopState::resolved));
}

TEST_F(NextHopsTest, ALinkThatWentDownComesBack) {
  hops->watch(4, ifindex(), ip("198.18.9.2"));
  ASSERT_TRUE(becomes(4, NextHopState::resolved));
  ASSERT_TRUE(test::run("ip link set va down"));
  ASSERT_TRUE(serve_until([&] { return last[4].state != NextHopState::resolved; }));
  ASSERT_TRUE(test::run("ip link set va up"));
  EXPECT_TRUE(becomes(4, NextHopState::resolved));
}

TEST_F(NextHopsTest, RefreshKeepsAnEntryVerifiedAndAPermanentOnePermanent) {
  // Reachable for half a second only: without refreshes both would go stale and stay so.
  ASSERT_TRUE(
      test::run("sysctl -q -w net.ipv4.neigh.va.base_reachable_time_ms=500 "
                "net.ipv4.neigh.va.delay_first_probe_time=1"));
  ASSERT_TRUE(test::run("ip neigh add 198.18.9.50 lladdr 02:00:00:00:09:50 nud permanent dev va"));
  hops->watch(1, ifindex(), ip("198.18.9.2"));
  hops->watch(2, ifindex(), ip("198.18.9.50"));
  ASSERT_TRUE(becomes(1, NextHopState::resolved));
  EXPECT_EQ(last[2].mac.to_string(), "02:00:00:00:09:50");
  const uint64_t before = hops->stats().neighbour_kicks;
  serve_until([] { return false; }, 2'500, 20);
  EXPECT_GT(hops->stats().neighbour_kicks, before);
  EXPECT_TRUE(test::run("ip neigh show dev va | grep -q '^198.18.9.50 .*PERMANENT'"));
  EXPECT_TRUE(
      test::run("ip neigh show dev va | grep -E '^198.18.9.2 .*(REACHABLE|DELAY|PROBE|STALE)'"));
}

TEST_F(NextHopsTest, AFlushedTableIsFilledAgain) {
  hops->watch(4, ifindex(), ip("198.18.9.2"));
  ASSERT_TRUE(becomes(4, NextHopState::resolved));
  ASSERT_TRUE(test::run("ip neigh flush all"));
  EXPECT_TRUE(serve_until([&] {
    return test::run("ip neigh show | grep -q '198.18.9.2 .*" + std::string(kPeerMac) + "'");
  }));
  EXPECT_EQ(last[4].state, NextHopState::resolved);
}

TEST_F(NextHopsTest, OverrunNewsAreMadeGoodByAResync) {
  auto kernel = open_kernel_tables(4'096);
  ASSERT_TRUE(kernel) << kernel.error();
  hops = std::make_unique<NextHopTable>(std::move(kernel).value(), remember());
  if (int bytes = 0; true) {
    socklen_t size = sizeof bytes;
    ASSERT_EQ(getsockopt(hops->fd(), SOL_SOCKET, SO_RCVBUF, &bytes, &size), 0);
    ASSERT_LT(bytes, 16'384);
  }
  hops->watch(4, ifindex(), ip("198.18.9.2"));
  ASSERT_TRUE(becomes(4, NextHopState::resolved));
  // More news than the small buffer holds; the one that matters is the last and gets lost.
  ASSERT_TRUE(
      test::run("for i in $(seq 1 200); do echo \"neigh replace 198.18.9.$((i % 100 + 100)) "
                "lladdr 02:00:00:00:10:$((i % 90 + 10)) dev va\"; done | ip -batch - && "
                "ip neigh replace 198.18.9.2 lladdr 02:00:00:00:09:77 dev va nud permanent"));
  EXPECT_TRUE(serve_until([&] { return last[4].mac.to_string() == "02:00:00:00:09:77"; }));
  EXPECT_GE(hops->stats().resyncs, 1u);
}

TEST_F(NextHopsTest, ThirtyThousandWatchesAreFewQuestions) {
  const auto start = Clock::now();
  for (uint32_t token = 0; token < 30'000; ++token) {
    const std::string text = "198.18.9." + std::to_string(2 + token % 4);
    hops->watch(token, ifindex(), ip(text.c_str()));
  }
  const std::chrono::duration<double, std::milli> spent = Clock::now() - start;
  RecordProperty("watch_all_ms", std::to_string(spent.count()));
  EXPECT_EQ(hops->stats().route_questions, 4u);
  EXPECT_EQ(hops->stats().neighbour_kicks, 4u);
  ASSERT_TRUE(becomes(0, NextHopState::resolved));
  EXPECT_TRUE(becomes(29'996, NextHopState::resolved));
}

TEST_F(NextHopsTest, ThousandsOfDestinationsBehindOneGateway) {
  ASSERT_TRUE(test::run("ip route add 10.0.0.0/8 via 198.18.9.2"));
  constexpr uint32_t kMany = 20'000;
  const auto start = Clock::now();
  for (uint32_t n = 0; n < kMany; ++n) {
    const uint8_t bytes[] = {10, 0, static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)};
    hops->watch(n, ifindex(), IpAddress::v4(bytes));
  }
  const std::chrono::duration<double, std::micro> spent = Clock::now() - start;
  RecordProperty("watch_us", std::to_string(spent.count() / kMany));
  ASSERT_TRUE(becomes(kMany - 1, NextHopState::resolved));
  EXPECT_EQ(hops->stats().neighbours, 1u);
  EXPECT_LE(hops->stats().neighbour_kicks, 4u);
  ASSERT_TRUE(run_on_peer("ip addr add 198.18.9.3/24 dev vb"));
  ASSERT_TRUE(test::run("ip route replace 10.0.0.0/8 via 198.18.9.3"));
  EXPECT_TRUE(serve_until([&] {
    return last[0].gateway == ip("198.18.9.3") && last[kMany - 1].gateway == ip("198.18.9.3");
  }));
}

}  // namespace
}  // namespace holdfast::dataplane
