// SPDX-License-Identifier: Apache-2.0
// Which address and port a call gets: spread over the media addresses, rested, and refused by name;
// and what is kept for calls for help.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "dataplane/calls/call_book.hh"
#include "tests/dataplane/calls/add_call.hh"
#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

using control::ErrorCode;
using test_rig::Rig;
using test_rig::Running;

constexpr uint64_t kRest = 60'000'000'000;
constexpr uint32_t kPairs = 100;  // of each media address of the rig
constexpr uint32_t kMaxLegs = 1000;

class MediaPortsTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  MediaPortsTest() : rig({.cores = GetParam(), .max_legs = kMaxLegs, .second_address = true}) {
    running.emplace(rig);
    std::vector<CoreLine*> raw;
    for (uint32_t i = 0; i < GetParam(); ++i) {
      lines.push_back(std::make_unique<CoreLine>(rig.core(i), rig.board().core_bell(i)));
      raw.push_back(lines.back().get());
    }
    book = std::make_unique<CallBook>(
        rig.board(), raw, std::vector<BookInterface>{{"lan", 7}, {"wan", 8}}, kMaxLegs,
        std::span<SavedCall>{}, PortRest{kRest, [this] { return now_ns; }});
  }

  static control::CallAdd request(uint32_t number, uint8_t family = 4) {
    control::CallAdd add;
    add.call = "c" + std::to_string(number);
    add.legs[0].interface = "lan";
    add.legs[1].interface = "wan";
    add.legs[0].family = add.legs[1].family = family;
    return add;
  }
  ErrorCode refusal(const control::CallAdd& add) {
    const auto answer = book->add(add);
    EXPECT_FALSE(answer);
    return answer ? ErrorCode::kInternal : answer.error().code;
  }
  uint64_t refused(std::string_view name) {
    for (const auto& row : book->refused())
      if (row.name == name) return row.count;
    return 0;
  }

  uint64_t now_ns = PortMark::kTickNs;  // which is how exactly a port knows it
  Rig rig;
  std::optional<Running> running;
  std::vector<std::unique_ptr<CoreLine>> lines;
  std::unique_ptr<CallBook> book;
};

TEST_P(MediaPortsTest, MoreCallsThanOneAddressCarriesThenOneTooMany) {
  std::map<std::string, uint32_t> at;
  std::vector<SocketAddress> lan;
  for (uint32_t i = 0; i < 2 * kPairs; ++i) {
    const auto added = book->add(request(i));
    ASSERT_TRUE(added) << i << ": " << added.error().message;
    for (const auto& leg : added->legs) ++at[leg.local.ip.to_string()];
    lan.push_back(added->legs[0].local);
    if (i == 9) {
      EXPECT_GE(std::min(at["198.18.1.2"], at["198.18.1.3"]), 4u) << "the calls spread";
    }
  }
  EXPECT_EQ(at, (std::map<std::string, uint32_t>{{"198.18.1.2", kPairs},
                                                 {"198.18.1.3", kPairs},
                                                 {"198.18.2.2", kPairs},
                                                 {"198.18.2.3", kPairs}}));
  EXPECT_EQ(refusal(request(999)), ErrorCode::kNoFreePort);
  EXPECT_EQ(refused("no_free_port"), 1u);
  EXPECT_TRUE(book->add(request(1000, 6))) << "IPv6 has ports of its own";
  EXPECT_EQ(book->media_ports(0).pairs, 3 * kPairs);
  EXPECT_EQ(book->media_ports(0).lent, 2 * kPairs + 1);

  // Media of every leg, on both addresses, finds its leg.
  running.reset();
  for (const SocketAddress& local : lan) {
    test::UdpFrame frame{.payload = test::rtp(1)};
    frame.destination = local;
    ASSERT_TRUE(rig.arrive(0, test::build(frame)));
  }
  rig.run();
  running.emplace(rig);
  for (uint32_t i = 0; i < lan.size(); ++i) {
    const auto last = book->remove("c" + std::to_string(i));
    ASSERT_TRUE(last);
    EXPECT_EQ(last->legs[0].rx.packets, 1u) << last->legs[0].local.to_string();
  }
}

TEST_P(MediaPortsTest, APortRestsBeforeTheNextCallAndTheRefusalSaysSo) {
  for (uint32_t i = 0; i < 2 * kPairs; ++i) ASSERT_TRUE(book->add(request(i)));
  now_ns += PortMark::kTickNs;
  const auto last = book->remove("c7");
  ASSERT_TRUE(last);
  EXPECT_EQ(refusal(request(999)), ErrorCode::kPortsResting);
  EXPECT_EQ(refused("ports_resting"), 1u);
  EXPECT_EQ(book->media_ports(1).resting, 1u);
  control::CallAdd same = request(999);
  same.legs[0].local_port = last->legs[0].local.port;
  same.legs[0].local_address = last->legs[0].local.ip;
  EXPECT_EQ(refusal(same), ErrorCode::kPortsResting) << "the other leg finds only resting ones";
  same.legs[1].local_port = last->legs[1].local.port;
  same.legs[1].local_address = last->legs[1].local.ip;
  EXPECT_EQ(refusal(same), ErrorCode::kPortTaken) << "and it rests itself";
  now_ns += kRest;
  const auto next = book->add(request(999));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->legs[0].local, last->legs[0].local);
  EXPECT_EQ(book->media_ports(1).resting, 0u);
}

TEST_P(MediaPortsTest, ACallForHelpGetsThePortsThatHaveRestedLongest) {
  for (uint32_t i = 0; i < 2 * kPairs; ++i) ASSERT_TRUE(book->add(request(i)));
  control::CallAdd help = request(999);
  help.emergency = true;
  EXPECT_EQ(refusal(help), ErrorCode::kNoFreePort) << "nobody's call is ended for it";
  std::vector<control::CallReport> ended;
  for (const char* key : {"c8", "c7", "c150"}) {
    now_ns += PortMark::kTickNs;
    ended.push_back(*book->remove(key));
  }
  EXPECT_EQ(refusal(request(998)), ErrorCode::kPortsResting);
  for (uint32_t i = 0; i < 2; ++i) {
    help.call = "help" + std::to_string(i);
    const auto added = book->add(help);
    ASSERT_TRUE(added) << added.error().message;
    EXPECT_EQ(added->legs[0].local, ended[i].legs[0].local);
    EXPECT_EQ(added->legs[1].local, ended[i].legs[1].local);
  }
  EXPECT_EQ(refusal(request(998)), ErrorCode::kPortsResting) << "it is no way for the others";
  // One side's ports rest, the other's have rested.
  now_ns += kRest;
  help.call = "help2";
  ASSERT_TRUE(book->add(help));
  now_ns += PortMark::kTickNs;
  const auto last = book->remove("help0");
  ASSERT_TRUE(last);
  help.call = "help3";
  help.legs[1].family = 6;
  const auto mixed = book->add(help);
  ASSERT_TRUE(mixed) << mixed.error().message;
  EXPECT_EQ(mixed->legs[0].local, last->legs[0].local);
}

// One interface for both legs: the second is asked of the pair after the first's.
TEST_P(MediaPortsTest, ACallForHelpFindsTwoTiredPairsOfOneAddress) {
  const auto on_lan = [](uint32_t number) {
    control::CallAdd add = request(number);
    add.legs[1].interface = "lan";
    for (control::LegSpec& leg : add.legs) leg.local_address = IpAddress::parse("198.18.1.2");
    return add;
  };
  for (uint32_t i = 0; i < kPairs / 2; ++i) ASSERT_TRUE(book->add(on_lan(i)));
  ASSERT_TRUE(book->remove("c5"));
  control::CallAdd help = on_lan(999);
  EXPECT_EQ(refusal(help), ErrorCode::kPortsResting);
  help.emergency = true;
  ASSERT_TRUE(book->add(help));
  help.call = "again";
  EXPECT_EQ(refusal(help), ErrorCode::kNoFreePort);
}

TEST_P(MediaPortsTest, AnAddressThatIsAskedForIsTheOne) {
  control::CallAdd add = request(1);
  add.legs[0].local_address = IpAddress::parse("198.18.1.3");
  for (uint32_t i = 0; i < 3; ++i) {
    add.call = "c" + std::to_string(i);
    const auto added = book->add(add);
    ASSERT_TRUE(added);
    EXPECT_EQ(added->legs[0].local.ip, *add.legs[0].local_address);
  }
  add.call = "none";
  add.legs[0].local_address = IpAddress::parse("198.18.2.3");
  EXPECT_EQ(refusal(add), ErrorCode::kNoSuchFamily) << "that is the other interface's";
}

// The leg without a wish does not take the port that the other one names.
TEST_P(MediaPortsTest, ANamedPortGoesFirst) {
  control::CallAdd add = request(1);
  add.legs[1].interface = "lan";
  add.legs[1].local_port = 20000;
  add.legs[0].local_address = add.legs[1].local_address = IpAddress::parse("198.18.1.2");
  const auto added = book->add(add);
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(added->legs[1].local.port, 20000);
  EXPECT_EQ(added->legs[0].local.port, 20002);
}

TEST(CallBookWithLegsForHelp, TheyAreLentToCallsForHelpAloneWhenAllOthersAreInUse) {
  for (const uint32_t cores : {1u, 2u}) {
    Rig rig({.cores = cores, .max_legs = 12});
    const Running running(rig);
    std::vector<std::unique_ptr<CoreLine>> lines;
    std::vector<CoreLine*> raw;
    for (uint32_t i = 0; i < cores; ++i) {
      lines.push_back(std::make_unique<CoreLine>(rig.core(i), rig.board().core_bell(i)));
      raw.push_back(lines.back().get());
    }
    CallBook book(rig.board(), raw, {{"lan", 7}, {"wan", 8}}, 8, {}, {}, 4);
    const auto answer_to = [&](const std::string& key, bool emergency) {
      return add_call(book, key, emergency);
    };
    EXPECT_EQ(answer_to("h0", true), "added") << "of max_legs while there are some";
    for (const char* key : {"a", "b", "c"}) EXPECT_EQ(answer_to(key, false), "added");
    EXPECT_EQ(answer_to("d", false), "no_free_leg");
    EXPECT_EQ(answer_to("h1", true), "added");
    EXPECT_EQ(answer_to("h2", true), "added");
    EXPECT_EQ(answer_to("h3", true), "no_free_leg");
    ASSERT_TRUE(book.remove("a"));
    EXPECT_EQ(answer_to("d", false), "no_free_leg") << "what is kept is made good first";
    ASSERT_TRUE(book.remove("h1"));
    ASSERT_TRUE(book.remove("h2"));
    EXPECT_EQ(answer_to("d", false), "added");
  }
}

// One-armed, both legs of each call on one interface: 32,768 pairs are more than one address has.
TEST(MediaPortsAtFullSize, SixteenThousandCallsOnTwoAddressesAndNoneMore) {
  constexpr uint32_t kCalls = 16'384;
  Rig rig({.max_legs = 2 * kCalls + 2, .last_media_port = 52767, .second_address = true});
  const Running running(rig);
  CoreLine line(rig.core(), rig.board().core_bell(0));
  CallBook book(rig.board(), {&line}, {{"lan", 7}, {"wan", 8}}, 2 * kCalls + 2);
  control::CallAdd add;
  for (control::LegSpec& leg : add.legs) {
    leg.interface = "lan";
    leg.family = 4;
  }
  for (uint32_t i = 0; i < kCalls; ++i) {
    add.call = std::to_string(i);
    const auto added = book.add(add);
    ASSERT_TRUE(added) << i << ": " << added.error().message;
  }
  add.call = "one too many";
  EXPECT_EQ(book.add(add).error().code, ErrorCode::kNoFreePort);
  EXPECT_EQ(book.media_ports(0).lent, 2 * kCalls);
}

INSTANTIATE_TEST_SUITE_P(Lcores, MediaPortsTest, ::testing::Values(1u, 2u));

}  // namespace
}  // namespace holdfast::dataplane
