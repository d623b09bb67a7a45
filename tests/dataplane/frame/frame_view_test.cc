// SPDX-License-Identifier: Apache-2.0
// Classification: what is media, what is the kernel's, and the name of every drop.
#include "dataplane/frame/frame_view.hh"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "tests/dataplane/test_frames.hh"

namespace holdfast::dataplane {
namespace {

using test::Bytes;
using test::UdpFrame;

PortFilter filter(uint16_t vlan = 0) {
  return {
      .mac = *MacAddress::parse("02:00:00:00:00:01"),
      .vlan = vlan,
      .first_port = 20000,
      .last_port = 20099,
      .addresses = {{*IpAddress::parse("198.18.1.2"), 0}, {*IpAddress::parse("2001:db8:1::2"), 1}}};
}

UdpFrame v4() {
  return {.payload = test::rtp(1)};
}
UdpFrame v6() {
  return {.source = *SocketAddress::parse("[2001:db8:1::10]:4000"),
          .destination = *SocketAddress::parse("[2001:db8:1::2]:20000"),
          .payload = test::rtp(1)};
}

FrameView view(const Bytes& frame, uint16_t vlan = 0) {
  return view_frame(frame.data(), static_cast<uint32_t>(frame.size()), filter(vlan));
}

TEST(FrameView, FindsMediaInIpv4AndIpv6AndBehindATag) {
  for (UdpFrame spec : {v4(), v6()}) {
    for (const int vlan : {-1, 100}) {
      spec.vlan = vlan;
      spec.traffic_class = 0xb9;
      const Bytes frame = test::build(spec);
      const FrameView v = view(frame, vlan > 0 ? 100 : 0);
      ASSERT_EQ(v.fate, FrameFate::media) << name_of(v.reason);
      EXPECT_EQ(v.destination_port, 20000);
      EXPECT_EQ(v.source_port, 4000);
      EXPECT_EQ(v.payload_size, 172);
      EXPECT_EQ(Bytes(frame.begin() + v.payload_offset, frame.end()), spec.payload);
      EXPECT_EQ(v.traffic_class, 0xb9);
      EXPECT_EQ(v.ecn(), 1);
      EXPECT_EQ(v.address_index, spec.source.ip.is_v6() ? 1u : 0u);
      EXPECT_TRUE(check_udp(frame.data(), v).good);
    }
  }
}

TEST(FrameView, EthernetPaddingIsNotPayload) {
  UdpFrame spec = v4();
  spec.payload = {0x80, 0, 0, 1};
  Bytes frame = test::build(spec);
  frame.resize(60, 0xaa);
  const FrameView v = view(frame);
  ASSERT_EQ(v.fate, FrameFate::media);
  EXPECT_EQ(v.payload_size, 4);
  EXPECT_TRUE(check_udp(frame.data(), v).good);
}

struct Case {
  const char* name;
  std::function<Bytes()> frame;
  FrameFate fate;
  DropReason reason = DropReason::none;
  uint16_t vlan = 0;
};

Bytes with(Bytes frame, size_t at, std::initializer_list<uint8_t> bytes) {
  size_t i = at;
  for (const uint8_t b : bytes) frame[i++] = b;
  return frame;
}
Bytes cut(Bytes frame, size_t size) {
  frame.resize(size);
  return frame;
}
Bytes v4_frame() {
  return test::build(v4());
}
Bytes v6_frame() {
  return test::build(v6());
}
Bytes with_ip_checksum(Bytes frame) {
  frame[24] = frame[25] = 0;
  const uint16_t sum = test::naive_checksum(Bytes(frame.begin() + 14, frame.begin() + 34));
  frame[24] = static_cast<uint8_t>(sum >> 8);
  frame[25] = static_cast<uint8_t>(sum);
  return frame;
}
Bytes tagged(int vlan) {
  UdpFrame spec = v4();
  spec.vlan = vlan;
  return test::build(spec);
}
Bytes to_port(uint16_t port) {
  UdpFrame spec = v4();
  spec.destination.port = port;
  return test::build(spec);
}
// An IPv6 fragment header (RFC 8200 section 4.5) in front of the UDP header.
Bytes v6_fragment(uint16_t offset_and_flags) {
  Bytes frame = v6_frame();
  const uint8_t header[] = {17,
                            0,
                            static_cast<uint8_t>(offset_and_flags >> 8),
                            static_cast<uint8_t>(offset_and_flags),
                            0,
                            0,
                            0,
                            1};
  frame.insert(frame.begin() + 54, std::begin(header), std::end(header));
  frame[20] = 44;
  const auto payload = static_cast<uint16_t>(frame.size() - 54);
  frame[18] = static_cast<uint8_t>(payload >> 8);
  frame[19] = static_cast<uint8_t>(payload);
  return frame;
}

const Case kCases[] = {
    {"empty frame", [] { return Bytes{}; }, FrameFate::drop, DropReason::frame_runt},
    {"13 bytes", [] { return cut(v4_frame(), 13); }, FrameFate::drop, DropReason::frame_runt},
    {"tag cut", [] { return cut(tagged(100), 16); }, FrameFate::drop, DropReason::frame_runt, 100},
    {"another station", [] { return with(v4_frame(), 5, {0x77}); }, FrameFate::drop,
     DropReason::wrong_mac},
    {"broadcast ARP",
     [] {
       return with(with(v4_frame(), 0, {255, 255, 255, 255, 255, 255}), 12, {8, 6});
     },
     FrameFate::kernel},
    {"unicast ARP",
     [] {
       return with(v4_frame(), 12, {8, 6});
     },
     FrameFate::kernel},
    {"multicast",
     [] {
       return with(v4_frame(), 0, {1, 0, 0x5e});
     },
     FrameFate::kernel},
    {"tag on an untagged port", [] { return tagged(100); }, FrameFate::drop,
     DropReason::wrong_vlan},
    {"priority tag on an untagged port", [] { return tagged(0xa000); }, FrameFate::media},
    {"no tag on a tagged port", v4_frame, FrameFate::drop, DropReason::wrong_vlan, 100},
    {"another VLAN", [] { return tagged(101); }, FrameFate::drop, DropReason::wrong_vlan, 100},
    {"our VLAN with a priority", [] { return tagged(0xa000 | 100); }, FrameFate::media,
     DropReason::none, 100},
    {"IPv4 header cut", [] { return cut(v4_frame(), 33); }, FrameFate::drop,
     DropReason::ip_truncated},
    {"IPv4 total length past the end", [] { return cut(v4_frame(), 100); }, FrameFate::drop,
     DropReason::ip_truncated},
    {"RFC 791 IHL 4", [] { return with(v4_frame(), 14, {0x44}); }, FrameFate::drop,
     DropReason::ip_bad_length},
    {"RFC 791 total length 19",
     [] {
       return with(v4_frame(), 16, {0, 19});
     },
     FrameFate::drop, DropReason::ip_bad_length},
    {"version 6 under IPv4's EtherType", [] { return with(v4_frame(), 14, {0x65}); },
     FrameFate::drop, DropReason::ip_bad_version},
    {"IPv4 header checksum",
     [] {
       return with(v4_frame(), 24, {0xde, 0xad});
     },
     FrameFate::drop, DropReason::ip_bad_checksum},
    {"another address", [] { return with(v4_frame(), 33, {3}); }, FrameFate::kernel},
    {"TCP to a media address", [] { return with_ip_checksum(with(v4_frame(), 23, {6})); },
     FrameFate::kernel},
    {"below the range", [] { return to_port(19999); }, FrameFate::kernel},
    {"first of the range", [] { return to_port(20000); }, FrameFate::media},
    {"last of the range", [] { return to_port(20099); }, FrameFate::media},
    {"above the range", [] { return to_port(20100); }, FrameFate::kernel},
    {"SIP", [] { return to_port(5060); }, FrameFate::kernel},
    {"first fragment into the range",
     [] {
       return with_ip_checksum(with(v4_frame(), 20, {0x20, 0}));
     },
     FrameFate::drop, DropReason::fragment},
    {"first fragment of SIP",
     [] {
       return with_ip_checksum(with(to_port(5060), 20, {0x20, 0}));
     },
     FrameFate::kernel},
    {"later fragment",
     [] {
       return with_ip_checksum(with(v4_frame(), 20, {0x00, 9}));
     },
     FrameFate::kernel},
    {"UDP header cut",
     [] {
       return with_ip_checksum(with(v4_frame(), 16, {0, 27}));
     },
     FrameFate::drop, DropReason::udp_truncated},
    {"UDP length 7",
     [] {
       return with(v4_frame(), 38, {0, 7});
     },
     FrameFate::drop, DropReason::udp_bad_length},
    {"UDP length past the packet",
     [] {
       return with(v4_frame(), 38, {1, 0});
     },
     FrameFate::drop, DropReason::udp_bad_length},
    {"IPv6 header cut", [] { return cut(v6_frame(), 53); }, FrameFate::drop,
     DropReason::ip_truncated},
    {"IPv6 payload past the end", [] { return cut(v6_frame(), 100); }, FrameFate::drop,
     DropReason::ip_truncated},
    {"version 4 under IPv6's EtherType", [] { return with(v6_frame(), 14, {0x45}); },
     FrameFate::drop, DropReason::ip_bad_version},
    {"IPv6 hop-by-hop options", [] { return with(v6_frame(), 20, {0}); }, FrameFate::kernel},
    {"ICMPv6", [] { return with(v6_frame(), 20, {58}); }, FrameFate::kernel},
    {"RFC 8200 first fragment into the range", [] { return v6_fragment(1); }, FrameFate::drop,
     DropReason::fragment},
    {"RFC 8200 later fragment", [] { return v6_fragment(0x100); }, FrameFate::kernel},
};

TEST(FrameView, SortsEachKindOfFrame) {
  for (const Case& c : kCases) {
    const FrameView v = view(c.frame(), c.vlan);
    EXPECT_EQ(v.fate, c.fate) << c.name << ": " << name_of(v.reason);
    EXPECT_EQ(v.reason, c.reason) << c.name << ": " << name_of(v.reason);
  }
}

TEST(FrameView, UdpChecksums) {
  struct {
    const char* name;
    bool ipv6, computed, spoilt, good, absent;
  } const cases[] = {
      {"RFC 768 good", false, true, false, true, false},
      {"RFC 768 wrong", false, true, true, false, false},
      {"RFC 768 none", false, false, false, true, true},
      {"RFC 8200 8.1 good", true, true, false, true, false},
      {"RFC 8200 8.1 wrong", true, true, true, false, false},
      {"RFC 8200 8.1 none", true, false, false, false, true},
  };
  for (const auto& c : cases) {
    UdpFrame spec = c.ipv6 ? v6() : v4();
    spec.udp_checksum = c.computed;
    Bytes frame = test::build(spec);
    if (c.spoilt) frame.back() ^= 1;
    const FrameView v = view(frame);
    ASSERT_EQ(v.fate, FrameFate::media);
    const UdpChecksum checksum = check_udp(frame.data(), v);
    EXPECT_EQ(checksum.good, c.good) << c.name;
    EXPECT_EQ(checksum.absent, c.absent) << c.name;
  }
}

TEST(FrameView, OddPayloadSizesKeepTheirChecksum) {
  for (size_t size = 0; size < 70; ++size) {
    UdpFrame spec = v6();
    spec.payload = Bytes(size, 0xa5);
    const Bytes frame = test::build(spec);
    const FrameView v = view(frame);
    ASSERT_EQ(v.fate, FrameFate::media);
    EXPECT_TRUE(check_udp(frame.data(), v).good) << size;
  }
}

// Whatever bytes come, offsets of media lie inside the frame.
TEST(FrameView, NeverPointsOutsideAFrame) {
  std::mt19937 random(7);
  for (int round = 0; round < 200000; ++round) {
    Bytes frame = random() % 2 != 0 ? v4_frame() : v6_frame();
    for (unsigned n = random() % 4; n > 0; --n)
      frame[random() % 60] = static_cast<uint8_t>(random());
    frame.resize(random() % (frame.size() + 1));
    frame.shrink_to_fit();
    const FrameView v = view(frame);
    if (v.fate != FrameFate::media) continue;
    ASSERT_LE(size_t{v.payload_offset} + v.payload_size, frame.size());
    check_udp(frame.data(), v);
  }
}

}  // namespace
}  // namespace holdfast::dataplane
