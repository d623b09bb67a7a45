// SPDX-License-Identifier: Apache-2.0
// One direction of a link: decides for each frame whether, how often and when it leaves. Pure:
// time is handed in, chance comes from the seed, frames come from and return to the given pool.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "lab/link/frame.hh"
#include "lab/link/rules.hh"

namespace holdfast::lab {

// One list gives the drop reasons, their order and their names.
#define HOLDFAST_LINK_DROPS(X) \
  X(cut)                       \
  X(burst)                     \
  X(loss)                      \
  X(loss_burst)                \
  X(rate_queue)                \
  X(queue_full)                \
  X(vlan_other)                \
  X(oversize)                  \
  X(send_failed)

enum class LinkDrop : uint8_t {
#define X(name) name,
  HOLDFAST_LINK_DROPS(X)
#undef X
};
inline constexpr std::array kLinkDropNames{
#define X(name) std::string_view(#name),
    HOLDFAST_LINK_DROPS(X)
#undef X
};

// At every moment: in + duplicated = out + queued + all of dropped.
struct LinkCounters {
  uint64_t in = 0;
  uint64_t out = 0;
  uint64_t matched = 0;
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  std::array<uint64_t, kLinkDropNames.size()> dropped{};
  uint64_t& operator[](LinkDrop reason) { return dropped[static_cast<size_t>(reason)]; }
  uint64_t operator[](LinkDrop reason) const { return dropped[static_cast<size_t>(reason)]; }
};

// A stream of fair draws for one kind of event: SplitMix64 (Steele, Lea, Flood 2014). Each kind has
// its own stream, so that a change of one rule does not move the choices of another.
class Chance {
 public:
  explicit Chance(uint64_t seed) : state_(seed) {}
  double draw();  // uniform in [0, 1)

 private:
  uint64_t state_;
};

inline constexpr int64_t kNever_ns = std::numeric_limits<int64_t>::max();
inline constexpr size_t kMaxHeldFrames = 1024;         // reordered frames that wait
inline constexpr int64_t kMaxHold_ns = 1'000'000'000;  // then they go, followed or not

class Direction {
 public:
  // The pool must have room for max_queued frames beyond what its other users hold.
  Direction(const Rules& start, uint64_t seed, size_t max_queued, FramePool& pool);

  // Takes ownership of the frame. Times never go back.
  void accept(Frame* frame, int64_t now_ns);
  // Moves frames whose time has come into out, in order, and counts them as out; the caller gives
  // them back to the pool. Returns how many; call again while out comes back full.
  size_t collect(std::span<Frame*> out, int64_t now_ns);
  // When collect() has something to do next, or kNever_ns.
  int64_t next_due_ns() const;

  const Rules& rules() const { return rules_; }
  void set_rules(const Rules& rules);
  void drop_next(uint64_t frames) { burst_left_ = frames; }  // matching ones
  void heal() { set_rules(start_); }                         // the rules of the start
  void reset();              // heal, forget bursts, counters to zero, chance back to the seed
  void seed(uint64_t seed);  // chance starts anew from here

  const LinkCounters& counters() const { return counters_; }
  size_t queued() const { return queue_.size() + held_.size(); }
  uint64_t burst_left() const { return burst_left_; }
  // A collected frame that the wire refused was not sent after all.
  void send_failed() { --counters_.out, ++counters_[LinkDrop::send_failed]; }
  // A frame that was too long for a slot never becomes a frame here.
  void count_oversize() { ++counters_.in, ++counters_[LinkDrop::oversize]; }

 private:
  struct Entry {
    int64_t due_ns;
    uint64_t order;
    Frame* frame;
  };
  struct Held {
    int64_t due_ns;
    int64_t deadline_ns;
    uint32_t left;  // frames still to pass it
    Frame* frame;
  };
  struct Draws {
    Chance loss, loss_burst, duplicate, reorder, jitter;
    explicit Draws(uint64_t seed);
  };

  bool loss_burst_step();
  bool departure(const Frame& frame, int64_t now_ns, int64_t& due_ns);
  void enqueue(Frame* frame, int64_t due_ns);
  void duplicate(const Frame& frame, int64_t due_ns);
  void release_held(int64_t due_ns);
  void release_expired(int64_t now_ns);
  void drop(Frame* frame, LinkDrop reason);
  void drop_all_queued(LinkDrop reason);
  static bool later(const Entry& a, const Entry& b);

  const Rules start_;
  Rules rules_;
  uint64_t seed_;
  size_t max_queued_;
  FramePool& pool_;
  Draws draws_;
  std::vector<Entry> queue_;  // a heap, earliest first
  std::vector<Held> held_;
  uint64_t next_order_ = 0;
  int64_t last_due_ns_ = 0;
  int64_t line_free_ns_ = 0;  // when the rate lets the next frame start
  bool in_bad_state_ = false;
  uint64_t burst_left_ = 0;
  LinkCounters counters_;
};

}  // namespace holdfast::lab
