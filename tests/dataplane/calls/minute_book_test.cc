// SPDX-License-Identifier: Apache-2.0
// Records add up to the totals, whatever happens to the streams between two minutes.
#include "dataplane/calls/minute_book.hh"

#include <gtest/gtest.h>

#include <memory>

#include "dataplane/relay/stream_pool.hh"

namespace holdfast::dataplane {
namespace {

constexpr uint64_t kMinute = 1'740'000'000;
constexpr uint64_t kStepNs = 20'000'000;

class Minutes : public ::testing::Test {
 protected:
  void packet(uint32_t ssrc, uint16_t seq, uint64_t late_ns = 0) {
    StreamSlot* slot = pool.find_or_add(leg, ssrc, 0);
    slot->account.on_packet(seq, seq * 160u, 1'000'000'000 + seq * kStepNs + late_ns);
  }
  void packets(uint32_t ssrc, uint16_t from, uint16_t to) {
    for (uint16_t seq = from; seq < to; ++seq) packet(ssrc, seq);
  }
  void show(uint64_t minute_s = kMinute) {
    const auto snapshot = std::make_unique<LegSnapshot>();
    snapshot->index = 3;
    pool.snapshot(leg, *snapshot);
    book.show("call", "wan", *snapshot, minute_s);
    pool.begin_interval(leg);
  }
  std::vector<control::MinuteRecord> take() {
    const auto page = book.list({.after = taken, .epoch = {}, .limit = 1024});
    taken = page.next;
    return page.records;
  }

  StreamPool pool{16, 1};
  Leg leg;
  MinuteBook book{99};
  uint64_t taken = 0;
};

TEST_F(Minutes, ARecordIsWhatCameSinceTheOneBefore) {
  packets(1, 0, 10);
  packets(1, 13, 20);
  show();
  packets(1, 20, 30);
  packets(1, 31, 40);
  packet(1, 39);
  show(kMinute + 60);
  const auto records = take();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].number, 1u);
  EXPECT_EQ(records[0].call, "call");
  EXPECT_EQ(records[0].leg, 3u);
  EXPECT_EQ(records[0].interface, "wan");
  EXPECT_EQ(records[0].ssrc, 1u);
  EXPECT_EQ(records[0].minute_s, kMinute);
  EXPECT_EQ(records[0].expected, 20u);
  EXPECT_EQ(records[0].received, 17u);
  EXPECT_EQ(records[0].lost, 3u);
  EXPECT_EQ(records[0].longest_loss_run, 3u);
  EXPECT_EQ(records[0].clock_hz, 8000u);
  EXPECT_EQ(records[1].minute_s, kMinute + 60);
  EXPECT_EQ(records[1].expected, 20u);
  EXPECT_EQ(records[1].lost, 1u);
  EXPECT_EQ(records[1].duplicates, 1u);
  EXPECT_EQ(records[1].longest_loss_run, 1u) << "the run of three is of the minute before";
}

TEST_F(Minutes, SilenceIsNoRecord) {
  packets(1, 0, 10);
  show();
  show();
  EXPECT_EQ(take().size(), 1u);
}

TEST_F(Minutes, ALossTakenBackIsTakenOffTheNextOnes) {
  packets(1, 0, 10);
  packets(1, 12, 20);
  show();
  packet(1, 10);
  packet(1, 11);
  show();  // one loss less, and one more
  packets(1, 20, 30);
  packets(1, 33, 40);
  show();
  uint64_t lost = 0;
  uint64_t received = 0;
  for (const auto& record : take()) {
    lost += record.lost;
    received += record.received;
  }
  EXPECT_EQ(lost, 3u);
  EXPECT_EQ(received, 37u);
}

TEST_F(Minutes, JitterIsThatOfTheMinute) {
  for (uint16_t seq = 0; seq < 50; ++seq) packet(1, seq, seq % 2 * 10'000'000);
  show();
  for (uint16_t seq = 50; seq < 250; ++seq) packet(1, seq);
  show();
  for (uint16_t seq = 250; seq < 300; ++seq) packet(1, seq);
  show();
  const auto records = take();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_GT(records[0].jitter_max, 60u);
  EXPECT_GT(records[1].jitter_max, 50u) << "the estimate fades from where it stood";
  EXPECT_LT(records[2].jitter_max, 2u);
}

TEST_F(Minutes, StreamsThatGaveUpTheirPlacesAreInTheSum) {
  packets(1, 0, 10);
  packets(2, 0, 5);
  show();
  ASSERT_EQ(take().size(), 2u);
  packets(1, 12, 20);  // two lost, then folded
  for (uint32_t ssrc = 10; ssrc < 10 + kMaxStreamsPerLeg; ++ssrc) packets(ssrc, 0, 3);
  show();
  uint64_t expected = 0, lost = 0, unnamed = 0;
  for (const auto& record : take()) {
    expected += record.expected;
    lost += record.lost;
    if (!record.ssrc) {
      ++unnamed;
      EXPECT_EQ(record.expected, 10u);
      EXPECT_EQ(record.lost, 2u);
    }
  }
  EXPECT_EQ(unnamed, 1u);
  EXPECT_EQ(expected, 10u + 3 * kMaxStreamsPerLeg);
  EXPECT_EQ(lost, 2u);
  show();
  EXPECT_TRUE(take().empty());
}

TEST_F(Minutes, AnSsrcThatComesAgainIsAnotherStream) {
  packets(1, 0, 10);
  show();
  for (uint32_t ssrc = 10; ssrc < 10 + kMaxStreamsPerLeg; ++ssrc) packets(ssrc, 0, 1);
  packets(1, 100, 104);
  show();
  uint64_t received = 0;
  for (const auto& record : take()) {
    if (record.ssrc == 1u) received += record.received;
  }
  EXPECT_EQ(received, 14u);
}

TEST(MinuteBook, KeepsSoManyAndSaysHowManyAReaderMissed) {
  MinuteBook book(99, 3);
  StreamPool pool(2, 1);
  Leg leg;
  const auto snapshot = std::make_unique<LegSnapshot>();
  for (uint16_t n = 0; n < 5; ++n) {
    pool.find_or_add(leg, 1, 0)->account.on_packet(n, n * 160u, n * kStepNs);
    pool.snapshot(leg, *snapshot);
    book.show("call", "lan", *snapshot, kMinute);
  }
  EXPECT_EQ(book.kept(), 3u);
  EXPECT_EQ(book.dropped(), 2u);
  auto page = book.list({.after = 1, .epoch = 99, .limit = 2});
  EXPECT_EQ(page.epoch, 99u);
  EXPECT_EQ(page.missed, 1u);
  ASSERT_EQ(page.records.size(), 2u);
  EXPECT_EQ(page.records[0].number, 3u);
  EXPECT_TRUE(page.more);
  page = book.list({.after = page.next, .epoch = 99, .limit = 2});
  ASSERT_EQ(page.records.size(), 1u);
  EXPECT_EQ(page.next, 5u);
  EXPECT_FALSE(page.more);
  EXPECT_EQ(page.missed, 0u);
  page = book.list({.after = page.next, .epoch = 99, .limit = 2});
  EXPECT_TRUE(page.records.empty());
  EXPECT_EQ(page.next, 5u);
  page = book.list({.after = 5, .epoch = 98, .limit = 9});
  EXPECT_EQ(page.records.size(), 3u) << "numbers of another life";
  EXPECT_EQ(page.missed, 2u);
  page = book.list({.after = 1000, .epoch = {}, .limit = 9});
  EXPECT_TRUE(page.records.empty());
  EXPECT_EQ(page.next, 5u);
}

}  // namespace
}  // namespace holdfast::dataplane
