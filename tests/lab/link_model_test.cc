// SPDX-License-Identifier: Apache-2.0
// The impairments of a link direction, with injected time and seeded chance.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "lab/link/direction.hh"

namespace holdfast::lab {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr size_t kQueue = 4096;

struct Arrival {
  int64_t at_ns;
  uint32_t number;
  bool operator==(const Arrival&) const = default;
};

// Feeds numbered frames and notes which leave when, at the exact times the direction asks for.
class LinkModel : public testing::Test {
 protected:
  explicit LinkModel(size_t queue = kQueue) : queue_(queue) {}

  void start(const std::vector<std::string>& words, uint64_t seed = 1) {
    Rules rules;
    ASSERT_EQ(apply_settings(rules, words), "");
    direction_.emplace(rules, seed, queue_, pool_);
  }
  void set(const std::vector<std::string>& words) {
    Rules rules = direction_->rules();
    ASSERT_EQ(apply_settings(rules, words), "");
    direction_->set_rules(rules);
  }
  void offer(uint32_t number, size_t length = 200) {
    run_until(now_ns_);
    Frame* frame = pool_.take();
    ASSERT_NE(frame, nullptr);
    frame->length = static_cast<uint16_t>(length);
    std::memset(frame->data(), 0, length);
    std::memcpy(frame->data() + length - sizeof number, &number, sizeof number);
    direction_->accept(frame, now_ns_);
  }
  // Frames first..last, one each step.
  void offer_many(uint32_t first, uint32_t last, int64_t step_ns = kMs) {
    for (uint32_t n = first; n <= last; ++n) {
      offer(n);
      now_ns_ += step_ns;
    }
  }
  void run_until(int64_t end_ns) {
    while (direction_->next_due_ns() <= end_ns) collect(direction_->next_due_ns());
  }
  void finish() {
    run_until(kNever_ns - 1);
    const LinkCounters& c = direction_->counters();
    uint64_t dropped = 0;
    for (const uint64_t n : c.dropped) dropped += n;
    EXPECT_EQ(c.in + c.duplicated, c.out + dropped + direction_->queued());
    EXPECT_EQ(direction_->queued(), 0u);
    EXPECT_EQ(pool_.available(), kPool) << "a frame leaked";
  }
  std::vector<uint32_t> numbers() const {
    std::vector<uint32_t> out;
    for (const Arrival& a : out_) out.push_back(a.number);
    return out;
  }

  static constexpr size_t kPool = kQueue + 8;
  size_t queue_;
  FramePool pool_{kPool};
  std::optional<Direction> direction_;
  int64_t now_ns_ = 0;
  std::vector<Arrival> out_;

 private:
  void collect(int64_t at_ns) {
    std::array<Frame*, 33> frames;
    size_t n = frames.size();
    while (n == frames.size()) {
      n = direction_->collect(frames, at_ns);
      for (size_t i = 0; i < n; ++i) {
        uint32_t number = 0;
        std::memcpy(&number, frames[i]->data() + frames[i]->length - sizeof number, sizeof number);
        out_.push_back({at_ns, number});
        pool_.give(frames[i]);
      }
    }
  }
};

class SmallQueue : public LinkModel {
 protected:
  SmallQueue() : LinkModel(8) {}
};

TEST_F(LinkModel, transparent_by_default) {
  start({});
  offer_many(1, 3);
  finish();
  EXPECT_EQ(out_, (std::vector<Arrival>{{0, 1}, {kMs, 2}, {2 * kMs, 3}}));
}

TEST_F(LinkModel, delay_is_exact) {
  start({"delay=20ms"});
  offer_many(1, 3);
  EXPECT_TRUE(out_.empty());
  finish();
  EXPECT_EQ(out_, (std::vector<Arrival>{{20 * kMs, 1}, {21 * kMs, 2}, {22 * kMs, 3}}));
}

TEST_F(LinkModel, jitter_keeps_order_and_stays_in_its_range) {
  start({"delay=20ms", "jitter=10ms"});
  offer_many(0, 999);
  finish();
  ASSERT_EQ(out_.size(), 1000u);
  bool varied = false;
  for (uint32_t n = 0; n < 1000; ++n) {
    EXPECT_EQ(out_[n].number, n);
    const int64_t delay_ns = out_[n].at_ns - int64_t{n} * kMs;
    EXPECT_GE(delay_ns, 20 * kMs);
    EXPECT_LE(delay_ns, 30 * kMs);
    varied = varied || delay_ns > 25 * kMs;
  }
  EXPECT_TRUE(varied);
}

TEST_F(LinkModel, jitter_without_order_overtakes) {
  start({"jitter=10ms", "order=off"});
  offer_many(0, 999);
  finish();
  ASSERT_EQ(out_.size(), 1000u);
  EXPECT_FALSE(std::is_sorted(out_.begin(), out_.end(), [](const Arrival& a, const Arrival& b) {
    return a.number < b.number;
  }));
}

TEST_F(LinkModel, random_loss_is_near_its_share_and_the_same_from_the_same_seed) {
  start({"loss=2%"}, 7);
  offer_many(1, 50'000, 1000);
  finish();
  const std::vector<uint32_t> first = numbers();
  EXPECT_NEAR(static_cast<double>((*direction_).counters()[LinkDrop::loss]), 1000, 130);  // 4 sigma

  out_.clear();
  direction_->reset();
  offer_many(1, 50'000, 1000);
  finish();
  EXPECT_EQ(numbers(), first);

  out_.clear();
  direction_->seed(8);
  offer_many(1, 50'000, 1000);
  finish();
  EXPECT_NE(numbers(), first);
}

TEST_F(LinkModel, one_rule_does_not_move_the_choices_of_another) {
  start({"loss=2%"}, 7);
  offer_many(1, 5000, 1000);
  finish();
  const uint64_t lost = direction_->counters()[LinkDrop::loss];
  std::vector<uint32_t> first = numbers();

  direction_->reset();
  out_.clear();
  set({"loss=2%", "duplicate=10%", "reorder=5%", "jitter=3ms", "order=off"});
  offer_many(1, 5000, 1000);
  finish();
  EXPECT_EQ(direction_->counters()[LinkDrop::loss], lost);
  std::vector<uint32_t> second = numbers();
  std::sort(second.begin(), second.end());
  second.erase(std::unique(second.begin(), second.end()), second.end());
  EXPECT_EQ(second, first);
}

TEST_F(LinkModel, loss_in_runs_has_the_wanted_mean_and_run_length) {
  start({"loss-burst=5%:8"}, 3);
  static constexpr uint32_t kFrames = 400'000;
  offer_many(1, kFrames, 1000);
  finish();
  uint32_t runs = 0;
  uint32_t expected = 1;
  for (const Arrival& a : out_) {
    runs += a.number != expected ? 1 : 0;
    expected = a.number + 1;
  }
  const auto lost = static_cast<double>(direction_->counters()[LinkDrop::loss_burst]);
  EXPECT_NEAR(lost / kFrames, 0.05, 0.005);
  EXPECT_NEAR(lost / runs, 8, 0.5);
}

TEST_F(LinkModel, burst_drops_exactly_the_next_frames) {
  start({});
  offer_many(1, 10);
  direction_->drop_next(60);
  offer_many(11, 100);
  finish();
  EXPECT_EQ(direction_->counters()[LinkDrop::burst], 60u);
  ASSERT_EQ(out_.size(), 40u);
  EXPECT_EQ(out_[9].number, 10u);
  EXPECT_EQ(out_[10].number, 71u);
}

TEST_F(LinkModel, burst_counts_matching_frames_only) {
  start({"match=udp:20000-29999"});
  direction_->drop_next(60);
  offer_many(1, 100);  // zeroed frames are no UDP
  finish();
  EXPECT_EQ(out_.size(), 100u);
  EXPECT_EQ(direction_->burst_left(), 60u);
}

TEST_F(LinkModel, reordered_frame_falls_back_by_n_positions) {
  for (const uint32_t by : {1u, 3u, 100u}) {
    out_.clear();
    start({"reorder=100%", "reorder-by=" + std::to_string(by)});
    offer(1);
    set({"reorder=0.000001%"});
    offer_many(2, 150);
    finish();
    ASSERT_EQ(out_.size(), 150u);
    EXPECT_EQ(out_[0].number, 2u);
    EXPECT_EQ(out_[by].number, 1u) << "by " << by;
    EXPECT_EQ(out_[by].at_ns, out_[by - 1].at_ns);
  }
}

TEST_F(LinkModel, reordered_frame_that_nobody_follows_leaves_after_the_hold) {
  start({"reorder=100%"});
  offer(1);
  finish();
  EXPECT_EQ(out_, (std::vector<Arrival>{{kMaxHold_ns, 1}}));
}

TEST_F(LinkModel, frames_held_back_leave_when_reordering_is_set_off) {
  start({"reorder=100%"});
  offer_many(1, 3);
  set({"reorder=0%"});
  finish();
  EXPECT_EQ(numbers(), (std::vector<uint32_t>{1, 2, 3}));
}

TEST_F(LinkModel, all_held_back_is_bounded) {
  start({"reorder=100%", "reorder-by=1000"});
  offer_many(1, 3000, 100);
  finish();
  EXPECT_EQ(out_.size(), 3000u);
}

TEST_F(LinkModel, duplicate_sends_twice) {
  start({"duplicate=100%", "delay=5ms"});
  offer_many(1, 2);
  finish();
  EXPECT_EQ(numbers(), (std::vector<uint32_t>{1, 1, 2, 2}));
  EXPECT_EQ(direction_->counters().duplicated, 2u);
}

TEST_F(LinkModel, rate_spaces_frames_and_drops_what_would_wait_too_long) {
  start({"rate=1.6mbit", "rate-queue=5ms"});  // 200 bytes take 1 ms
  for (uint32_t n = 1; n <= 10; ++n) offer(n);
  finish();
  EXPECT_EQ(
      out_,
      (std::vector<Arrival>{
          {1 * kMs, 1}, {2 * kMs, 2}, {3 * kMs, 3}, {4 * kMs, 4}, {5 * kMs, 5}, {6 * kMs, 6}}));
  EXPECT_EQ(direction_->counters()[LinkDrop::rate_queue], 4u);
}

TEST_F(LinkModel, rate_is_held_in_the_long_run) {
  start({"rate=8mbit"});
  for (uint32_t n = 0; n < 100'000; ++n) {  // 20,000 frames/s of 1,000 bytes for 5 s
    offer(n, 1000);
    now_ns_ += 50'000;
  }
  finish();
  EXPECT_NEAR(static_cast<double>(out_.size()), 5000, 60);
}

TEST_F(SmallQueue, full_queue_drops_by_name) {
  start({"delay=1s"});
  offer_many(1, 20);
  finish();
  EXPECT_EQ(out_.size(), 8u);
  EXPECT_EQ(direction_->counters()[LinkDrop::queue_full], 12u);
}

TEST_F(LinkModel, cut_loses_what_comes_and_what_is_under_way) {
  start({"delay=20ms", "reorder=50%"});
  offer_many(1, 10);
  set({"cut=on"});
  offer_many(11, 20);
  EXPECT_EQ(direction_->counters()[LinkDrop::cut], 20u);
  set({"cut=off", "delay=0", "reorder=0%"});
  const int64_t healed_ns = now_ns_;
  offer(21);
  finish();
  EXPECT_EQ(out_, (std::vector<Arrival>{{healed_ns, 21}}));
}

TEST_F(LinkModel, heal_returns_to_the_rules_of_the_start) {
  start({"delay=1ms"});
  set({"loss=100%", "delay=5ms"});
  offer(1);
  direction_->heal();
  offer(2);
  finish();
  EXPECT_EQ(out_, (std::vector<Arrival>{{kMs, 2}}));
}

TEST_F(LinkModel, reset_with_frames_under_way_keeps_the_books_balanced) {
  start({"delay=20ms"});
  offer_many(1, 10);
  direction_->drop_next(5);
  direction_->reset();
  EXPECT_EQ(direction_->burst_left(), 0u);
  offer_many(11, 12);
  finish();
  EXPECT_EQ(direction_->counters().out, 12u);
}

TEST_F(LinkModel, shorter_delay_does_not_overtake_frames_under_way) {
  start({"delay=50ms"});
  offer(1);
  set({"delay=0"});
  offer(2);
  finish();
  EXPECT_EQ(numbers(), (std::vector<uint32_t>{1, 2}));
}

TEST_F(LinkModel, frame_without_the_tag_to_pop_is_dropped) {
  start({"vlan-pop=100"});
  offer(1);
  finish();
  EXPECT_TRUE(out_.empty());
  EXPECT_EQ(direction_->counters()[LinkDrop::vlan_other], 1u);
}

TEST_F(LinkModel, pushed_tag_is_on_the_frame_and_counts_for_the_rate) {
  start({"vlan-push=100:5", "rate=1.6mbit"});  // 204 bytes take 1.02 ms
  offer(1);
  EXPECT_EQ(direction_->next_due_ns(), 1'020'000);
  std::array<Frame*, 1> frames;
  ASSERT_EQ(direction_->collect(frames, 1'020'000), 1u);
  EXPECT_EQ(frames[0]->length, 204);
  EXPECT_TRUE(pop_vlan(*frames[0], 100));
  pool_.give(frames[0]);
  finish();
}

TEST_F(LinkModel, send_failure_is_a_drop_and_not_a_frame_out) {
  start({});
  offer(1);
  std::array<Frame*, 1> frames;
  ASSERT_EQ(direction_->collect(frames, 0), 1u);
  direction_->send_failed();
  pool_.give(frames[0]);
  EXPECT_EQ(direction_->counters().out, 0u);
  finish();
}

}  // namespace
}  // namespace holdfast::lab
