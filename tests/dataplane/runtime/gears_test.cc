// SPDX-License-Identifier: Apache-2.0
// The choice between polling, napping and waiting, with frames and time in the test's hands.
#include "dataplane/runtime/gears.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace holdfast::dataplane {
namespace {

using Gear = Gears::Gear;

constexpr uint64_t kUs = 1'000;
constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kS = 1'000'000'000;
constexpr uint64_t kDefaultNapNs = 1'000 * kUs;
constexpr uint64_t kWakeUpNs = 20 * kUs;
constexpr unsigned kBurst = 32;

// A packet loop over a queue that frames enter at a steady rate, as LcoreLoop drives it.
class Lcore {
 public:
  explicit Lcore(uint64_t longest_nap_ns = kDefaultNapNs, uint64_t empty_poll_ns = 100)
      : gears_(longest_nap_ns), empty_poll_ns_(static_cast<double>(empty_poll_ns)) {}

  // `frame_ns`: the work of a frame. `poll_ns`: what a poll that finds frames costs beside.
  void run(uint64_t for_ns, double frames_per_s, double frame_ns, double poll_ns = 100) {
    polls_ = pauses_ = most_waiting_ = longest_nap_ = 0;
    for (const uint64_t end = now_ns_ + for_ns; now_ns_ < end;) {
      const uint64_t polled_at = now_ns_;
      const auto frames = static_cast<unsigned>(std::min<uint64_t>(kBurst, waiting()));
      most_waiting_ = std::max(most_waiting_, waiting());
      taken_ += frames;
      ++polls_;
      const Gear gear = gears_.polled(polled_at, frames);
      advance(frames > 0 ? poll_ns + frames * frame_ns : empty_poll_ns_, frames_per_s);
      if (frames > 0 || gear == Gear::poll) continue;
      ++pauses_;
      if (gear == Gear::nap) {
        longest_nap_ = std::max(longest_nap_, gears_.nap_ns());
        advance(static_cast<double>(gears_.nap_ns() + kWakeUpNs), frames_per_s);
      } else {
        const double until_frame_s =
            (std::floor(arrived_) + 1 - arrived_) / std::max(frames_per_s, 1e-3);
        advance(std::min(until_frame_s * 1e9 + 1, 0.5 * kS), frames_per_s);
      }
    }
  }

  // A poll that finds frames and takes so long: the CPU is taken away in the midst of its work, or
  // it has `requests` to serve.
  void hold_up(uint64_t for_ns, double frames_per_s, unsigned requests = 0) {
    advance(1e9 / frames_per_s + 1, frames_per_s);
    const auto frames = static_cast<unsigned>(std::min<uint64_t>(kBurst, waiting()));
    taken_ += frames;
    gears_.polled(now_ns_, frames, requests);
    advance(static_cast<double>(for_ns), frames_per_s);
  }

  Gear gear() const { return gears_.gear(); }
  uint64_t nap_ns() const { return gears_.nap_ns(); }
  uint64_t pauses() const { return pauses_; }
  uint64_t most_waiting() const { return most_waiting_; }
  uint64_t longest_nap() const { return longest_nap_; }

 private:
  uint64_t waiting() const { return static_cast<uint64_t>(arrived_) - taken_; }
  void advance(double ns, double frames_per_s) {
    now_ns_ += static_cast<uint64_t>(ns);
    arrived_ += frames_per_s * std::floor(ns) / 1e9;
  }

  Gears gears_;
  double empty_poll_ns_;
  uint64_t now_ns_ = kS;
  double arrived_ = 0;
  uint64_t taken_ = 0;
  uint64_t polls_ = 0;
  uint64_t pauses_ = 0;
  uint64_t most_waiting_ = 0;
  uint64_t longest_nap_ = 0;
};

struct Row {
  const char* name;
  double frames_per_s;
  double frame_ns;
  Gear gear;
  uint64_t least_nap_ns;
  uint64_t most_nap_ns;
};

// Sockets of the kernel cost about 2.5 us a frame, ports of shared memory 0.15 us.
const Row kRows[] = {
    {"nothing", 0, 2'500, Gear::wait, 0, 0},
    {"one call", 100, 2'500, Gear::wait, 0, 0},
    {"nine calls: less than a frame in the longest nap", 900, 2'500, Gear::wait, 0, 0},
    {"twenty calls", 2'000, 2'500, Gear::nap, kDefaultNapNs, kDefaultNapNs},
    {"a hundred calls", 10'000, 2'500, Gear::nap, kDefaultNapNs, kDefaultNapNs},
    {"work for 80 us is enough", 64'000, 2'500, Gear::nap, 450 * kUs, 520 * kUs},
    {"half a queue is the most", 1'000'000, 150, Gear::nap, 400 * kUs, 530 * kUs},
    {"a third of the lcore", 2'600'000, 150, Gear::poll, 0, 0},
    {"half of the lcore", 3'300'000, 150, Gear::poll, 0, 0},
    {"half of an lcore with slow ports", 200'000, 2'500, Gear::poll, 0, 0},
    {"more than it can carry", 9'000'000, 150, Gear::poll, 0, 0},
};

TEST(Gears, FollowTheRate) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    Lcore lcore;
    lcore.run(100 * kMs, row.frames_per_s, row.frame_ns);
    lcore.run(150 * kMs, row.frames_per_s, row.frame_ns);
    EXPECT_EQ(lcore.gear(), row.gear);
    if (row.gear == Gear::poll) {
      EXPECT_LE(lcore.pauses(), 2U);  // probes
    } else if (row.gear == Gear::nap) {
      EXPECT_GE(lcore.nap_ns(), row.least_nap_ns);
      EXPECT_LE(lcore.nap_ns(), row.most_nap_ns);
    }
  }
}

TEST(Gears, ANapIsNeverLongerThanAsked) {
  for (const uint64_t longest : {50 * kUs, 200 * kUs, 1'000 * kUs, 10'000 * kUs}) {
    for (const double rate : {100, 1'000, 10'000, 100'000, 500'000, 1'000'000, 5'000'000}) {
      Lcore lcore(longest);
      lcore.run(200 * kMs, rate, 150);
      EXPECT_LE(lcore.longest_nap(), longest) << rate << " frames/s";
    }
  }
}

TEST(Gears, NoNapAtAllWhenNoneIsAllowed) {
  Lcore lcore(0);
  lcore.run(200 * kMs, 1'000, 150);
  EXPECT_EQ(lcore.pauses(), 0U);
  EXPECT_EQ(lcore.gear(), Gear::poll);
}

// In the gears below poll a wake-up that comes late by as much as the nap must find room.
TEST(Gears, WhatGathersFitsHalfAQueue) {
  for (const double rate : {1'000, 5'000, 30'000, 150'000, 500'000, 1'000'000, 1'900'000}) {
    Lcore lcore;
    lcore.run(100 * kMs, rate, 150);
    lcore.run(150 * kMs, rate, 150);
    EXPECT_LE(lcore.most_waiting(), Gears::kFramesOfNap * 11 / 10) << rate << " frames/s";
  }
}

TEST(Gears, ASurgeIsSeenBeforeTheWindowEnds) {
  Lcore lcore;
  lcore.run(300 * kMs, 10'000, 150);
  ASSERT_EQ(lcore.gear(), Gear::nap);
  lcore.run(5 * kMs, 3'000'000, 150);
  EXPECT_EQ(lcore.gear(), Gear::poll);
  EXPECT_LE(lcore.pauses(), 3U);
}

TEST(Gears, FromPollDownAgain) {
  Lcore lcore;
  lcore.run(100 * kMs, 8'000'000, 120);
  ASSERT_EQ(lcore.gear(), Gear::poll);
  // By ones and twos a frame costs more than in a burst; that is not held against a nap.
  lcore.run(200 * kMs, 1'000'000, 120, 250);
  EXPECT_EQ(lcore.gear(), Gear::nap);
  lcore.run(100 * kMs, 0, 120);
  EXPECT_EQ(lcore.gear(), Gear::wait);
}

// A cost that was measured in bad times is measured again, at once and not after a minute.
TEST(Gears, PollIsLeftWhenACostProvesWrong) {
  Lcore lcore(kDefaultNapNs, 20 * kUs);
  lcore.run(100 * kMs, 20'000, 20'000);
  ASSERT_EQ(lcore.gear(), Gear::poll);
  lcore.run(kS, 20'000, 20'000, 30'000);
  ASSERT_EQ(lcore.gear(), Gear::poll) << "dear frames by ones";
  lcore.run(Gears::kProbeEveryNs + 2 * Gears::kWindowNs, 20'000, 2'000, 30'000);
  EXPECT_EQ(lcore.gear(), Gear::nap) << "frames that are dear by ones and cheap together";
}

TEST(Gears, AColdStartDoesNotPollForLong) {
  Lcore lcore;
  lcore.run(50 * kMs, 1'000'000, 600);
  ASSERT_EQ(lcore.gear(), Gear::poll);
  lcore.run(100 * kMs, 1'000'000, 150, 400);
  EXPECT_EQ(lcore.gear(), Gear::nap);
}

TEST(Gears, ProbesDelayLessThanOnePacketInAThousand) {
  for (const auto& [rate, frame_ns] : {std::pair{3'300'000, 150}, {200'000, 2'500}}) {
    SCOPED_TRACE(rate);
    Lcore lcore;
    lcore.run(1'300 * kMs, rate, frame_ns);
    ASSERT_EQ(lcore.gear(), Gear::poll);
    lcore.run(2 * kS, rate, frame_ns);
    EXPECT_EQ(lcore.gear(), Gear::poll);
    EXPECT_GE(lcore.pauses(), 1U);
    EXPECT_LE(lcore.pauses(), 3U);
    EXPECT_LE(lcore.longest_nap(), Gears::kProbeNapNs);
    EXPECT_LE(lcore.pauses() * (lcore.longest_nap() + kWakeUpNs), 2 * kS / 1'000);
  }
}

// One poll in four milliseconds takes 900 us: other work, not the frames' cost.
TEST(Gears, AFewDearGathersAreNoLoad) {
  Lcore lcore;
  lcore.run(100 * kMs, 1'000'000, 150);
  for (int i = 0; i < 200; ++i) {
    lcore.run(4 * kMs, 1'000'000, 150);
    lcore.hold_up(900 * kUs, 1'000'000);
    ASSERT_EQ(lcore.gear(), Gear::nap);
  }
}

TEST(Gears, RequestsAreNoFrames) {
  Lcore lcore;
  lcore.run(100 * kMs, 20'000, 2'500);
  for (int i = 0; i < 200; ++i) {
    for (int n = 0; n < 4; ++n) lcore.hold_up(600 * kUs, 20'000, 4);
    lcore.run(2 * kMs, 20'000, 2'500);
    ASSERT_EQ(lcore.gear(), Gear::nap);
  }
}

// The CPU is away for 8 of each 20 ms: that is not the frames' work.
TEST(Gears, OtherWorkOnTheCpuIsNoLoad) {
  Lcore lcore;
  lcore.run(100 * kMs, 10'000, 2'500);
  uint64_t pauses = 0;
  for (int i = 0; i < 50; ++i) {
    lcore.run(12 * kMs, 10'000, 2'500);
    pauses += lcore.pauses();
    lcore.hold_up(8 * kMs, 10'000);
  }
  EXPECT_EQ(lcore.gear(), Gear::nap);
  EXPECT_GE(pauses, 50U * 10);
}

// Between the two loads it stays as it is, so that a steady rate does not change gears all the
// time.
TEST(Gears, HoldBetweenTheTwoLoads) {
  const double rate = 2'000'000;  // 0.29 of an lcore at 145 ns
  Lcore falling;
  falling.run(100 * kMs, 4'000'000, 145, 0);
  falling.run(150 * kMs, rate, 145, 0);
  falling.run(150 * kMs, rate, 145, 0);
  EXPECT_EQ(falling.gear(), Gear::poll);
  EXPECT_LE(falling.pauses(), 2U);  // probes
  Lcore rising;
  rising.run(100 * kMs, 1'000'000, 145, 0);
  rising.run(150 * kMs, rate, 145, 0);
  EXPECT_EQ(rising.gear(), Gear::nap);
}

}  // namespace
}  // namespace holdfast::dataplane
