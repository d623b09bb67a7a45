// SPDX-License-Identifier: Apache-2.0
// Thousands of random streams, each impaired at random and judged by an oracle that knows what was
// sent.
//
// The oracle sees whole packet indices, keeps plain sets and shares nothing with the accounting.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "media/stream_account.hh"

namespace holdfast::media {
namespace {

constexpr uint64_t kStepNs = 20'000'000;
constexpr uint32_t kStepTicks = 160;

struct Arrival {
  uint64_t at_ns;
  int run;        // -1: a stray
  int64_t index;  // of the packet in its run
  uint16_t sequence;
  uint32_t timestamp;
};

struct Truth {
  uint64_t expected = 0;
  uint64_t received = 0;
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  uint64_t strays = 0;
  std::map<uint64_t, uint64_t> runs;
};

class Sender {
 public:
  explicit Sender(uint32_t seed) : random_(seed) {
    loss_ = chance({0, 0, 0.01, 0.05, 0.3});
    late_ = chance({0, 0, 0.01, 0.1, 0.4});
    copy_ = chance({0, 0, 0.01, 0.1, 0.5});
    burst_ = chance({0, 0.001, 0.01});
    stray_ = chance({0, 0, 0.002});
    farthest_late_ = pick(1, 100);
    longest_burst_ = pick(1, 5000);
  }

  std::vector<Arrival> send() {
    std::vector<Arrival> all;
    const int64_t runs = pick(1, 4);
    for (int run = 0; run < runs; ++run) {
      std::vector<Arrival> arrivals = send_run(run, pick(1, 1500));
      std::stable_sort(arrivals.begin(), arrivals.end(),
                       [](const Arrival& a, const Arrival& b) { return a.at_ns < b.at_ns; });
      all.insert(all.end(), arrivals.begin(), arrivals.end());
      next_place(arrivals);
    }
    return all;
  }

 private:
  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  bool happens(double p) { return std::bernoulli_distribution(p)(random_); }
  double chance(std::vector<double> of) {
    return of[static_cast<size_t>(pick(0, static_cast<int64_t>(of.size()) - 1))];
  }

  std::vector<Arrival> send_run(int run, int64_t count) {
    std::vector<Arrival> arrivals;
    int64_t silent_steps = 0;
    int64_t gap_end = 0;
    int64_t last_stray = 0;
    for (int64_t i = 0; i < count || i < gap_end + 5; ++i) {
      // A sender that begins anew is known by its first packets: those come through, in order.
      const bool calm = run > 0 && i < 5;
      if (i < gap_end) continue;
      if (!calm && happens(burst_)) {
        gap_end = i + pick(1, longest_burst_);
        continue;
      }
      if (happens(0.001)) silent_steps += pick(1, 3000);  // up to a minute
      if (!calm && happens(loss_)) continue;
      arrivals.push_back(packet(run, i, silent_steps, calm ? 0 : lateness(late_)));
      if (!calm && happens(copy_)) arrivals.push_back(packet(run, i, silent_steps, lateness(0.9)));
      if (i > last_stray + 300 && i + 300 < count && happens(stray_)) {
        last_stray = i;
        Arrival stray = packet(-1, i + pick(20'000, 40'000), silent_steps, 0);
        stray.at_ns = arrivals.back().at_ns;
        stray.timestamp = static_cast<uint32_t>(pick(0, 0xffffffffLL));
        arrivals.push_back(stray);
      }
    }
    if (arrivals.empty()) arrivals.push_back(packet(run, 0, 0, 0));
    return arrivals;
  }

  int64_t lateness(double p) { return happens(p) ? pick(1, farthest_late_) : 0; }

  Arrival packet(int run, int64_t index, int64_t silent_steps, int64_t late_steps) {
    const auto steps = static_cast<uint64_t>(index + silent_steps);
    const auto noise_ns = static_cast<uint64_t>(pick(0, 900'000));
    return {start_ns_ + (steps + static_cast<uint64_t>(late_steps)) * kStepNs + noise_ns, run,
            index, static_cast<uint16_t>(first_sequence_ + index),
            static_cast<uint32_t>(first_timestamp_ + steps * kStepTicks)};
  }

  // Where and when the next run begins: nowhere near, on a clock of its own.
  void next_place(const std::vector<Arrival>& arrivals) {
    int64_t highest = 0;
    for (const Arrival& a : arrivals)
      if (a.run >= 0) highest = std::max(highest, a.index);
    const uint32_t timestamp = arrivals.back().timestamp;
    start_ns_ = arrivals.back().at_ns + static_cast<uint64_t>(pick(1, 500)) * kStepNs;
    first_sequence_ = static_cast<uint16_t>(first_sequence_ + highest + pick(201, 65'535 - 600));
    first_timestamp_ = timestamp + static_cast<uint32_t>(pick(100'000'000, 4'000'000'000));
  }

  std::mt19937 random_;
  double loss_, late_, copy_, burst_, stray_;
  int64_t farthest_late_, longest_burst_;
  uint64_t start_ns_ = 1'700'000'000'000'000'000;
  uint16_t first_sequence_ = static_cast<uint16_t>(pick(0, 65'535));
  uint32_t first_timestamp_ = static_cast<uint32_t>(pick(0, 0xffffffffLL));
};

Truth truth_of(const std::vector<Arrival>& arrivals) {
  Truth truth;
  std::map<int, std::set<int64_t>> runs;
  for (const Arrival& a : arrivals) {
    if (a.run < 0) {
      ++truth.strays;
      continue;
    }
    std::set<int64_t>& came = runs[a.run];
    const bool late = !came.empty() && a.index < *came.rbegin();
    if (!came.insert(a.index).second)
      ++truth.duplicates;
    else if (late)
      ++truth.reordered;
  }
  for (const auto& [run, came] : runs) {
    truth.expected += static_cast<uint64_t>(*came.rbegin() - *came.begin() + 1);
    truth.received += came.size();
    int64_t before = *came.begin();
    for (const int64_t index : came) {
      if (index > before + 1) ++truth.runs[static_cast<uint64_t>(index - before - 1)];
      before = index;
    }
  }
  return truth;
}

void play(uint32_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  const std::vector<Arrival> arrivals = Sender(seed).send();
  const Truth truth = truth_of(arrivals);
  StreamAccount account(seed, 8000);
  for (const Arrival& a : arrivals) account.on_packet(a.sequence, a.timestamp, a.at_ns);
  const StreamReport r = account.report();
  ASSERT_EQ(r.expected, truth.expected);
  ASSERT_EQ(r.received, truth.received);
  ASSERT_EQ(r.lost, truth.expected - truth.received);
  ASSERT_EQ(r.duplicates, truth.duplicates);
  ASSERT_EQ(r.reordered, truth.reordered);
  ASSERT_EQ(r.strays, truth.strays);
  uint64_t told_runs = 0;
  for (const LossRun& run : r.loss_runs()) {
    const auto at = truth.runs.find(run.length);
    ASSERT_NE(at, truth.runs.end()) << "no gap of " << run.length;
    // Once the table is full a length that has a place still counts there.
    ASSERT_EQ(run.count, at->second) << "gaps of " << run.length;
    told_runs += run.count;
  }
  uint64_t all_runs = 0;
  for (const auto& [length, count] : truth.runs) all_runs += count;
  ASSERT_EQ(told_runs + r.other_runs, all_runs);
  if (truth.runs.size() <= LossRuns::kLengths) {
    ASSERT_EQ(r.other_runs, 0U);
  }
}

TEST(StreamAccountProperty, RandomStreamsAgreeWithTheOracle) {
  for (uint32_t seed = 1; seed <= 3000 && !::testing::Test::HasFatalFailure(); ++seed) play(seed);
}

}  // namespace
}  // namespace holdfast::media
