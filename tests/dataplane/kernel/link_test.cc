// SPDX-License-Identifier: Apache-2.0
// Device helpers: names that must be refused, and orders to a real veth.
#include "dataplane/kernel/link.hh"

#include "tests/dataplane/kernel/two_hosts.hh"

namespace holdfast::dataplane {
namespace {

TEST(LinkName, RefusesWhatCouldBreakAPathOrARule) {
  for (const std::string_view name : {"eth0", "hf-lan", "enp3s0f1", "a.b_c-d", "123456789012345"}) {
    EXPECT_TRUE(is_link_name(name)) << name;
  }
  for (const std::string_view name :
       {std::string_view(""), std::string_view("."), std::string_view(".."),
        std::string_view("1234567890123456"), std::string_view("a/b"), std::string_view("a b"),
        std::string_view("a\"; flush ruleset"), std::string_view("a\0b", 3),
        std::string_view("\xc3\xa4")}) {
    EXPECT_FALSE(is_link_name(name)) << name;
    EXPECT_FALSE(find_link(name));
    EXPECT_FALSE(set_link_up(name, true));
    EXPECT_FALSE(set_mtu(name, 1500));
    EXPECT_FALSE(set_mac(name, {}));
    EXPECT_FALSE(set_kernel_ipv6(name, false));
  }
}

using LinkTest = test::TwoHosts;

TEST_F(LinkTest, TellsWhatADeviceIs) {
  const auto link = find_link("va");
  ASSERT_TRUE(link) << link.error();
  EXPECT_EQ(link->ifindex, ifindex());
  EXPECT_EQ(link->mac.to_string(), "02:00:00:00:09:01");
  EXPECT_EQ(link->mtu_bytes, 1500u);
  EXPECT_TRUE(link->up);
  EXPECT_TRUE(link->running);
  EXPECT_EQ(link->driver, "veth");
  EXPECT_EQ(link->receive_queues, 1u);
  EXPECT_EQ(find_link("nosuch").error(), "no such interface: nosuch");
  ASSERT_TRUE(run_on_peer("ip link set vb down"));
  EXPECT_TRUE(find_link("va")->up);
  // The kernel tells of a lost carrier a moment later.
  for (int tries = 0; tries < 300 && find_link("va")->running; ++tries) usleep(10'000);
  EXPECT_FALSE(find_link("va")->running);
}

TEST_F(LinkTest, TellsReceiveQueues) {
  ASSERT_TRUE(test::run("ip link add vq numrxqueues 3 numtxqueues 3 type veth"));
  const auto link = find_link("vq");
  ASSERT_TRUE(link) << link.error();
  EXPECT_EQ(link->receive_queues, 3u);
}

TEST_F(LinkTest, ChangesIt) {
  const auto mac = *MacAddress::parse("02:00:00:00:09:55");
  EXPECT_TRUE(set_mac("va", mac));
  EXPECT_TRUE(set_mtu("va", 1400));
  EXPECT_EQ(find_link("va")->mac, mac);
  EXPECT_EQ(find_link("va")->mtu_bytes, 1400u);
  EXPECT_TRUE(set_link_up("va", false));
  EXPECT_FALSE(find_link("va")->up);
  EXPECT_TRUE(set_link_up("va", true));
  EXPECT_TRUE(kernel_ipv6("va"));
  EXPECT_TRUE(set_kernel_ipv6("va", false));
  EXPECT_FALSE(kernel_ipv6("va"));
  EXPECT_FALSE(kernel_ipv6("nosuch"));
  EXPECT_FALSE(test::run("ip -6 addr show dev va | grep -q inet6"));
}

TEST_F(LinkTest, RefusalsSayWhy) {
  EXPECT_NE(set_mtu("va", 3).error().find("MTU"), std::string::npos);
  EXPECT_FALSE(set_mtu("va", 100'000));
  EXPECT_NE(set_mac("va", *MacAddress::parse("01:00:00:00:00:01")).error().find("va"),
            std::string::npos);
  EXPECT_FALSE(set_link_up("nosuch", true));
}

}  // namespace
}  // namespace holdfast::dataplane
