// SPDX-License-Identifier: Apache-2.0
// Which ports have a leg is shown to who drops the rest, from the first leg to the last.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

using test_rig::Rig;

std::set<size_t> ports_in(const std::vector<uint8_t>& bits) {
  std::set<size_t> ports;
  for (size_t port = 0; port < 8 * bits.size(); ++port) {
    if (bits[port / 8] & (1 << port % 8)) ports.insert(port);
  }
  return ports;
}

void remove(Rig& rig, LegIndex first, LegIndex second) {
  std::array<LegSnapshot, 2> last;
  last[0].index = first;
  last[1].index = second;
  CoreRequest request;
  request.kind = CoreRequest::Kind::remove;
  request.snapshots = last;
  rig.request(request, first);
}

TEST(UsedPorts, AreThoseOfLegs) {
  Rig rig;
  std::vector<uint8_t> lan(65536 / 8);
  std::vector<uint8_t> wan(65536 / 8);
  std::vector<uint8_t> lan_ended(65536 / 8);
  std::vector<uint8_t> wan_ended(65536 / 8);
  const auto index_of = [&](size_t port, size_t address) {
    return rig.board().ports()[port].filter.addresses[address].index;
  };
  rig.board().show_used_ports(index_of(0, 0), lan.data(), lan_ended.data());
  rig.board().show_used_ports(index_of(1, 1), wan.data(), wan_ended.data());
  const auto add = [&](LegIndex leg, uint16_t port, bool ipv6) {
    rig.add_call(leg, leg + 1, rig.setup(0, port, "198.18.1.10:4000"),
                 rig.setup(1, port, ipv6 ? "[2001:db8:3::10]:30000" : "198.18.3.10:30000", ipv6));
  };
  add(1, 20006, true);
  add(3, 20008, false);
  EXPECT_EQ(ports_in(lan), (std::set<size_t>{20006, 20007, 20008, 20009}));
  EXPECT_EQ(ports_in(wan), (std::set<size_t>{20006, 20007})) << "of its own address";
  remove(rig, 1, 2);
  EXPECT_EQ(ports_in(lan), (std::set<size_t>{20008, 20009}));
  EXPECT_TRUE(ports_in(wan).empty());
  EXPECT_EQ(ports_in(lan_ended), (std::set<size_t>{20006, 20007}));
  EXPECT_EQ(ports_in(wan_ended), (std::set<size_t>{20006, 20007}));
  add(5, 20006, false);
  EXPECT_TRUE(ports_in(lan_ended).empty()) << "somebody's again";
  remove(rig, 5, 6);
  remove(rig, 3, 4);
  EXPECT_TRUE(ports_in(lan).empty());
}

}  // namespace
}  // namespace holdfast::dataplane
