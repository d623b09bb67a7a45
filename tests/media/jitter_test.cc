// SPDX-License-Identifier: Apache-2.0
// Interarrival jitter against a second reckoning in floating point (RFC 3550 section 6.4.1, A.8).
#include "media/jitter.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "media/stream_account.hh"

namespace holdfast::media {
namespace {

struct Packet {
  double arrival_ms;
  uint32_t timestamp;
};

constexpr uint32_t kRate = 8000;

StreamReport account_of(const std::vector<Packet>& packets) {
  StreamAccount account(1, kRate);
  uint16_t sequence = 0;
  for (const Packet& p : packets)
    account.on_packet(sequence++, p.timestamp,
                      1'700'000'000'000'000'000 + static_cast<uint64_t>(p.arrival_ms * 1e6));
  return account.report();
}

// Steady packets of 20 ms, each late by what `late_ms(n)` says.
template <typename Late>
std::vector<Packet> steady(int count, Late late_ms) {
  std::vector<Packet> packets;
  for (int n = 0; n < count; ++n)
    packets.push_back({1000 + n * 20 + late_ms(n), static_cast<uint32_t>(n) * 160 + 0xfffff000U});
  return packets;
}

TEST(Jitter, NoneWhenSteadyAcrossTheTimestampWrap) {
  const StreamReport r = account_of(steady(2000, [](int) { return 0.0; }));
  EXPECT_LE(r.jitter_max_ticks, 1U);  // arrival is rounded to ticks
  EXPECT_LT(r.jitter_mean_ticks, 1.0);
}

TEST(Jitter, AlternatingLatenessConvergesToItsStep) {
  const StreamReport r = account_of(steady(2000, [](int n) { return n % 2 == 0 ? 0.0 : 5.0; }));
  EXPECT_NEAR(r.jitter_last_ticks, 40, 1);  // 5 ms at 8 kHz, every time
  EXPECT_NEAR(r.jitter_max_ticks, 40, 1);
}

TEST(Jitter, FollowsTheFormulaOnRandomLateness) {
  std::mt19937 random(7);
  std::exponential_distribution<double> late(1.0 / 4);
  const auto packets = steady(5000, [&](int) { return late(random); });
  double jitter = 0;
  double sum = 0;
  double max = 0;
  for (size_t n = 1; n < packets.size(); ++n) {
    const double spacing = packets[n].arrival_ms - packets[n - 1].arrival_ms;
    jitter += (std::fabs(spacing - 20) * kRate / 1000 - jitter) / 16;
    sum += jitter;
    max = std::max(max, jitter);
  }
  const StreamReport r = account_of(packets);
  EXPECT_NEAR(r.jitter_last_ticks, jitter, 2);
  EXPECT_NEAR(r.jitter_max_ticks, max, 2);
  EXPECT_NEAR(r.jitter_mean_ticks, sum / static_cast<double>(packets.size() - 1), 1);
}

struct Row {
  std::string name;
  std::vector<Packet> packets;
};

TEST(Jitter, WhatIsNoJitter) {
  std::vector<Packet> silence = steady(100, [](int) { return 0.0; });
  for (int n = 0; n < 100; ++n)
    silence.push_back({silence.back().arrival_ms + (n == 0 ? 60'000 : 20),
                       silence.back().timestamp + (n == 0 ? 480'000U : 160U)});
  std::vector<Packet> hold = steady(100, [](int) { return 0.0; });
  for (int n = 0; n < 100; ++n)
    hold.push_back(
        {hold.back().arrival_ms + (n == 0 ? 600'000 : 20), hold.back().timestamp + 160U});
  std::vector<Packet> event = steady(100, [](int) { return 0.0; });
  for (int n = 0; n < 10; ++n)
    event.push_back({event.back().arrival_ms + 20, event[99].timestamp + 160});
  for (int n = 0; n < 100; ++n)
    event.push_back(
        {event.back().arrival_ms + 20, event.back().timestamp + (n == 0 ? 1600U : 160U)});
  const Row rows[] = {
      {"60 s of silence, the timestamp runs on", silence},
      {"10 minutes of hold, the timestamp stands still: a break, not jitter", hold},
      {"RFC 4733 telephone event: ten packets of one timestamp", event},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_LE(account_of(row.packets).jitter_max_ticks, 1U);
  }
}

TEST(Jitter, CopiesAndRestartsAreNotCompared) {
  StreamAccount account(1, kRate);
  uint64_t now = 1'000'000'000;
  for (uint16_t n = 0; n < 200; ++n, now += 20'000'000) {
    account.on_packet(n, n * 160U, now);
    account.on_packet(n, n * 160U, now + 9'000'000);  // a copy, 9 ms late
  }
  for (uint16_t n = 0; n < 200; ++n, now += 20'000'000)
    account.on_packet(static_cast<uint16_t>(30'000 + n), 4'000U + n * 160U, now);
  const StreamReport r = account.report();
  EXPECT_EQ(r.restarts, 1U);
  EXPECT_EQ(r.duplicates, 200U);
  EXPECT_LE(r.jitter_max_ticks, 1U);
}

TEST(Jitter, ABreakThatStaysCostsOneSample) {
  const auto packets = steady(1000, [](int n) { return n < 500 ? 0.0 : 2500.0; });
  EXPECT_LE(account_of(packets).jitter_max_ticks, 1U);
  const auto shorter = steady(1000, [](int n) { return n < 500 ? 0.0 : 1500.0; });
  EXPECT_NEAR(account_of(shorter).jitter_max_ticks, 750, 2) << "1.5 s late is jitter: 12000 / 16";
}

}  // namespace
}  // namespace holdfast::media
