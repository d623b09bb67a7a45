// SPDX-License-Identifier: Apache-2.0
// VLAN tags and matching of the link stage's frames, on annotated bytes.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "lab/link/frame.hh"

namespace holdfast::lab {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const Bytes kMacs{2, 0, 0, 1, 0, 2, 2, 0, 0, 1, 0, 16};
const Bytes kTag100{0x81, 0x00, 0xa0, 0x64};  // priority 5, id 100
const Bytes kTag200{0x81, 0x00, 0x00, 0xc8};
const Bytes kServiceTag{0x88, 0xa8, 0x00, 0x01};
const Bytes kIpv4{0x08, 0x00};
const Bytes kIpv6{0x86, 0xdd};

Bytes ipv4(uint8_t protocol, uint16_t fragment = 0, uint8_t words = 5) {
  Bytes header(size_t{words} * 4);
  header[0] = static_cast<uint8_t>(0x40 | words);
  header[6] = static_cast<uint8_t>(fragment >> 8);
  header[7] = static_cast<uint8_t>(fragment);
  header[9] = protocol;
  return header;
}
Bytes ipv6(uint8_t next_header) {
  Bytes header(40);
  header[0] = 0x60;
  header[6] = next_header;
  return header;
}
Bytes udp(uint16_t source, uint16_t destination) {
  return {static_cast<uint8_t>(source >> 8),
          static_cast<uint8_t>(source),
          static_cast<uint8_t>(destination >> 8),
          static_cast<uint8_t>(destination),
          0,
          8,
          0,
          0};
}

struct MatchRow {
  const char* name;
  Bytes frame;
  bool udp;       // matches udp:20000-29999
  bool udp_even;  // matches udp-even:20000-29999
};

TEST(LinkMatch, table) {
  Bytes short_header = ipv4(17);
  short_header[0] = 0x44;
  Bytes wrong_version = ipv4(17);
  wrong_version[0] = 0x65;
  const std::vector<MatchRow> rows{
      {"ipv4_to_rtp_port", kMacs + kIpv4 + ipv4(17) + udp(4000, 20000), true, true},
      {"ipv4_from_rtp_port", kMacs + kIpv4 + ipv4(17) + udp(20002, 4000), true, true},
      {"ipv4_to_rtcp_port", kMacs + kIpv4 + ipv4(17) + udp(4001, 20001), true, false},
      {"ipv4_last_port", kMacs + kIpv4 + ipv4(17) + udp(4000, 29999), true, false},
      {"ipv4_port_outside", kMacs + kIpv4 + ipv4(17) + udp(4000, 30000), false, false},
      {"ipv4_options", kMacs + kIpv4 + ipv4(17, 0, 7) + udp(4000, 20000), true, true},
      {"ipv4_first_fragment", kMacs + kIpv4 + ipv4(17, 0x2000) + udp(4000, 20000), true, true},
      {"ipv4_later_fragment", kMacs + kIpv4 + ipv4(17, 0x0010) + udp(4000, 20000), false, false},
      {"ipv4_tcp", kMacs + kIpv4 + ipv4(6) + udp(4000, 20000), false, false},
      {"ipv4_header_too_short", kMacs + kIpv4 + short_header + udp(4000, 20000), false, false},
      {"ipv4_wrong_version", kMacs + kIpv4 + wrong_version + udp(4000, 20000), false, false},
      {"ipv6", kMacs + kIpv6 + ipv6(17) + udp(4000, 20000), true, true},
      {"ipv6_extension_header", kMacs + kIpv6 + ipv6(0) + udp(4000, 20000), false, false},
      {"vlan", kMacs + kTag100 + kIpv4 + ipv4(17) + udp(4000, 20000), true, true},
      {"two_tags", kMacs + kServiceTag + kTag100 + kIpv6 + ipv6(17) + udp(4000, 20000), true, true},
      {"three_tags", kMacs + kTag100 + kTag100 + kTag100 + kIpv4 + ipv4(17) + udp(4000, 20000),
       false, false},
      {"arp", kMacs + Bytes{0x08, 0x06} + Bytes(28), false, false},
      {"empty", {}, false, false},
  };
  const Match udp{Match::Kind::udp, 20000, 29999};
  const Match udp_even{Match::Kind::udp_even, 20000, 29999};
  for (const MatchRow& row : rows) {
    EXPECT_EQ(matches(udp, row.frame), row.udp) << row.name;
    EXPECT_EQ(matches(udp_even, row.frame), row.udp_even) << row.name;
    EXPECT_TRUE(matches(Match{}, row.frame)) << row.name;
    // Cut short anywhere, nothing is read past the end and nothing matches without its ports. The
    // exact copy lets the address sanitizer see an overrun.
    for (size_t n = 0; n < row.frame.size(); ++n) {
      const Bytes cut(row.frame.begin(), row.frame.begin() + static_cast<std::ptrdiff_t>(n));
      EXPECT_FALSE(matches(udp, cut)) << row.name << " cut to " << n;
    }
  }
}

Frame frame_of(const Bytes& bytes) {
  Frame frame;
  frame.clear();
  frame.length = static_cast<uint16_t>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), frame.data());
  return frame;
}
Bytes bytes_of(const Frame& frame) {
  return {frame.data(), frame.data() + frame.length};
}

TEST(LinkVlan, push_then_pop_gives_the_frame_back) {
  const Bytes plain = kMacs + kIpv4 + ipv4(17) + udp(1, 2);
  Frame frame = frame_of(plain);
  ASSERT_TRUE(push_vlan(frame, 0xa064));
  EXPECT_EQ(bytes_of(frame), kMacs + kTag100 + kIpv4 + ipv4(17) + udp(1, 2));
  ASSERT_TRUE(push_vlan(frame, 0x00c8));
  EXPECT_EQ(bytes_of(frame), kMacs + kTag200 + kTag100 + kIpv4 + ipv4(17) + udp(1, 2));
  EXPECT_FALSE(push_vlan(frame, 1)) << "no headroom is left for a third tag";
  ASSERT_TRUE(pop_vlan(frame, 200));
  ASSERT_TRUE(pop_vlan(frame, 100));
  EXPECT_EQ(bytes_of(frame), plain);
}

TEST(LinkVlan, pop_leaves_other_frames_alone) {
  struct Row {
    const char* name;
    Bytes frame;
  };
  const std::vector<Row> rows{
      {"untagged", kMacs + kIpv4 + ipv4(17)},
      {"other_id", kMacs + kTag200 + kIpv4 + ipv4(17)},
      {"service_tag", kMacs + kServiceTag + kIpv4},
      {"runt", {1, 2, 3}},
      {"tag_cut_short", kMacs + Bytes{0x81, 0x00}},
      {"nothing_behind_tag", kMacs + kTag100},
  };
  for (const Row& row : rows) {
    Frame frame = frame_of(row.frame);
    EXPECT_FALSE(pop_vlan(frame, 100)) << row.name;
    EXPECT_EQ(bytes_of(frame), row.frame) << row.name;
  }
}

TEST(LinkVlan, push_refuses_a_runt) {
  Frame frame = frame_of(Bytes(13));
  EXPECT_FALSE(push_vlan(frame, 100));
}

TEST(LinkPool, is_bounded_and_slots_come_back_clear) {
  FramePool pool(2);
  Frame* a = pool.take();
  Frame* b = pool.take();
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(pool.take(), nullptr);
  a->start = 0;
  a->length = 99;
  pool.give(a);
  ASSERT_EQ(pool.take(), a);
  EXPECT_EQ(a->start, kFrameHeadroom);
  EXPECT_EQ(a->length, 0);
}

}  // namespace
}  // namespace holdfast::lab
