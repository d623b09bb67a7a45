// SPDX-License-Identifier: Apache-2.0
// What holds for every sequence of events: legal transitions, the hold-down, and a way out of
// survival.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>

#include "tests/sip/health_driver.hh"

namespace holdfast::sip {
namespace {

bool is_legal(HealthState from, HealthState to) {
  using S = HealthState;
  return (from == S::online && to == S::suspect) || (from == S::suspect && to == S::online) ||
         (from == S::suspect && to == S::survival) ||
         (from == S::survival && to == S::recovering) ||
         (from == S::recovering && to == S::survival) || (from == S::recovering && to == S::online);
}
bool is_worse(const Transition& t) {
  return t.to == HealthState::suspect || t.to == HealthState::survival;
}

// Random servers, answers, evidence and jumps of the clock.
class Storm {
 public:
  explicit Storm(uint32_t seed) : random_(seed), health_(0, {}, [this] { return next(); }) {
    for (uint32_t i = 0, count = 1 + next() % 3; i < count; ++i)
      all_.push_back(upstream(("198.18.2." + std::to_string(i + 1) + ":8060").c_str()));
    health_.set_upstreams(0, all_);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
  }

  void step() {
    if (next() % 150 == 0) healthy_ = !healthy_;
    now_ += next() % 4 == 0 ? next() % 3000 : next() % 50;
    health_.advance(now_);
    while (const auto probe = health_.next_probe(now_)) open_.push_back(probe->number);
    if (open_.size() > 16) open_.erase(open_.begin());
    const Upstream& target = all_[next() % all_.size()];
    switch (next() % 8) {
      case 0:
        if (next() % 100 == 0 || !healthy_)
          health_.observed(now_, target, static_cast<Evidence>(next() % 14), now_ - now_ % 2000);
        break;
      case 1:
        health_.answered(now_, target, {healthy_ ? 200 : 503, {}, {}, next() % 100}, now_);
        break;
      case 2:
        if (!healthy_ && !open_.empty())
          health_.probe_send_failed(now_, open_[next() % open_.size()]);
        break;
      case 3:
        health_.hand_back_pending(now_, next() % 3);
        break;
      case 4:
        if (next() % 50 == 0) health_.set_upstreams(now_, next() % 2 ? all_ : std::vector{all_[0]});
        break;
      default:
        if ((healthy_ || next() % 20 == 0) && !open_.empty())
          health_.probe_answered(now_, open_[next() % open_.size()], {200, {}, {}, {}});
    }
    for (const Transition& t : health_.take_transitions()) transitions_.push_back(t);
  }

  uint32_t next() { return static_cast<uint32_t>(random_()); }

  std::mt19937 random_;
  std::vector<Upstream> all_;
  UpstreamHealth health_;
  uint64_t now_ = 0;
  bool healthy_ = true;
  std::vector<uint32_t> open_;
  std::vector<Transition> transitions_;
};

TEST(UpstreamHealthProperty, TransitionsAreLegalChainedAndHeldDown) {
  std::set<std::pair<HealthState, HealthState>> seen;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    Storm storm(seed);
    storm.run(5000);
    HealthState state = HealthState::suspect;
    std::optional<uint64_t> worsened;
    for (const Transition& t : storm.transitions_) {
      EXPECT_EQ(t.from, state) << seed;
      EXPECT_TRUE(is_legal(t.from, t.to)) << seed;
      seen.emplace(t.from, t.to);
      if (is_worse(t)) {
        worsened = t.at_ms;
      } else if (t.from != HealthState::recovering && worsened) {
        EXPECT_GE(t.at_ms, *worsened + HealthConfig{}.hold_down_ms) << seed;
      }
      state = t.to;
    }
    EXPECT_EQ(state, storm.health_.state());
    EXPECT_LE(storm.transitions_.size(), 4 * (storm.now_ / HealthConfig{}.hold_down_ms + 1));
  }
  EXPECT_EQ(seen.size(), 6u) << "the storm must walk every edge";
}

TEST(UpstreamHealthProperty, AnsweredLongEnoughEveryStateLeadsOnline) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    Storm storm(seed);
    storm.run(1000);
    const uint64_t start = storm.now_;
    const HealthConfig config;
    // Worst case: a silent probe, the hold-down, three probes at the slowest pace, the hand-back.
    const uint64_t enough = config.probe_timeout_ms + 2 * config.hold_down_ms +
                            4 * config.probe_online_ms + config.hand_back_max_ms;
    for (uint64_t now = start; now <= start + enough; now += 20) {
      storm.health_.advance(now);
      while (const auto probe = storm.health_.next_probe(now))
        storm.health_.probe_answered(now, probe->number, {200, {}, {}, {}});
      EXPECT_FALSE(now > start + enough / 2 && storm.health_.state() == HealthState::survival);
    }
    EXPECT_EQ(storm.health_.state(), HealthState::online) << seed;
  }
}

TEST(UpstreamHealthProperty, SilentLongEnoughEveryStateLeadsToSurvivalAndProbesAreFew) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    Storm storm(seed);
    storm.run(1000);
    const uint64_t start = storm.now_, probes = storm.health_.counters().probes_sent;
    for (uint64_t now = start; now <= start + 60000; now += 20) {
      storm.health_.advance(now);
      while (storm.health_.next_probe(now)) {
      }
      if (now <= start + 10000) continue;
      ASSERT_EQ(storm.health_.state(), HealthState::survival) << seed;
    }
    EXPECT_LE(storm.health_.counters().probes_sent - probes, 60 * storm.all_.size()) << seed;
  }
}

// A loop that sleeps until the deadline misses nothing and never spins.
TEST(UpstreamHealthProperty, DeadlineIsEnough) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    Storm storm(seed);
    storm.run(1000);
    uint64_t now = storm.now_;
    size_t wakes = 0;
    const uint64_t end = now + 400000;
    while (now < end && ++wakes < 2000) {
      storm.health_.advance(now);
      while (const auto probe = storm.health_.next_probe(now))
        storm.health_.probe_answered(now, probe->number, {200, {}, {}, {}});
      ASSERT_GT(storm.health_.deadline_ms(), now) << seed;
      now = storm.health_.deadline_ms();
    }
    EXPECT_LT(wakes, 2000u) << seed;
    EXPECT_EQ(storm.health_.state(), HealthState::online) << seed;
  }
}

}  // namespace
}  // namespace holdfast::sip
