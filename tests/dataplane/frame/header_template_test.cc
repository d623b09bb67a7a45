// SPDX-License-Identifier: Apache-2.0
// Outgoing headers: fields, marking, ECN and checksums, judged by an independent checksum.
#include "dataplane/frame/header_template.hh"

#include <gtest/gtest.h>

#include "tests/dataplane/test_frames.hh"

namespace holdfast::dataplane {
namespace {

using test::Bytes;

struct HeaderSpec {
  SocketAddress source, destination;
  MacAddress source_mac, destination_mac;
  uint16_t vlan;
};

// A header as a path has it.
struct Header {
  explicit Header(const HeaderSpec& s)
      : spec(s),
        frame(s.source_mac, s.vlan, s.source.ip),
        rest(frame, {s.source.port, s.destination}, s.destination_mac) {}
  HeaderSpec spec;
  HeaderFrame frame;
  HeaderTemplate rest;
};

HeaderSpec spec(bool ipv6, uint16_t vlan) {
  return {
      .source = *SocketAddress::parse(ipv6 ? "[2001:db8:2::2]:20002" : "198.18.2.2:20002"),
      .destination = *SocketAddress::parse(ipv6 ? "[2001:db8:3::10]:30000" : "198.18.3.10:30000"),
      .source_mac = *MacAddress::parse("02:00:00:00:00:02"),
      .destination_mac = *MacAddress::parse("02:00:00:00:00:03"),
      .vlan = vlan};
}

Bytes write(const Header& header, const Bytes& payload, uint8_t traffic_class,
            bool no_checksum = false, uint8_t pcp = 5) {
  Bytes frame(header.frame.size() + payload.size());
  std::copy(payload.begin(), payload.end(), frame.begin() + header.frame.size());
  header.rest.write(header.frame, {header.spec.source.port, header.spec.destination}, frame.data(),
                    static_cast<uint16_t>(payload.size()), traffic_class, pcp,
                    checksum_add(payload.data(), payload.size()), no_checksum);
  return frame;
}

TEST(HeaderTemplate, EqualsAFrameBuiltByHand) {
  for (const bool ipv6 : {false, true}) {
    for (const int vlan : {-1, 100}) {
      for (const uint8_t dscp : std::initializer_list<uint8_t>{0, 46, 63}) {
        for (const uint8_t ecn : std::initializer_list<uint8_t>{0, 1, 2, 3}) {
          const HeaderSpec s = spec(ipv6, vlan < 0 ? 0 : static_cast<uint16_t>(vlan));
          const Bytes frame = write(Header(s), test::rtp(9), static_cast<uint8_t>(dscp << 2 | ecn));
          test::UdpFrame want{.to = s.destination_mac,
                              .from = s.source_mac,
                              .vlan = vlan < 0 ? -1 : (5 << 13 | vlan),
                              .source = s.source,
                              .destination = s.destination,
                              .traffic_class = static_cast<uint8_t>(dscp << 2 | ecn),
                              .payload = test::rtp(9)};
          Bytes hand = test::build(want);
          EXPECT_TRUE(test::checksums_hold(frame));
          if (!ipv6) {
            // The hand-built frame has another identification and TTL: take those and the checksum
            // over.
            const size_t ip = vlan < 0 ? 14 : 18;
            for (const size_t i : {4u, 5u, 6u, 7u, 8u, 10u, 11u}) hand[ip + i] = frame[ip + i];
          }
          EXPECT_EQ(frame, hand);
        }
      }
    }
  }
}

TEST(HeaderTemplate, SendsAllOnesWhereTheSumIsZero_RFC768) {
  const Header header(spec(false, 0));
  // Two payload octets are free to bring the sum to zero.
  bool seen = false;
  for (unsigned v = 0; v < 0x10000 && !seen; ++v) {
    const Bytes frame = write(header, {static_cast<uint8_t>(v >> 8), static_cast<uint8_t>(v)}, 0);
    ASSERT_FALSE(frame[40] == 0 && frame[41] == 0);
    seen = frame[40] == 0xff && frame[41] == 0xff;
  }
  EXPECT_TRUE(seen);
}

TEST(HeaderTemplate, KeepsNoChecksumOnIpv4AndMakesOneForIpv6) {
  const Bytes payload = test::rtp(3);
  const Bytes v4 = write(Header(spec(false, 0)), payload, 0, true);
  EXPECT_EQ(v4[40] | v4[41], 0);
  const Bytes v6 = write(Header(spec(true, 0)), payload, 0, true);
  EXPECT_NE(v6[60] | v6[61], 0);
  EXPECT_TRUE(test::checksums_hold(v6));
}

TEST(HeaderTemplate, EveryPayloadSizeUpToTheMtu) {
  const Header v4(spec(false, 0));
  const Header v6(spec(true, 100));
  for (size_t size = 0; size <= 1400; ++size) {
    Bytes payload(size);
    for (size_t i = 0; i < size; ++i) payload[i] = static_cast<uint8_t>(i * 31 + size);
    ASSERT_TRUE(test::checksums_hold(write(v4, payload, 1))) << size;
    ASSERT_TRUE(test::checksums_hold(write(v6, payload, 1))) << size;
  }
}

}  // namespace
}  // namespace holdfast::dataplane
