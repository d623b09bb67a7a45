// SPDX-License-Identifier: Apache-2.0
// The impairments of one direction of a link, and the queue in which its frames wait.
#include "lab/link/direction.hh"

#include <algorithm>
#include <cstring>

namespace holdfast::lab {

double Chance::draw() {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

// The streams start far apart: their seeds differ in the high byte.
Direction::Draws::Draws(uint64_t seed)
    : loss(seed ^ (uint64_t{1} << 56)),
      loss_burst(seed ^ (uint64_t{2} << 56)),
      duplicate(seed ^ (uint64_t{3} << 56)),
      reorder(seed ^ (uint64_t{4} << 56)),
      jitter(seed ^ (uint64_t{5} << 56)) {}

Direction::Direction(const Rules& start, uint64_t seed, size_t max_queued, FramePool& pool)
    : start_(start),
      rules_(start),
      seed_(seed),
      max_queued_(max_queued),
      pool_(pool),
      draws_(seed) {
  queue_.reserve(max_queued + kMaxHeldFrames);
  held_.reserve(kMaxHeldFrames);
}

void Direction::accept(Frame* frame, int64_t now_ns) {
  ++counters_.in;
  release_expired(now_ns);
  if (rules_.cut) return drop(frame, LinkDrop::cut);
  if (rules_.vlan_pop && !pop_vlan(*frame, *rules_.vlan_pop)) {
    return drop(frame, LinkDrop::vlan_other);
  }
  if (rules_.vlan_push && !push_vlan(*frame, static_cast<uint16_t>(rules_.vlan_push->pcp << 13 |
                                                                   rules_.vlan_push->id))) {
    return drop(frame, LinkDrop::oversize);
  }

  bool twice = false;
  bool held_back = false;
  if (matches(rules_.match, frame->view())) {
    ++counters_.matched;
    // Every matching frame makes every draw, so that its fate depends on the seed and its number
    // alone.
    const bool random_loss = draws_.loss.draw() < rules_.loss;
    const bool run_loss = loss_burst_step();
    twice = draws_.duplicate.draw() < rules_.duplicate;
    held_back = draws_.reorder.draw() < rules_.reorder;
    if (burst_left_ > 0) {
      --burst_left_;
      return drop(frame, LinkDrop::burst);
    }
    if (random_loss) return drop(frame, LinkDrop::loss);
    if (run_loss) return drop(frame, LinkDrop::loss_burst);
  }

  int64_t due_ns = 0;
  if (!departure(*frame, now_ns, due_ns)) return drop(frame, LinkDrop::rate_queue);
  if (queued() >= max_queued_) return drop(frame, LinkDrop::queue_full);
  if (held_back && held_.size() < kMaxHeldFrames) {
    ++counters_.reordered;
    held_.push_back({due_ns, now_ns + kMaxHold_ns, rules_.reorder_by, frame});
    return;
  }
  if (twice) duplicate(*frame, due_ns);
  enqueue(frame, due_ns);
  release_held(due_ns);
}

// Gilbert-Elliott: with mean loss m and mean run length L, a bad state ends with probability 1/L
// and begins with m / (L (1 - m)).
bool Direction::loss_burst_step() {
  const LossBurst& burst = rules_.loss_burst;
  const double draw = draws_.loss_burst.draw();
  if (burst.mean_loss <= 0) {
    in_bad_state_ = false;
  } else if (in_bad_state_) {
    in_bad_state_ = draw >= 1 / burst.mean_length;
  } else {
    in_bad_state_ = draw < burst.mean_loss / (burst.mean_length * (1 - burst.mean_loss));
  }
  return in_bad_state_;
}

// When the frame leaves: after its turn at the rate, the delay and the jitter. False when it would
// wait too long for the rate.
bool Direction::departure(const Frame& frame, int64_t now_ns, int64_t& due_ns) {
  due_ns = now_ns;
  if (rules_.rate_bps > 0) {
    const int64_t start_ns = std::max(now_ns, line_free_ns_);
    if (start_ns - now_ns > rules_.rate_queue_ns) return false;
    line_free_ns_ =
        start_ns + static_cast<int64_t>(8e9 * frame.length / static_cast<double>(rules_.rate_bps));
    due_ns = line_free_ns_;
  }
  const double share = draws_.jitter.draw();
  due_ns += rules_.delay_ns + static_cast<int64_t>(share * static_cast<double>(rules_.jitter_ns));
  if (rules_.keep_order) due_ns = std::max(due_ns, last_due_ns_);
  last_due_ns_ = std::max(due_ns, last_due_ns_);
  return true;
}

bool Direction::later(const Entry& a, const Entry& b) {
  return a.due_ns != b.due_ns ? a.due_ns > b.due_ns : a.order > b.order;
}

void Direction::enqueue(Frame* frame, int64_t due_ns) {
  queue_.push_back({due_ns, next_order_++, frame});
  std::push_heap(queue_.begin(), queue_.end(), later);
}

void Direction::duplicate(const Frame& frame, int64_t due_ns) {
  Frame* copy = queued() + 1 < max_queued_ ? pool_.take() : nullptr;
  if (copy == nullptr) return;
  std::memcpy(copy->bytes, frame.bytes, frame.start + size_t{frame.length});
  copy->start = frame.start;
  copy->length = frame.length;
  ++counters_.duplicated;
  enqueue(copy, due_ns);
}

// One more frame has passed those held back; who has been passed often enough follows it.
void Direction::release_held(int64_t due_ns) {
  std::erase_if(held_, [&](Held& held) {
    if (--held.left > 0) return false;
    enqueue(held.frame, std::max(held.due_ns, due_ns));
    return true;
  });
}

void Direction::release_expired(int64_t now_ns) {
  std::erase_if(held_, [&](const Held& held) {
    if (held.deadline_ns > now_ns) return false;
    enqueue(held.frame, std::max(held.due_ns, held.deadline_ns));
    return true;
  });
}

size_t Direction::collect(std::span<Frame*> out, int64_t now_ns) {
  release_expired(now_ns);
  size_t n = 0;
  while (n < out.size() && !queue_.empty() && queue_.front().due_ns <= now_ns) {
    std::pop_heap(queue_.begin(), queue_.end(), later);
    out[n++] = queue_.back().frame;
    queue_.pop_back();
  }
  counters_.out += n;
  return n;
}

int64_t Direction::next_due_ns() const {
  int64_t due_ns = queue_.empty() ? kNever_ns : queue_.front().due_ns;
  for (const Held& held : held_) due_ns = std::min(due_ns, held.deadline_ns);
  return due_ns;
}

void Direction::set_rules(const Rules& rules) {
  rules_ = rules;
  if (rules_.rate_bps == 0) line_free_ns_ = 0;
  if (rules_.reorder <= 0) {  // nobody will be held back any more: let those go who are
    for (const Held& held : held_) enqueue(held.frame, held.due_ns);
    held_.clear();
  }
  if (rules_.cut) drop_all_queued(LinkDrop::cut);
}

void Direction::reset() {
  heal();
  drop_next(0);
  const uint64_t in_flight = queued();
  counters_ = {};
  counters_.in = in_flight;  // they will yet be counted as out
  seed(seed_);
}

void Direction::seed(uint64_t seed) {
  seed_ = seed;
  draws_ = Draws(seed);
  in_bad_state_ = false;
}

void Direction::drop(Frame* frame, LinkDrop reason) {
  ++counters_[reason];
  pool_.give(frame);
}

void Direction::drop_all_queued(LinkDrop reason) {
  for (const Entry& entry : queue_) drop(entry.frame, reason);
  for (const Held& held : held_) drop(held.frame, reason);
  queue_.clear();
  held_.clear();
  last_due_ns_ = 0;  // nothing is left that a new frame could overtake
}

}  // namespace holdfast::lab
