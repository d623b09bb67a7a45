// SPDX-License-Identifier: Apache-2.0
// A capture's life beside running lcores: begins, is read in pages, ends in each of its ways.
#include "dataplane/calls/capture_desk.hh"

#include <gtest/gtest.h>

#include "dataplane/calls/clock.hh"
#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

using control::CapturePage;
using control::ErrorCode;
using test::Bytes;
using test_rig::Rig;
using test_rig::Running;

constexpr uint64_t kClient = 5;
constexpr uint64_t kOther = 6;
constexpr uint64_t kNow = 100'000'000'000;

class CaptureDeskTest : public ::testing::Test {
 protected:
  explicit CaptureDeskTest(uint32_t cores = 1, size_t ring_bytes = 64 * 1024)
      : rig({.cores = cores}) {
    std::vector<CoreLine*> raw;
    for (uint32_t i = 0; i < cores; ++i) {
      lines.push_back(std::make_unique<CoreLine>(rig.core(i), rig.board().core_bell(i)));
      raw.push_back(lines.back().get());
    }
    book = std::make_unique<CallBook>(rig.board(), raw,
                                      std::vector<BookInterface>{{"lan", 7}, {"wan", 8}}, 64);
    desk = std::make_unique<CaptureDesk>(rig.board(), raw, *book, ring_bytes);
    running = std::make_unique<Running>(rig);
  }

  // A call that comes from this port of 198.18.1.10; frames to its WAN side have no next hop.
  control::CallReport call(const std::string& key, uint16_t from, uint16_t local_port = 0) {
    control::CallAdd add;
    add.call = key;
    add.legs[0].interface = "lan";
    add.legs[0].remote = SocketAddress{*IpAddress::parse("198.18.1.10"), from};
    add.legs[0].local_port = local_port;
    add.legs[1].interface = "wan";
    add.legs[1].remote = SocketAddress::parse("198.18.3.10:30000");
    const auto report = book->add(add);
    EXPECT_TRUE(report);
    return *report;
  }
  Bytes frame(const control::CallReport& to, uint16_t seq) {
    return test::build({.to = *MacAddress::parse("02:00:00:00:00:01"),
                        .source = *to.legs[0].remote,
                        .destination = to.legs[0].local,
                        .payload = test::rtp(seq)});
  }
  // The lcores have done what is to be done with them.
  void arrive(const std::vector<Bytes>& frames) {
    const uint64_t before = rig.sum(0, &PortCounters::rx);
    for (const Bytes& each : frames) ASSERT_TRUE(rig.arrive(0, each));
    const auto handled = [&] {
      uint64_t dropped = 0;
      for (const auto& [name, n] : rig.drops(0)) dropped += n;
      return dropped;
    };
    while (handled() < before + frames.size()) std::this_thread::yield();
  }
  uint64_t begin(const control::CaptureStart& request, uint64_t now_ns = kNow) {
    const auto begun = desk->start(request, kClient, now_ns);
    EXPECT_TRUE(begun) << begun.error().message;
    return begun ? begun->capture : 0;
  }
  CapturePage read(uint64_t capture, uint64_t now_ns = kNow) {
    auto page = desk->read({capture}, kClient, now_ns);
    EXPECT_TRUE(page) << page.error().message;
    return page ? std::move(page).value() : CapturePage{};
  }

  Rig rig;
  std::vector<std::unique_ptr<CoreLine>> lines;
  std::unique_ptr<CallBook> book;
  std::unique_ptr<CaptureDesk> desk;  // outlives the loops, which write into its rings
  std::unique_ptr<Running> running;
};

template <typename T>
ErrorCode code_of(const Answer<T>& answer) {
  EXPECT_FALSE(answer);
  return answer ? ErrorCode::kInternal : answer.error().code;
}

TEST_F(CaptureDeskTest, ACallIsCopiedAndItsNeighbourIsNot) {
  const auto a = call("a", 4000), b = call("b", 4002);
  const auto begun = desk->start({{"a"}, {}}, kClient, kNow);
  ASSERT_TRUE(begun);
  ASSERT_EQ(begun->legs.size(), 2u);
  EXPECT_EQ(begun->legs[0].leg, a.legs[0].leg);
  EXPECT_EQ(begun->legs[0].interface, "lan");
  EXPECT_EQ(begun->legs[1].interface, "wan");
  EXPECT_EQ(begun->legs[1].local, a.legs[1].local);
  const uint64_t before_ns = unix_ns();
  arrive({frame(a, 1), frame(b, 1), frame(a, 2)});
  const uint64_t after_ns = unix_ns();
  const CapturePage page = read(begun->capture);
  ASSERT_EQ(page.frames.size(), 2u);
  for (uint16_t i = 0; i < 2; ++i) {
    const Bytes sent = frame(a, static_cast<uint16_t>(i + 1));
    EXPECT_EQ(page.frames[i].bytes, std::string(sent.begin(), sent.end()));
    EXPECT_EQ(page.frames[i].leg, a.legs[0].leg);
    EXPECT_FALSE(page.frames[i].out);
    EXPECT_GT(page.frames[i].unix_ns + 1'000'000, before_ns);
    EXPECT_LT(page.frames[i].unix_ns, after_ns + 1'000'000);
  }
  EXPECT_TRUE(!page.more && page.ended.empty() && page.missed == 0 && page.refused == 0);
  EXPECT_TRUE(read(begun->capture).frames.empty()) << "handed over once";
}

TEST_F(CaptureDeskTest, ByLegsAndCutAtTheSnap) {
  const auto a = call("a", 4000), b = call("b", 4002);
  const uint64_t capture = begin({{}, {b.legs[0].leg, b.legs[0].leg}, 64});
  arrive({frame(a, 1), frame(b, 1)});
  const CapturePage page = read(capture);
  ASSERT_EQ(page.frames.size(), 1u);
  EXPECT_EQ(page.frames[0].bytes.size(), 64u);
  EXPECT_EQ(page.frames[0].size, frame(b, 1).size());
}

TEST_F(CaptureDeskTest, WhatIsNotThereIsRefusedByName) {
  const auto a = call("a", 4000);
  EXPECT_EQ(code_of(desk->start({{"a", "nobody"}, {}}, kClient, kNow)), ErrorCode::kUnknownCall);
  EXPECT_EQ(code_of(desk->start({{}, {63}}, kClient, kNow)), ErrorCode::kUnknownLeg);
  EXPECT_EQ(code_of(desk->start({{}, {0}}, kClient, kNow)), ErrorCode::kUnknownLeg);
  EXPECT_EQ(code_of(desk->start({{}, {UINT32_MAX}}, kClient, kNow)), ErrorCode::kUnknownLeg);
  EXPECT_EQ(code_of(desk->read({1}, kClient, kNow)), ErrorCode::kUnknownCapture);
  EXPECT_EQ(code_of(desk->stop({1}, kClient, kNow)), ErrorCode::kUnknownCapture);
  begin({{"a"}, {}});
}

TEST_F(CaptureDeskTest, OneAtATimeAndOnlyForItsClient) {
  call("a", 4000);
  call("b", 4002);
  const uint64_t first = begin({{"a"}, {}});
  const auto second = desk->start({{"b"}, {}}, kOther, kNow);
  EXPECT_EQ(code_of(second), ErrorCode::kCaptureBusy);
  EXPECT_EQ(second.error().message, "another capture is under way, of call a; one at a time");
  EXPECT_EQ(code_of(desk->read({first}, kOther, kNow)), ErrorCode::kUnknownCapture);
  EXPECT_EQ(code_of(desk->stop({first}, kOther, kNow)), ErrorCode::kUnknownCapture);
  desk->on_client_gone(kOther);
  read(first);
  desk->on_client_gone(kClient);
  EXPECT_EQ(code_of(desk->read({first}, kClient, kNow)), ErrorCode::kUnknownCapture);
  EXPECT_TRUE(desk->start({{"b"}, {}}, kOther, kNow));
}

TEST_F(CaptureDeskTest, AClientThatDoesNotReadGivesWay) {
  const auto a = call("a", 4000);
  const uint64_t first = begin({{"a"}, {}});
  read(first, kNow + 5'000'000'000);
  EXPECT_EQ(code_of(desk->start({{"a"}, {}}, kOther, kNow + 14'000'000'000)),
            ErrorCode::kCaptureBusy);
  const auto next = desk->start({{"a"}, {}}, kOther, kNow + 15'000'000'000);
  ASSERT_TRUE(next);
  EXPECT_EQ(code_of(desk->read({first}, kClient, kNow)), ErrorCode::kUnknownCapture);
  arrive({frame(a, 1)});
  EXPECT_EQ(desk->read({next->capture}, kOther, kNow)->frames.size(), 1u);
}

TEST_F(CaptureDeskTest, StopsWhenAskedAndHandsOverTheRest) {
  const auto a = call("a", 4000);
  const uint64_t capture = begin({{"a"}, {}});
  arrive({frame(a, 1)});
  const auto last = desk->stop({capture}, kClient, kNow);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->frames.size(), 1u);
  EXPECT_EQ(last->ended, "stopped");
  EXPECT_EQ(code_of(desk->read({capture}, kClient, kNow)), ErrorCode::kUnknownCapture);
  arrive({frame(a, 2)});
  EXPECT_TRUE(read(begin({{"a"}, {}})).frames.empty());
}

TEST_F(CaptureDeskTest, EndsWithTheLastOfItsLegs) {
  const auto a = call("a", 4000), b = call("b", 4002);
  const uint64_t capture = begin({{"a", "b"}, {}});
  arrive({frame(a, 1), frame(b, 1)});
  ASSERT_TRUE(book->remove("a"));
  EXPECT_EQ(read(capture).ended, "");
  arrive({frame(b, 2)});
  ASSERT_TRUE(book->remove("b"));
  call("a", 4000);  // another call of that name
  const CapturePage last = read(capture);
  EXPECT_EQ(last.frames.size(), 1u);
  EXPECT_EQ(last.ended, "call_ended");
}

class CaptureDeskPages : public CaptureDeskTest {
 protected:
  CaptureDeskPages() : CaptureDeskTest(1, 1024 * 1024) {}
};

TEST_F(CaptureDeskPages, AreBoundedAndSayThatThereIsMore) {
  const auto a = call("a", 4000);
  const uint64_t capture = begin({{"a"}, {}});
  constexpr size_t kFrames = control::kMaxPageFrames + 300;
  for (size_t sent = 0; sent < kFrames; sent += 4) {
    const auto seq = static_cast<uint16_t>(sent);
    arrive({frame(a, seq), frame(a, static_cast<uint16_t>(seq + 1)),
            frame(a, static_cast<uint16_t>(seq + 2)), frame(a, static_cast<uint16_t>(seq + 3))});
  }
  const auto first = desk->stop({capture}, kClient, kNow);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->frames.size(), control::kMaxPageFrames);
  EXPECT_TRUE(first->more && first->ended.empty());
  const CapturePage second = read(capture);
  EXPECT_EQ(second.frames.size(), 300u);
  EXPECT_FALSE(second.more);
  EXPECT_EQ(second.ended, "stopped");
  EXPECT_LE(first->frames.back().unix_ns, second.frames.front().unix_ns + 1000);
}

class CaptureDeskSmall : public CaptureDeskTest {
 protected:
  CaptureDeskSmall() : CaptureDeskTest(1, 2048) {}
};

TEST_F(CaptureDeskSmall, CountsWhatDidNotFit) {
  const auto a = call("a", 4000);
  const uint64_t capture = begin({{"a"}, {}});
  for (uint16_t n = 0; n < 20; ++n) arrive({frame(a, n)});
  const CapturePage page = read(capture);
  EXPECT_GT(page.missed, 0u);
  EXPECT_EQ(page.frames.size() + page.missed, 20u);
}

class CaptureDeskTwoCores : public CaptureDeskTest {
 protected:
  CaptureDeskTwoCores() : CaptureDeskTest(2) {}
};

TEST_F(CaptureDeskTwoCores, CallsOfBothAreMergedByTime) {
  const auto a = call("a", 4000, 20000), b = call("b", 4002, 20120);
  ASSERT_NE(rig.board().owner_of_leg(a.legs[0].leg), rig.board().owner_of_leg(b.legs[0].leg));
  const uint64_t capture = begin({{"a", "b"}, {}});
  arrive({frame(a, 1)});
  arrive({frame(b, 2)});
  arrive({frame(a, 3)});
  const CapturePage page = read(capture);
  ASSERT_EQ(page.frames.size(), 3u);
  const uint32_t order[] = {a.legs[0].leg, b.legs[0].leg, a.legs[0].leg};
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(page.frames[i].leg, order[i]) << i;
}

}  // namespace
}  // namespace holdfast::dataplane
