// SPDX-License-Identifier: Apache-2.0
// A stream whose counter died and was taken up by another: the gap is ours, and the sums are whole.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "media/stream_account.hh"
#include "tests/media/rtp_line.hh"

namespace holdfast::media {
namespace {

using test::kMs;
using test::kStart;
using test::kStep;
using test::Line;

struct Gap {
  const char* name;
  std::function<void(Line&)> before, after;
  uint64_t expected, received, lost, ours;
  uint32_t restarts = 0;
};

// Whoever counted dies, and the packets of some time are counted by nobody.
TEST(StreamAccount, AGapOfOursIsNotTheNetworks) {
  const auto speech = [](Line& line) { line.many(0, 600); };
  const Gap rows[] = {
      {"the next number follows", speech, [](Line& l) { l.many(600, 700); }, 700, 700, 0, 0},
      {"half a second", speech, [](Line& l) { l.many(625, 700); }, 700, 675, 0, 25},
      {"ten seconds", speech, [](Line& l) { l.many(1100, 1200); }, 1200, 700, 0, 500},
      {"two minutes", speech, [](Line& l) { l.many(6600, 6700); }, 6700, 700, 0, 6000},
      {"the network loses before and after",
       [](Line& l) {
         l.many(0, 500);
         l.many(510, 600);
       },
       [](Line& l) {
         l.many(650, 700);
         l.many(703, 800);
       },
       800, 737, 13, 50},
      {"the first one after it is late", speech,
       [](Line& l) {
         l.one(651, 10);
         l.one(650, 40);
         l.many(652, 700);
       },
       700, 649, 0, 51},
      {"a copy comes first", speech,
       [](Line& l) {
         l.one(599, 700);
         l.many(640, 700);
       },
       700, 660, 0, 40},
      {"holes of before leave the window unseen",
       [](Line& l) {
         l.many(0, 89);
         l.many(90, 600);
       },
       [](Line& l) { l.many(640, 1300); }, 1300, 1259, 1, 40},
      {"a sender that began anew meanwhile", speech,
       [](Line& l) {
         l.restart(600, 40'000, 9'000'000, 30'000);
         l.many(0, 100);
       },
       700, 700, 0, 0, 1},
      {"nothing comes any more", speech, [](Line&) {}, 600, 600, 0, 0},
  };
  for (const Gap& row : rows) {
    SCOPED_TRACE(row.name);
    Line line;
    row.before(line);
    const StreamReport before = line.account.report();
    line.account.on_resume();
    const StreamReport resumed = line.account.report();
    EXPECT_EQ(resumed.expected, before.expected);
    EXPECT_EQ(resumed.received, before.received);
    EXPECT_EQ(resumed.lost, before.lost);
    row.after(line);
    const StreamReport r = line.account.report();
    EXPECT_EQ(r.expected, row.expected);
    EXPECT_EQ(r.received, row.received);
    EXPECT_EQ(r.lost, row.lost);
    EXPECT_EQ(r.lost_by_us, row.ours);
    EXPECT_EQ(line.account.missing_now(), row.lost + row.ours);
    EXPECT_EQ(r.restarts, row.restarts);
    EXPECT_EQ(r.received + r.duplicates + r.strays, line.told);
    uint64_t in_runs = r.other_packets;
    for (const LossRun& run : r.loss_runs()) in_runs += uint64_t{run.length} * run.count;
    EXPECT_EQ(in_runs, r.lost);
  }
}

TEST(StreamAccount, ResumingTwiceOrBeforeThePacketsIsHarmless) {
  Line line;
  line.account.on_resume();
  EXPECT_TRUE(line.account.empty());
  line.many(0, 600);
  line.account.on_resume();
  line.account.on_resume();
  line.many(610, 700);
  line.account.on_resume();
  line.many(705, 800);
  const StreamReport r = line.account.report();
  EXPECT_EQ(r.lost_by_us, 15U);
  EXPECT_EQ(r.lost, 0U);
}

// The lengths of gaps are being written when the process dies: they are forgotten, their sum is
// not.
TEST(StreamAccount, ResumingForgetsATornTableButNotItsSum) {
  Line line;
  line.many(0, 300);
  line.many(304, 900);
  line.many(901, 1'800);  // its gap is the open run still, which is not in the table
  ASSERT_EQ(line.account.report().runs_used, 2U);
  int torn_tables = 0;
  for (size_t at = 0; at < sizeof line.account; ++at) {
    StreamAccount torn = line.account;
    reinterpret_cast<uint8_t*>(&torn)[at] = UINT8_MAX;
    const StreamReport left = torn.report();
    if (!torn.is_sound() || left.runs_used != 1 || left.other_runs != 0 || left.lost != 5) continue;
    ++torn_tables;
    torn.on_resume();
    const StreamReport r = torn.report();
    EXPECT_EQ(r.received + r.lost + r.lost_by_us, r.expected);
    EXPECT_EQ(r.lost, 5U);
    EXPECT_EQ(r.other_runs, 1U);
    EXPECT_EQ(r.other_packets, 5U);
  }
  EXPECT_EQ(torn_tables, 1);
}

TEST(StreamAccount, ABeginningOutOfOrderBelowNumberZeroIsSound) {
  StreamAccount account(1, 8000);
  account.on_packet(0, 160, kMs);
  account.on_packet(65'535, 0, 2 * kMs);
  EXPECT_TRUE(account.is_sound());
  EXPECT_EQ(account.report().expected, 2U);
  EXPECT_EQ(account.report().lost, 0U);
}

// A killed process leaves any moment of a packet behind: whatever was stored last, the sums hold.
TEST(StreamAccount, ResumingMakesHalfAPacketWhole) {
  Line line;
  line.many(0, 300);
  line.many(304, 600);
  StreamAccount before = line.account;
  line.one(600);
  const StreamAccount after = line.account;
  for (size_t torn = 0; torn <= sizeof before; torn += 8) {
    StreamAccount half = before;
    std::memcpy(static_cast<void*>(&half), static_cast<const void*>(&after), torn);
    half.on_resume();
    half.on_packet(static_cast<uint16_t>(line.first_seq + 640), line.first_ts + 640 * kStep,
                   line.now + 640 * 20 * kMs);
    const StreamReport r = half.report();
    EXPECT_EQ(r.received + r.lost + r.lost_by_us, r.expected) << torn;
    EXPECT_EQ(r.lost, 4U) << torn;
    EXPECT_NEAR(static_cast<double>(r.lost_by_us), 39.5, 1) << torn;
  }
}

}  // namespace
}  // namespace holdfast::media
