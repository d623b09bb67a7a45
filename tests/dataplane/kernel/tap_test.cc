// SPDX-License-Identifier: Apache-2.0
// Taps on a real kernel: frames both ways, persistence, and every refusal by its cause.
#include "dataplane/kernel/tap.hh"

#include <net/if.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <vector>

#include "dataplane/kernel/link.hh"
#include "tests/dataplane/kernel/two_hosts.hh"

namespace holdfast::dataplane {
namespace {

const MacAddress kMac = *MacAddress::parse("02:00:00:00:0a:01");

class TapTest : public test::TwoHosts {
 protected:
  Tap open_tap() {
    auto tap = Tap::open("hf-t", kMac, 1400);
    EXPECT_TRUE(tap) << tap.error();
    return std::move(tap).value();
  }

  // Reads until a frame satisfies `wanted` or a second is over.
  static bool reads(Tap& tap, const std::function<bool(std::span<const uint8_t>)>& wanted) {
    std::array<uint8_t, 2048> buffer;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (std::chrono::steady_clock::now() < end) {
      pollfd waiting{tap.fd(), POLLIN, 0};
      poll(&waiting, 1, 50);
      const TapResult got = tap.read(buffer);
      if (got.status == TapIo::frame && wanted({buffer.data(), got.bytes})) return true;
    }
    return false;
  }
};

// ARP request from 198.18.30.2 (02:..:99) for 198.18.30.1 (RFC 826).
std::vector<uint8_t> arp_request() {
  return {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0,  0,  0, 0, 0x99, 0x08, 0x06,  // Ethernet
      0,    1,    0x08, 0,    6,    4,    0,    1,                               // request
      0x02, 0,    0,    0,    0,    0x99, 198,  18, 30, 2,                       // sender
      0,    0,    0,    0,    0,    0,    198,  18, 30, 1,                       // target
  };
}

bool is_arp_reply(std::span<const uint8_t> frame) {
  return frame.size() >= 42 && frame[12] == 0x08 && frame[13] == 0x06 && frame[21] == 2 &&
         std::equal(kMac.bytes.begin(), kMac.bytes.end(), frame.begin() + 22);
}

TEST_F(TapTest, IsMadeWithMacAndMtuAndUp) {
  const Tap tap = open_tap();
  EXPECT_EQ(tap.name(), "hf-t");
  const auto link = find_link("hf-t");
  ASSERT_TRUE(link) << link.error();
  EXPECT_EQ(link->ifindex, tap.ifindex());
  EXPECT_EQ(link->mac, kMac);
  EXPECT_EQ(link->mtu_bytes, 1400u);
  EXPECT_TRUE(link->running);
}

TEST_F(TapTest, FramesGoInAndOut) {
  Tap tap = open_tap();
  ASSERT_TRUE(test::run("ip addr add 198.18.30.1/24 dev hf-t"));
  const TapResult written = tap.write(arp_request());
  EXPECT_EQ(written.status, TapIo::frame);
  EXPECT_EQ(written.bytes, 42u);
  EXPECT_TRUE(reads(tap, is_arp_reply));
}

TEST_F(TapTest, AnEmptyTapWouldBlock) {
  Tap tap = open_tap();
  ASSERT_TRUE(set_kernel_ipv6("hf-t", false));
  std::array<uint8_t, 2048> buffer;
  TapResult got{};
  do got = tap.read(buffer);
  while (got.status == TapIo::frame);
  EXPECT_EQ(got.status, TapIo::would_block);
}

TEST_F(TapTest, AFrameThatDoesNotFitIsOversizeNotCut) {
  Tap tap = open_tap();
  ASSERT_TRUE(set_kernel_ipv6("hf-t", false));
  ASSERT_TRUE(test::run("ip addr add 198.18.30.1/24 dev hf-t"));
  std::array<uint8_t, 2048> all;
  while (tap.read(all).status == TapIo::frame) continue;
  ASSERT_EQ(tap.write(arp_request()).status, TapIo::frame);
  std::array<uint8_t, 42> small;  // exactly the length of the reply: cannot be told from a cut one
  EXPECT_EQ(tap.read(small).status, TapIo::oversize);
  EXPECT_EQ(tap.read(all).status, TapIo::would_block);
}

TEST_F(TapTest, ChecksumsAreFilledInAndNothingIsLongerThanTheMtu) {
  Tap tap = open_tap();
  ASSERT_TRUE(
      test::run("ip addr add 198.18.30.1/24 dev hf-t && "
                "ip neigh add 198.18.30.2 lladdr 02:00:00:00:00:99 nud permanent dev hf-t"));
  ASSERT_TRUE(
      test::run("echo hello >/dev/udp/198.18.30.2/5060 || "
                "bash -c 'echo hello >/dev/udp/198.18.30.2/5060'"));
  EXPECT_TRUE(reads(tap, [](std::span<const uint8_t> frame) {
    if (frame.size() != 48 || frame[12] != 0x08 || frame[23] != 17) return false;
    // RFC 768: the sum over pseudo header and datagram, its checksum included, is all ones.
    uint32_t sum = 17 + 14;
    for (size_t at = 26; at < 48; at += 2) sum += uint32_t{frame[at]} << 8 | frame[at + 1];
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    EXPECT_EQ(sum, 0xffffu);
    return true;
  }));
}

TEST_F(TapTest, ItsAddressesAndRoutesOutliveTheProcess) {
  unsigned before = 0;
  {
    const Tap tap = open_tap();
    before = tap.ifindex();
    ASSERT_TRUE(
        test::run("ip addr add 198.18.30.1/24 dev hf-t && "
                  "ip route add 203.0.113.0/24 via 198.18.30.2"));
  }
  const auto closed = find_link("hf-t");
  ASSERT_TRUE(closed) << closed.error();
  // The kernel tells of the lost carrier within a second.
  EXPECT_TRUE(
      test::run("for i in $(seq 20); do ip link show hf-t | grep -q NO-CARRIER && exit 0; "
                "sleep 0.1; done; exit 1"));
  Tap again = open_tap();
  EXPECT_EQ(again.ifindex(), before);
  EXPECT_TRUE(test::run("ip route show dev hf-t | grep -q 203.0.113.0/24"));
  ASSERT_EQ(again.write(arp_request()).status, TapIo::frame);
  EXPECT_TRUE(reads(again, is_arp_reply));
}

TEST_F(TapTest, AttachesToATapThatTheSystemMade) {
  ASSERT_TRUE(test::run("ip tuntap add hf-t mode tap && ip addr add 198.18.30.1/24 dev hf-t"));
  Tap tap = open_tap();
  ASSERT_EQ(tap.write(arp_request()).status, TapIo::frame);
  EXPECT_TRUE(reads(tap, is_arp_reply));
}

TEST_F(TapTest, RefusalsNameTheirCause) {
  const auto error = [](std::string_view name, unsigned mtu = 1500) {
    const auto tap = Tap::open(name, kMac, mtu);
    return tap ? "" : tap.error();
  };
  EXPECT_NE(error("a-name-far-too-long").find("no tap name"), std::string::npos);
  EXPECT_NE(error("").find("no tap name"), std::string::npos);
  EXPECT_NE(error("hf-%d").find("no tap name"), std::string::npos) << "a pattern to the kernel";
  EXPECT_NE(error("va").find("is no single-queue tap"), std::string::npos);
  {
    const Tap tap = open_tap();
    EXPECT_EQ(error("hf-t"), "tap hf-t is in use by another process");
    EXPECT_FALSE(remove_tap("hf-t")) << "in use";
  }
  EXPECT_NE(error("hf-u", 1'000'000).find("MTU"), std::string::npos);
  EXPECT_FALSE(find_link("hf-u")) << "a failed start leaves nothing behind";
  EXPECT_FALSE(Tap::open("hf-u", *MacAddress::parse("01:00:00:00:00:01"), 1500));
}

TEST_F(TapTest, WritesThatTheKernelRefuses) {
  Tap tap = open_tap();
  const std::array<uint8_t, 13> runt{};
  EXPECT_EQ(tap.write(runt).status, TapIo::refused);
  EXPECT_EQ(tap.write({}).status, TapIo::refused);
  ASSERT_TRUE(set_link_up("hf-t", false));
  EXPECT_EQ(tap.write(arp_request()).status, TapIo::refused);
  ASSERT_TRUE(test::run("ip link del hf-t"));
  const TapResult gone = tap.write(arp_request());
  EXPECT_EQ(gone.status, TapIo::error);
  EXPECT_NE(gone.error, 0);
  std::array<uint8_t, 64> buffer;
  EXPECT_EQ(tap.read(buffer).status, TapIo::error);
}

TEST_F(TapTest, ReleaseTakesItAway) {
  { const Tap tap = open_tap(); }
  EXPECT_TRUE(remove_tap("hf-t"));
  EXPECT_FALSE(find_link("hf-t"));
  EXPECT_TRUE(remove_tap("hf-t")) << "twice is once";
  EXPECT_FALSE(remove_tap("va"));
  EXPECT_FALSE(remove_tap("a-name-far-too-long"));
}

TEST_F(TapTest, MovingKeepsOneOwner) {
  Tap a = open_tap();
  const int fd = a.fd();
  Tap b = std::move(a);
  EXPECT_EQ(b.fd(), fd);
  auto other = Tap::open("hf-u", kMac, 1500);
  ASSERT_TRUE(other) << other.error();
  b = std::move(other).value();
  EXPECT_EQ(b.name(), "hf-u");
  EXPECT_TRUE(Tap::open("hf-t", kMac, 1400)) << "the one that was moved over is closed";
}

}  // namespace
}  // namespace holdfast::dataplane
