// SPDX-License-Identifier: Apache-2.0
// The table of docs/accounting.md, row by row: what each pattern of arrivals must add up to.
#include "media/stream_account.hh"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/media/rtp_line.hh"

namespace holdfast::media {
namespace {

using test::kMs;
using test::kStart;
using test::kStep;
using test::Line;

struct Want {
  uint64_t expected = 0;
  uint64_t received = 0;
  std::map<uint32_t, uint32_t> runs{};
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  uint64_t strays = 0;
  uint32_t restarts = 0;
};

struct Row {
  std::string name;
  std::function<void(Line&)> play;
  Want want;
};

void judge(const Row& row) {
  SCOPED_TRACE(row.name);
  Line line;
  row.play(line);
  const StreamReport r = line.account.report();
  std::map<uint32_t, uint32_t> runs{};
  uint64_t in_runs = r.other_packets;
  for (const LossRun& run : r.loss_runs()) {
    runs[run.length] = run.count;
    in_runs += uint64_t{run.length} * run.count;
  }
  EXPECT_EQ(r.expected, row.want.expected);
  EXPECT_EQ(r.received, row.want.received);
  EXPECT_EQ(r.lost, row.want.expected - row.want.received);
  EXPECT_EQ(r.duplicates, row.want.duplicates);
  EXPECT_EQ(r.reordered, row.want.reordered);
  EXPECT_EQ(r.strays, row.want.strays);
  EXPECT_EQ(r.restarts, row.want.restarts);
  EXPECT_EQ(runs, row.want.runs);
  EXPECT_EQ(in_runs, r.lost);
  EXPECT_EQ(r.received + r.duplicates + r.strays, line.told);
}

TEST(StreamAccount, FirstNumber) {
  for (const uint32_t seq :
       {0U, 1U, 31U, 32U, 100U, 256U, 511U, 512U, 32767U, 32768U, 65534U, 65535U}) {
    Line line;
    line.first_seq = static_cast<uint16_t>(seq);
    line.many(0, 50);
    const StreamReport r = line.account.report();
    EXPECT_EQ(r.first_seq, seq);
    EXPECT_EQ(r.expected, 50U) << seq;
    EXPECT_EQ(r.received, 50U) << seq;
    EXPECT_EQ(r.lost, 0U) << seq;
    EXPECT_EQ(r.last_ext_seq, uint64_t{seq} + 49);
    EXPECT_EQ(r.restarts, 0U);
  }
}

TEST(StreamAccount, AClockRateThatIsLearnedLateMeasuresFromThereOn) {
  StreamAccount late(1, 0);
  for (uint16_t n = 0; n < 100; ++n) late.on_packet(n, n * 960U, kStart + n * 20 * kMs);
  EXPECT_GT(late.report().jitter_max_ticks, 0U) << "sums with the wrong clock";
  late.set_clock_rate(48000);
  for (uint16_t n = 100; n < 200; ++n) late.on_packet(n, n * 960U, kStart + n * 20 * kMs);
  EXPECT_EQ(late.report().jitter_max_ticks, 0U);
  EXPECT_EQ(late.report().received, 200U);
}

TEST(StreamAccount, BurstsOfEveryLength) {
  for (const uint32_t n :
       {1U,    2U,    31U,   33U,   60U,     63U,     64U,     65U,    99U,   100U,
        101U,  127U,  128U,  510U,  511U,    512U,    513U,    1000U,  2998U, 2999U,
        3000U, 3001U, 4999U, 5000U, 20'000U, 32'000U, 32'768U, 60'000U}) {
    judge({"burst of " + std::to_string(n),
           [n](Line& l) {
             l.many(0, 700);
             l.many(700 + int64_t{n}, 1400 + int64_t{n});
           },
           {1400 + n, 1400, {{n, 1}}}});
    judge({"burst of " + std::to_string(n) + " at the end of a short stream",
           [n](Line& l) {
             l.many(0, 5);
             l.one(5 + int64_t{n});
           },
           {6 + n, 6, {{n, 1}}}});
  }
}

TEST(StreamAccount, ReorderingByEveryDistance) {
  for (int64_t d = 1; d <= 100; ++d) {
    judge({"one packet late by " + std::to_string(d),
           [d](Line& l) {
             l.many(0, 600);
             l.many(601, 601 + d);
             l.one(600, d * 20);
             l.many(601 + d, 1400);
           },
           {1400, 1400, {}, 0, 1}});
    judge({"the first packet late by " + std::to_string(d),
           [d](Line& l) {
             l.many(1, 1 + d);
             l.one(0, d * 20);
             l.many(1 + d, 700);
           },
           {700, 700, {}, 0, 1}});
    judge({"a block of numbers reversed, " + std::to_string(d),
           [d](Line& l) {
             l.many(0, 600);
             for (int64_t n = 600 + d; n >= 600; --n) l.one(n, (600 + d - n) * 20);
             l.many(601 + d, 1400);
           },
           {1400, 1400, {}, 0, static_cast<uint64_t>(d)}});
  }
}

const Row kRows[] = {
    {"one packet", [](Line& l) { l.one(0); }, {1, 1}},
    {"in order", [](Line& l) { l.many(0, 2000); }, {2000, 2000}},
    {"every tenth lost",
     [](Line& l) {
       for (int64_t n = 0; n < 2000; ++n)
         if (n % 10 != 5) l.one(n);
     },
     {2000, 1800, {{1, 200}}}},
    {"runs of 1, 2 and 3",
     [](Line& l) {
       l.many(0, 10);
       l.many(11, 20);
       l.many(22, 30);
       l.many(33, 1000);
     },
     {1000, 994, {{1, 1}, {2, 1}, {3, 1}}}},
    {"the last run is still in the window",
     [](Line& l) {
       l.many(0, 1000);
       l.many(1003, 1005);
     },
     {1005, 1002, {{3, 1}}}},
    {"truncated tail: what never came after the last packet is unknown, not lost",
     [](Line& l) { l.many(0, 900); },
     {900, 900}},
    {"a late packet splits a run",
     [](Line& l) {
       l.many(0, 100);
       l.many(107, 110);
       l.one(102, 160);
       l.many(110, 800);
     },
     {800, 794, {{2, 1}, {4, 1}}, 0, 1}},
    {"a late packet shortens a run",
     [](Line& l) {
       l.many(0, 100);
       l.many(105, 110);
       l.one(100, 200);
       l.many(110, 800);
     },
     {800, 796, {{4, 1}}, 0, 1}},
    {"two gaps with one packet between are two runs",
     [](Line& l) {
       l.many(0, 100);
       l.one(600);
       l.many(1101, 1200);
     },
     {1200, 200, {{500, 2}}}},
    {"a long gap filled in its newest part only",
     [](Line& l) {
       l.many(0, 100);
       l.one(1100);
       l.one(1099, 20);
       l.one(1050, 1000);
       l.many(1101, 1800);
     },
     {1800, 802, {{950, 1}, {48, 1}}, 0, 2}},
    {"wrap in order",
     [](Line& l) {
       l.first_seq = 65'000;
       l.many(0, 2000);
     },
     {2000, 2000}},
    {"wrap three times", [](Line& l) { l.many(0, 200'000); }, {200'000, 200'000}},
    {"loss across the wrap",
     [](Line& l) {
       l.first_seq = 65'436;
       l.many(0, 90);
       l.many(110, 1000);
     },
     {1000, 980, {{20, 1}}}},
    {"reordering across the wrap",
     [](Line& l) {
       l.first_seq = 65'526;
       l.many(0, 8);
       l.one(11);
       l.one(8, 60);
       l.one(10, 40);
       l.one(9, 80);
       l.many(12, 100);
     },
     {100, 100, {}, 0, 3}},
    {"first packets reordered over the wrap",
     [](Line& l) {
       l.first_seq = 65'535;
       l.one(1);
       l.one(0, 40);
       l.many(2, 100);
     },
     {100, 100, {}, 0, 1}},
    {"each packet twice",
     [](Line& l) {
       for (int64_t n = 0; n < 1000; ++n) {
         l.one(n);
         l.one(n, 1);
       }
     },
     {1000, 1000, {}, 1000}},
    {"a copy 100 packets late",
     [](Line& l) {
       l.many(0, 700);
       l.one(599, 2000);
       l.many(700, 800);
     },
     {800, 800, {}, 1}},
    {"a late packet and its copy",
     [](Line& l) {
       l.many(0, 600);
       l.many(601, 610);
       l.one(600, 200);
       l.one(600, 201);
       l.many(610, 700);
     },
     {700, 700, {}, 1, 1}},
    {"a second path that runs 150 packets behind",
     [](Line& l) {
       for (int64_t n = 0; n < 1000; ++n) {
         l.one(n);
         if (n >= 150) l.one(n - 150, 3001);
       }
     },
     {1000, 1000, {}, 850}},
    {"200 copies, 300 packets late, all at once",
     [](Line& l) {
       l.many(0, 900);
       for (int64_t n = 600; n < 800; ++n) l.one(n, (900 - n) * 20);
       l.many(900, 1500);
     },
     {1500, 1500, {}, 200}},
    {"60 s of silence, timestamps run on",
     [](Line& l) {
       l.many(0, 600);
       l.silence = 60'000;
       l.many(600, 1200);
     },
     {1200, 1200}},
    {"10 minutes of hold, then the next number",
     [](Line& l) {
       l.many(0, 600);
       l.silence = 600'000;
       l.many(600, 1200);
     },
     {1200, 1200}},
    {"10 minutes of hold, timestamps stood still",
     [](Line& l) {
       l.many(0, 600);
       l.now += 600'000 * kMs;
       l.many(600, 1200);
     },
     {1200, 1200}},
    {"10 minutes of hold, then a new beginning",
     [](Line& l) {
       l.many(0, 600);
       l.restart(600, 40'000, 123, 600'000);
       l.many(0, 600);
     },
     {1200, 1200, {}, 0, 0, 0, 1}},
    {"restart with new random first values",
     [](Line& l) {
       l.many(0, 600);
       l.restart(600, 33'000, 3'000'000'000);
       l.many(0, 600);
     },
     {1200, 1200, {}, 0, 0, 0, 1}},
    {"restart, timestamps run on",
     [](Line& l) {
       l.many(0, 600);
       l.restart(600, 20'000, 5'000'000 + 600 * kStep);
       l.many(0, 600);
     },
     {1200, 1200, {}, 0, 0, 0, 1}},
    {"restart 2000 numbers ahead, where A.1 would book 1999 lost",
     [](Line& l) {
       l.many(0, 600);
       l.restart(600, 3600, 77);
       l.many(0, 600);
     },
     {1200, 1200, {}, 0, 0, 0, 1}},
    {"restart 50 numbers back, timestamps run on, where A.1 would see 50 copies",
     [](Line& l) {
       l.many(0, 600);
       l.restart(600, 1550, 5'000'000 + 600 * kStep);
       l.many(0, 600);
     },
     {1200, 1200, {}, 0, 0, 0, 1}},
    {"restart with loss before and after",
     [](Line& l) {
       l.many(0, 500);
       l.many(503, 600);
       l.restart(600, 9, 9);
       l.many(0, 100);
       l.many(102, 600);
     },
     {1200, 1195, {{2, 1}, {3, 1}}, 0, 0, 0, 1}},
    {"restart, its first two packets swapped",
     [](Line& l) {
       l.many(0, 600);
       l.restart(600, 30'000, 9);
       l.one(1);
       l.one(0, 20);
       l.many(2, 600);
     },
     {1200, 1200, {}, 0, 1, 0, 1}},
    {"restart, its second packet lost",
     [](Line& l) {
       l.many(0, 600);
       l.restart(600, 30'000, 9);
       l.one(0);
       l.many(2, 600);
     },
     {1200, 1199, {{1, 1}}, 0, 0, 0, 1}},
    {"restart, then a straggler of the run before",
     [](Line& l) {
       l.many(0, 600);
       l.restart(600, 30'000, 9);
       l.many(0, 10);
       l.account.on_packet(1599, 5'000'000 + 599 * kStep, l.now + 190 * kMs);
       ++l.told;
       l.many(10, 600);
     },
     {1200, 1200, {}, 0, 0, 1, 1}},
    {"a clip of 1000 packets, three times over",
     [](Line& l) {
       for (int turn = 0; turn < 3; ++turn) {
         l.many(0, 1000);
         l.restart(1000, l.first_seq, l.first_ts);
       }
     },
     {3000, 3000, {}, 0, 0, 0, 2}},
    {"a clip of 236 packets, inside the window, three times over",
     [](Line& l) {
       for (int turn = 0; turn < 3; ++turn) {
         l.many(0, 236);
         l.restart(236, l.first_seq, l.first_ts);
       }
     },
     {708, 708, {}, 0, 0, 0, 2}},
    {"a clip of 50 packets, too short to tell from copies",
     [](Line& l) {
       for (int turn = 0; turn < 2; ++turn) {
         l.many(0, 50);
         l.restart(50, l.first_seq, l.first_ts);
       }
     },
     {50, 50, {}, 50}},
    {"a stray far ahead",
     [](Line& l) {
       l.many(0, 600);
       l.account.on_packet(30'000, 1, l.now + 600 * 20 * kMs);
       ++l.told;
       l.many(600, 1200);
     },
     {1200, 1200, {}, 0, 0, 1}},
    {"a stray 1000 ahead, which A.1 would follow",
     [](Line& l) {
       l.many(0, 600);
       l.account.on_packet(2600, 1, l.now + 600 * 20 * kMs);
       ++l.told;
       l.many(600, 1200);
     },
     {1200, 1200, {}, 0, 0, 1}},
    {"a stray as the very last packet",
     [](Line& l) {
       l.many(0, 600);
       l.account.on_packet(30'000, 1, l.now + 600 * 20 * kMs);
       ++l.told;
     },
     {600, 600, {}, 0, 0, 1}},
    {"strays that follow one another while the stream goes on",
     [](Line& l) {
       l.many(0, 600);
       for (int64_t n = 0; n < 100; ++n) {
         l.account.on_packet(static_cast<uint16_t>(30'000 + n), 1, l.now + 600 * 20 * kMs);
         ++l.told;
         l.one(600 + n);
       }
     },
     {700, 700, {}, 0, 0, 100}},
    {"a telephone event: one timestamp for many packets",
     [](Line& l) {
       l.many(0, 600);
       for (int64_t n = 600; n < 610; ++n) {
         l.account.on_packet(static_cast<uint16_t>(l.first_seq + n),
                             static_cast<uint32_t>(l.first_ts + 600 * kStep),
                             l.now + static_cast<uint64_t>(n) * 20 * kMs);
         ++l.told;
       }
       l.many(610, 1200);
     },
     {1200, 1200}},
};

TEST(StreamAccount, Table) {
  for (const Row& row : kRows) judge(row);
}

TEST(StreamAccount, NothingYet) {
  const StreamAccount account(7, 8000);
  EXPECT_TRUE(account.empty());
  const StreamReport r = account.report();
  EXPECT_EQ(r.ssrc, 7U);
  EXPECT_EQ(r.expected, 0U);
  EXPECT_EQ(r.lost, 0U);
}

TEST(StreamAccount, ExtendedNumberCountsWraps) {  // RFC 3550 A.1
  Line line;
  line.first_seq = 65'535;
  line.many(0, 65'537 + 10);
  EXPECT_EQ(line.account.report().last_ext_seq, 65'535U + 65'536 + 10);
}

TEST(StreamAccount, ReportChangesNothing) {
  Line line;
  line.many(0, 100);
  line.many(103, 200);
  line.account.report();
  line.one(101, 2000);
  EXPECT_EQ(line.account.report().lost, 2U);
}

TEST(StreamAccount, ACopyOfTheBytesReportsTheSame) {
  Line line;
  line.many(0, 100);
  line.many(103, 200);
  StreamAccount copy;
  std::memcpy(static_cast<void*>(&copy), &line.account, sizeof copy);
  EXPECT_EQ(copy.report().lost, 3U);
  EXPECT_EQ(copy.report().ssrc, 0x1a2b3c4dU);
}

TEST(StreamAccount, AClockThatCannotBe) {
  for (const uint32_t rate : {0U, 1U, 999'999'999U, 1'000'000'000U, 0xffffffffU}) {
    StreamAccount account(1, rate);
    for (uint32_t n = 0; n < 1000; ++n)
      account.on_packet(static_cast<uint16_t>(n * 7), n * 0x10001, ~uint64_t{0} - n);
    const StreamReport r = account.report();
    EXPECT_EQ(r.received + r.lost, r.expected);
  }
}

}  // namespace
}  // namespace holdfast::media
