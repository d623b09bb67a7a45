// SPDX-License-Identifier: Apache-2.0
// The MAC behind an address: what is kept, what is asked again, and the kernel's own table.
#include "provision-proxy/phone/neighbours.hh"

#include <gtest/gtest.h>

#include "tests/dataplane/kernel/two_hosts.hh"

namespace holdfast::provision {
namespace {

using dataplane::Neighbour;
using dataplane::NeighbourState;

constexpr MacAddress kPhone{{0, 4, 0xf2, 0xaa, 0xaa, 0xaa}};
constexpr MacAddress kOther{{0, 4, 0xf2, 0xbb, 0xbb, 0xbb}};

struct World {
  std::map<std::pair<unsigned, IpAddress>, Neighbour> entries;
  std::vector<unsigned> interfaces = {1, 2};
  int questions = 0;
};

class FakeTables final : public dataplane::KernelTables {
 public:
  explicit FakeTables(World& world) : world_(world) {}
  dataplane::Route route(unsigned, const IpAddress&) override { return {}; }
  Neighbour neighbour(unsigned ifindex, const IpAddress& address) override {
    ++world_.questions;
    const auto found = world_.entries.find({ifindex, address});
    return found == world_.entries.end() ? Neighbour{} : found->second;
  }
  bool use(unsigned, const IpAddress&) override { return false; }
  bool for_each_neighbour(const std::function<void(const Neighbour&)>&) override { return false; }
  int fd() const override { return -1; }
  void receive(const std::function<void(const dataplane::KernelNews&)>&) override {}

 private:
  World& world_;
};

struct NeighboursTest : testing::Test {
  World world;
  Neighbours neighbours{std::make_unique<FakeTables>(world), [this] { return world.interfaces; }};

  static IpAddress ip(const char* text) { return *IpAddress::parse(text); }
  void set(unsigned ifindex, const char* address, NeighbourState state, const MacAddress& mac) {
    world.entries[{ifindex, ip(address)}] = {ifindex, ip(address), state, mac};
  }
};

TEST_F(NeighboursTest, AsksOneInterfaceOrAll) {
  set(2, "198.18.1.10", NeighbourState::stale, kPhone);
  EXPECT_EQ(neighbours.mac_of(ip("198.18.1.10"), 2, 0), kPhone);
  EXPECT_EQ(world.questions, 1);
  EXPECT_EQ(neighbours.mac_of(ip("198.18.1.10"), 0, 0), kPhone);
  EXPECT_EQ(world.questions, 3);
  EXPECT_FALSE(neighbours.mac_of(ip("198.18.1.10"), 1, 0));
}

TEST_F(NeighboursTest, OnlyStatesWithAMacCount) {
  for (const auto& [state, counts] : {std::pair{NeighbourState::reachable, true},
                                      {NeighbourState::stale, true},
                                      {NeighbourState::fixed, true},
                                      {NeighbourState::failed, false},
                                      {NeighbourState::incomplete, false},
                                      {NeighbourState::unknown, false}}) {
    World own;
    own.entries[{1, ip("2001:db8::10")}] = {1, ip("2001:db8::10"), state, kPhone};
    Neighbours one(std::make_unique<FakeTables>(own), [&] { return own.interfaces; });
    EXPECT_EQ(one.mac_of(ip("2001:db8::10"), 1, 0).has_value(), counts);
  }
}

TEST_F(NeighboursTest, MappedAddressesAreIpv4) {
  set(1, "198.18.1.10", NeighbourState::reachable, kPhone);
  EXPECT_EQ(neighbours.mac_of(ip("::ffff:198.18.1.10"), 1, 0), kPhone);
}

TEST_F(NeighboursTest, TwoInterfacesThatDisagreeProveNothing) {
  set(1, "fe80::1", NeighbourState::reachable, kPhone);
  set(2, "fe80::1", NeighbourState::reachable, kOther);
  EXPECT_FALSE(neighbours.mac_of(ip("fe80::1"), 0, 0));
  EXPECT_EQ(neighbours.mac_of(ip("fe80::1"), 2, 0), kOther);
}

TEST_F(NeighboursTest, KeepsAnAnswerForASecond) {
  set(1, "198.18.1.10", NeighbourState::reachable, kPhone);
  EXPECT_EQ(neighbours.mac_of(ip("198.18.1.10"), 1, 0), kPhone);
  set(1, "198.18.1.10", NeighbourState::reachable, kOther);
  EXPECT_EQ(neighbours.mac_of(ip("198.18.1.10"), 1, Neighbours::kKeepMs - 1), kPhone);
  EXPECT_EQ(neighbours.mac_of(ip("198.18.1.10"), 1, Neighbours::kKeepMs), kOther);
  world.entries.clear();
  EXPECT_FALSE(neighbours.mac_of(ip("198.18.1.10"), 1, 2 * Neighbours::kKeepMs));
}

TEST_F(NeighboursTest, WhatIsUnknownIsAskedAgain) {
  EXPECT_FALSE(neighbours.mac_of(ip("198.18.1.10"), 1, 0));
  set(1, "198.18.1.10", NeighbourState::reachable, kPhone);
  EXPECT_EQ(neighbours.mac_of(ip("198.18.1.10"), 1, 0), kPhone);
}

TEST_F(NeighboursTest, InterfacesComeAndGo) {
  set(3, "198.18.1.10", NeighbourState::reachable, kPhone);
  EXPECT_FALSE(neighbours.mac_of(ip("198.18.1.10"), 0, 0));
  world.interfaces.push_back(3);
  EXPECT_FALSE(neighbours.mac_of(ip("198.18.1.10"), 0, 1));
  EXPECT_EQ(neighbours.mac_of(ip("198.18.1.10"), 0, Neighbours::kKeepInterfacesMs), kPhone);
}

TEST_F(NeighboursTest, IsBounded) {
  world.interfaces.assign(1000, 1);
  EXPECT_FALSE(neighbours.mac_of(ip("198.18.1.10"), 0, 0));
  EXPECT_EQ(world.questions, static_cast<int>(Neighbours::kMaxInterfaces));
}

TEST_F(NeighboursTest, GroupsAndNobodyAreNotAsked) {
  for (const char* address : {"224.0.0.1", "ff02::1", "0.0.0.0", "::"})
    EXPECT_FALSE(neighbours.mac_of(ip(address), 0, 0));
  EXPECT_FALSE(neighbours.mac_of(IpAddress{}, 0, 0));
  EXPECT_EQ(world.questions, 0);
}

TEST(KernelNeighbours, TheLoopbackHasNone) {
  auto opened = Neighbours::open();
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_FALSE((*opened)->mac_of(*IpAddress::parse("127.0.0.1"), 0, 0));
}

class KernelNeighboursTest : public test::TwoHosts {};

TEST_F(KernelNeighboursTest, APeerThatSpokeToUsIsKnownByItsMac) {
  auto opened = Neighbours::open();
  ASSERT_TRUE(opened) << opened.error();
  Neighbours& neighbours = **opened;
  const auto v4 = *IpAddress::parse("198.18.9.2");
  const auto v6 = *IpAddress::parse("2001:db8:9::2");
  EXPECT_FALSE(neighbours.mac_of(v4, 0, 0));
  ASSERT_TRUE(peer_reaches("198.18.9.1"));
  ASSERT_TRUE(peer_reaches("2001:db8:9::1"));
  const auto peer = *MacAddress::parse(kPeerMac);
  EXPECT_EQ(neighbours.mac_of(v4, 0, 0), peer);
  EXPECT_EQ(neighbours.mac_of(v6, ifindex(), 0), peer);
  EXPECT_FALSE(neighbours.mac_of(*IpAddress::parse("198.18.9.77"), ifindex(), 0));
}

}  // namespace
}  // namespace holdfast::provision
