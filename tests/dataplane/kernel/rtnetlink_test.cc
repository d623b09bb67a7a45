// SPDX-License-Identifier: Apache-2.0
// rtnetlink messages (RFC 3549): what is read from them, and that damaged ones are refused.
#include "dataplane/kernel/rtnetlink.hh"

#include <gtest/gtest.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <vector>

namespace holdfast::dataplane {
namespace {

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

// A message built by hand, in a heap block of its exact size so that a sanitizer sees overruns.
struct Message {
  std::vector<uint32_t> words;
  const nlmsghdr* get() const { return reinterpret_cast<const nlmsghdr*>(words.data()); }
};

template <typename Body>
NetlinkRequest with_body(uint16_t type, const Body& body) {
  NetlinkRequest r;
  nlmsghdr* header = mnl_nlmsg_put_header(r.buffer.data());
  header->nlmsg_type = type;
  std::memcpy(mnl_nlmsg_put_extra_header(header, sizeof body), &body, sizeof body);
  return r;
}

Message exact(NetlinkRequest& request, size_t bytes) {
  Message m{std::vector<uint32_t>((bytes + 3) / 4)};
  std::memcpy(m.words.data(), request.buffer.data(), bytes);
  reinterpret_cast<nlmsghdr*>(m.words.data())->nlmsg_len = static_cast<uint32_t>(bytes);
  return m;
}
Message exact(NetlinkRequest& request) {
  return exact(request, request.header()->nlmsg_len);
}

NetlinkRequest neighbour(uint16_t type, uint16_t nud, uint8_t family,
                         const std::vector<uint8_t>& dst, const std::vector<uint8_t>& mac) {
  ndmsg body{};
  body.ndm_family = family;
  body.ndm_ifindex = 7;
  body.ndm_state = nud;
  auto r = with_body(type, body);
  if (!dst.empty()) mnl_attr_put(r.header(), NDA_DST, dst.size(), dst.data());
  if (!mac.empty()) mnl_attr_put(r.header(), NDA_LLADDR, mac.size(), mac.data());
  return r;
}

const std::vector<uint8_t> kDst{198, 18, 0, 9};
const std::vector<uint8_t> kMac{2, 0, 0, 0, 0, 9};

TEST(Rtnetlink, EveryNudStateIsFolded) {
  const struct {
    uint16_t nud;
    NeighbourState state;
  } rows[] = {
      {NUD_NONE, NeighbourState::unknown},        {NUD_INCOMPLETE, NeighbourState::incomplete},
      {NUD_REACHABLE, NeighbourState::reachable}, {NUD_DELAY, NeighbourState::reachable},
      {NUD_PROBE, NeighbourState::reachable},     {NUD_STALE, NeighbourState::stale},
      {NUD_FAILED, NeighbourState::failed},       {NUD_PERMANENT, NeighbourState::fixed},
      {NUD_NOARP, NeighbourState::fixed},
  };
  for (const auto& row : rows) {
    auto r = neighbour(RTM_NEWNEIGH, row.nud, AF_INET, kDst, kMac);
    const auto n = read_neighbour(exact(r).get());
    ASSERT_TRUE(n) << row.nud;
    EXPECT_EQ(n->state, row.state) << row.nud;
    EXPECT_EQ(n->ifindex, 7u);
    EXPECT_EQ(n->address, ip("198.18.0.9"));
  }
  auto gone = neighbour(RTM_DELNEIGH, NUD_REACHABLE, AF_INET, kDst, kMac);
  EXPECT_EQ(read_neighbour(exact(gone).get())->state, NeighbourState::unknown);
}

TEST(Rtnetlink, AGroupOrOddMacIsNoNeighboursOwn) {  // RFC 1812 3.3.2
  for (const std::vector<uint8_t>& mac : {std::vector<uint8_t>{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                                          {1, 0, 0x5e, 0, 0, 1},
                                          {0, 0, 0, 0, 0, 0},
                                          {2, 0, 0, 0, 0},
                                          {2, 0, 0, 0, 0, 0, 0, 0},
                                          {}}) {
    auto r = neighbour(RTM_NEWNEIGH, NUD_REACHABLE, AF_INET, kDst, mac);
    const auto n = read_neighbour(exact(r).get());
    ASSERT_TRUE(n);
    EXPECT_EQ(n->state, NeighbourState::failed);
    EXPECT_EQ(n->mac, MacAddress{});
  }
}

TEST(Rtnetlink, NeighboursThatMakeNoSenseAreMalformed) {
  const std::vector<uint8_t> six(16, 1);
  for (auto& r : {neighbour(RTM_NEWNEIGH, NUD_STALE, AF_INET, {}, kMac),
                  neighbour(RTM_NEWNEIGH, NUD_STALE, AF_INET, {1, 2, 3}, kMac),
                  neighbour(RTM_NEWNEIGH, NUD_STALE, AF_INET6, kDst, kMac),
                  neighbour(RTM_NEWNEIGH, NUD_STALE, AF_INET, six, kMac)}) {
    auto copy = r;
    EXPECT_FALSE(read_neighbour(exact(copy).get()));
    EXPECT_EQ(read_news(exact(copy).get())->kind, KernelNews::malformed);
  }
  auto bridge = neighbour(RTM_NEWNEIGH, NUD_STALE, AF_BRIDGE, {}, kMac);
  EXPECT_FALSE(read_news(exact(bridge).get())) << "not of interest, and not malformed";
}

NetlinkRequest route(uint8_t type, uint16_t attribute, const std::vector<uint8_t>& value) {
  rtmsg body{};
  body.rtm_family = AF_INET;
  body.rtm_type = type;
  auto r = with_body(RTM_NEWROUTE, body);
  if (!value.empty()) mnl_attr_put(r.header(), attribute, value.size(), value.data());
  return r;
}

TEST(Rtnetlink, RoutesAndTheirGateways) {
  std::vector<uint8_t> via{AF_INET6, 0};  // RFC 5549
  const auto six = ip("2001:db8::1");
  via.insert(via.end(), six.bytes.begin(), six.bytes.end());
  const struct {
    NetlinkRequest message;
    bool read, found;
    IpAddress gateway;
  } rows[] = {
      {route(RTN_UNICAST, 0, {}), true, true, {}},
      {route(RTN_UNICAST, RTA_GATEWAY, {198, 18, 0, 1}), true, true, ip("198.18.0.1")},
      {route(RTN_UNICAST, RTA_VIA, via), true, true, six},
      {route(RTN_LOCAL, 0, {}), true, false, {}},
      {route(RTN_BROADCAST, 0, {}), true, false, {}},
      {route(RTN_BLACKHOLE, 0, {}), true, false, {}},
      {route(RTN_UNICAST, RTA_GATEWAY, {198, 18, 0}), false, false, {}},
      {route(RTN_UNICAST, RTA_VIA, {AF_INET6}), false, false, {}},
      {route(RTN_UNICAST, RTA_VIA, {AF_INET6, 0, 1, 2, 3}), false, false, {}},
  };
  for (const auto& row : rows) {
    auto copy = row.message;
    const auto got = read_route(exact(copy).get());
    ASSERT_EQ(got.has_value(), row.read) << &row - rows;
    if (!got) continue;
    EXPECT_EQ(got->found, row.found) << &row - rows;
    EXPECT_EQ(got->gateway, row.gateway) << &row - rows;
  }
}

TEST(Rtnetlink, CutAtEveryLengthNothingIsReadPastTheEnd) {
  auto whole = neighbour(RTM_NEWNEIGH, NUD_REACHABLE, AF_INET, kDst, kMac);
  auto answer = route(RTN_UNICAST, RTA_GATEWAY, {198, 18, 0, 1});
  for (size_t bytes = sizeof(nlmsghdr); bytes < whole.header()->nlmsg_len; ++bytes) {
    read_neighbour(exact(whole, bytes).get());
    read_news(exact(whole, bytes).get());
  }
  for (size_t bytes = sizeof(nlmsghdr); bytes < answer.header()->nlmsg_len; ++bytes) {
    read_route(exact(answer, bytes).get());
  }
}

TEST(Rtnetlink, WhatIsNewsAndWhatIsNot) {
  for (const uint16_t type :
       {RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWADDR, RTM_DELADDR, RTM_NEWLINK, RTM_DELLINK}) {
    auto r = with_body(type, rtmsg{});
    EXPECT_EQ(read_news(exact(r).get())->kind, KernelNews::routes_changed) << type;
  }
  auto other = with_body(RTM_NEWRULE, rtmsg{});
  EXPECT_FALSE(read_news(exact(other).get()));
}

TEST(Rtnetlink, QuestionsFitTheirBuffer) {
  const auto six = ip("2001:db8::1");
  for (auto& r : {route_question(1, six, true), neighbour_question(1, six), neighbour_dump(),
                  neighbour_use(1, six)}) {
    auto copy = r;
    EXPECT_LE(copy.header()->nlmsg_len, copy.buffer.size());
    EXPECT_TRUE(copy.header()->nlmsg_flags & NLM_F_REQUEST);
  }
}

}  // namespace
}  // namespace holdfast::dataplane
