// SPDX-License-Identifier: Apache-2.0
// Marks of real frames: each class its DSCP and priority, ECN kept, and what is counted of marks
// that come.
#include <gtest/gtest.h>

#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

using test::Bytes;
using test::UdpFrame;
using test_rig::Rig;

constexpr LegIndex kLan = 1;
constexpr LegIndex kWan = 2;
constexpr uint8_t kDscps[] = {0, 8, 46, 63};

// How a frame of ours left.
struct Seen {
  int pcp = -1;  // no tag
  uint8_t traffic_class = 0;
  bool sums_hold = false;
  friend bool operator==(const Seen&, const Seen&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Seen& s) {
    return out << "pcp " << s.pcp << " class " << int{s.traffic_class} << " sums " << s.sums_hold;
  }
};

Seen look_at(const Bytes& frame) {
  Seen seen;
  const bool tagged = frame[12] == 0x81;
  if (tagged) seen.pcp = frame[14] >> 5;
  const uint8_t* ip = &frame[tagged ? 18 : 14];
  seen.traffic_class = ip[0] >> 4 == 4 ? ip[1] : static_cast<uint8_t>(ip[0] << 4 | ip[1] >> 4);
  seen.sums_hold = test::checksums_hold(frame);
  return seen;
}

// A call from lan to wan, with everything that decides about a mark.
struct Row {
  MediaClass media;
  bool copy;
  bool ipv6_in, ipv6_out;
  uint16_t vlan;
  bool mux;
};

// All classes have marks of their own, media and RTCP too.
Marks marks_of(MediaClass media, bool copy) {
  const auto number = static_cast<uint8_t>(media);
  const auto pcp = static_cast<uint8_t>(7 - 2 * number);
  const auto rtcp_pcp = static_cast<uint8_t>(pcp - 1);
  if (copy) return {Mark::copied(pcp), Mark::copied(rtcp_pcp)};
  return {Mark::of(static_cast<uint8_t>(46 - number), pcp),
          Mark::of(static_cast<uint8_t>(10 + number), rtcp_pcp)};
}

UdpFrame from_phone(const Row& row, Bytes payload, uint8_t traffic_class, uint16_t port = 20000) {
  return {
      .to = *MacAddress::parse("02:00:00:00:00:01"),
      .vlan = row.vlan == 0 ? -1 : int{row.vlan},
      .source = *SocketAddress::parse(row.ipv6_in ? "[2001:db8:1::10]:4000" : "198.18.1.10:4000"),
      .destination = {*IpAddress::parse(row.ipv6_in ? "2001:db8:1::2" : "198.18.1.2"), port},
      .traffic_class = traffic_class,
      .payload = std::move(payload)};
}

void start_call(Rig& rig, const Row& row) {
  for (PortIo& port : rig.board().ports()) {
    for (const MediaClass media : {MediaClass::audio, MediaClass::video, MediaClass::fax})
      port.marks[static_cast<size_t>(media)] = marks_of(media, row.copy);
  }
  LegSetup lan = rig.setup(0, 20000, nullptr, row.ipv6_in);
  LegSetup wan = rig.setup(1, 20100, row.ipv6_out ? "[2001:db8:3::10]:30000" : "198.18.3.10:30000",
                           row.ipv6_out);
  lan.media_class = wan.media_class = row.media;
  lan.rtcp_mux = wan.rtcp_mux = row.mux;
  rig.add_call(kLan, kWan, lan, wan);
}

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const MediaClass media : {MediaClass::audio, MediaClass::video, MediaClass::fax}) {
    for (unsigned bits = 0; bits < 32; ++bits)
      rows.push_back({media, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0,
                      static_cast<uint16_t>((bits & 8) != 0 ? 100 : 0), (bits & 16) != 0});
  }
  return rows;
}

class Marking : public testing::TestWithParam<Row> {};

TEST_P(Marking, EachClassHasItsOwnAndEcnIsKept) {
  const Row row = GetParam();
  Rig rig({.vlan = row.vlan});
  start_call(rig, row);
  const Marks marks = marks_of(row.media, row.copy);
  for (const uint8_t came_dscp : kDscps) {
    for (uint8_t ecn = 0; ecn < 4; ++ecn) {
      const auto came = static_cast<uint8_t>(came_dscp << 2 | ecn);
      rig.arrive(0, test::build(from_phone(row, test::rtp(7), came)));
      rig.arrive(0, test::build(from_phone(row, test::rtcp_rr(), came, row.mux ? 20000 : 20001)));
      rig.run();
      const auto out = rig.departed(1);
      ASSERT_EQ(out.size(), 2u);
      const auto want = [&](const Mark& mark) {
        const auto marked = static_cast<uint8_t>(mark.dscp() << 2 | ecn);
        return Seen{row.vlan == 0 ? -1 : int{mark.pcp()}, row.copy ? came : marked, true};
      };
      EXPECT_EQ(look_at(out[0]), want(marks.media));
      EXPECT_EQ(look_at(out[1]), want(marks.rtcp)) << "RTCP";
    }
  }
  rig.expect_balanced();
}

std::string name_of_row(const testing::TestParamInfo<Row>& info) {
  const char* names[] = {"audio", "video", "fax"};
  const Row& r = info.param;
  return std::string(names[static_cast<size_t>(r.media)]) + (r.copy ? "_copied" : "") +
         (r.ipv6_in ? "_from6" : "_from4") + (r.ipv6_out ? "_to6" : "_to4") +
         (r.vlan != 0 ? "_tagged" : "") + (r.mux ? "_mux" : "");
}
INSTANTIATE_TEST_SUITE_P(Rows, Marking, testing::ValuesIn(all_rows()), name_of_row);

constexpr Row kAudio{MediaClass::audio, false, false, false, 0, false};
constexpr Row kCopied{MediaClass::audio, true, false, false, 0, false};

// Sends a packet of each DSCP in turn, and gives back what the stream's slot says.
StreamSlot after(Rig& rig, const Row& row, const std::vector<uint8_t>& dscps) {
  uint16_t sequence = 1;
  for (const uint8_t dscp : dscps)
    rig.arrive(0, test::build(
                      from_phone(row, test::rtp(sequence++), static_cast<uint8_t>(dscp << 2 | 1))));
  rig.run();
  EXPECT_EQ(rig.departed(1).size(), dscps.size());
  const LegSnapshot leg = rig.snapshot(kLan);
  EXPECT_EQ(leg.stream_count, 1u);
  return leg.streams[0];
}

TEST(MarksThatCome, AreHeldAgainstTheClasses) {
  Rig rig;
  start_call(rig, kAudio);
  const StreamSlot slot = after(rig, kAudio, {46, 46, 0, 0, 0, 8, 34, 46});
  EXPECT_EQ(slot.dscp_first, 46);
  EXPECT_EQ(slot.dscp_in, 46);
  EXPECT_EQ(slot.unmarked, 3u);
  EXPECT_EQ(slot.remarked, 2u);
}

TEST(MarksThatCome, AreHeldAgainstTheFirstWhereTheyAreCopied) {
  Rig rig;
  start_call(rig, kCopied);
  const StreamSlot slot = after(rig, kCopied, {26, 26, 46, 0, 26});
  EXPECT_EQ(slot.dscp_first, 26);
  EXPECT_EQ(slot.unmarked, 1u);
  EXPECT_EQ(slot.remarked, 1u);
}

TEST(MarksThatCome, AFirstPacketWithoutOneIsTheFirst) {
  Rig rig;
  start_call(rig, kCopied);
  const StreamSlot slot = after(rig, kCopied, {0, 0, 46});
  EXPECT_EQ(slot.dscp_first, 0);
  EXPECT_EQ(slot.dscp_in, 46);
  EXPECT_EQ(slot.unmarked, 2u);
  EXPECT_EQ(slot.remarked, 1u);
}

TEST(MarksThatCome, OfAStreamThatGaveUpItsPlaceAreInTheLegsSums) {
  Rig rig;
  start_call(rig, kAudio);
  for (uint32_t ssrc = 1; ssrc <= kMaxStreamsPerLeg + 2; ++ssrc) {
    for (const uint8_t dscp : std::initializer_list<uint8_t>{0, 8, 46})
      rig.arrive(0, test::build(from_phone(kAudio, test::rtp(dscp, 0, ssrc),
                                           static_cast<uint8_t>(dscp << 2))));
    rig.run();
  }
  rig.departed(1);
  const LegSnapshot leg = rig.snapshot(kLan);
  EXPECT_EQ(leg.leg.folded.streams, 2u);
  EXPECT_EQ(leg.leg.folded.unmarked, 2u);
  EXPECT_EQ(leg.leg.folded.remarked, 2u);
  EXPECT_EQ(leg.streams[0].unmarked, 1u) << "a new stream counts from 0";
}

TEST(MarksThatLeave, AnotherClassOrADscpOfTheLegsOwnHoldsFromTheNextPacketOn) {
  Rig rig({.vlan = 100});
  Row row = kAudio;
  row.vlan = 100;
  start_call(rig, row);
  const auto leaves = [&] {
    rig.arrive(0, test::build(from_phone(row, test::rtp(1), 1)));
    rig.run();
    return look_at(rig.departed(1).at(0));
  };
  CoreRequest update;
  update.kind = CoreRequest::Kind::update;
  update.leg = kWan;
  update.setup = rig.snapshot(kWan).leg.setup;
  update.setup.media_class = MediaClass::video;
  rig.request(update, kWan);
  EXPECT_EQ(leaves(), (Seen{5, 45 << 2 | 1, true}));
  update.setup.dscp = 0;
  rig.request(update, kWan);
  EXPECT_EQ(leaves(), (Seen{5, 1, true})) << "the priority is still the class's";
}

}  // namespace
}  // namespace holdfast::dataplane
