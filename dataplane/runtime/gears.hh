// SPDX-License-Identifier: Apache-2.0
// When a packet loop polls, naps or waits: chosen from what it found lately.
#pragma once

#include <cstdint>

namespace holdfast::dataplane {

// Three gears; docs/decisions/0004 has the measurements behind the numbers.
//   poll  no pause. From kPollLoad on, where naps would save little.
//   nap   one poll, then a sleep in which frames gather, whatever comes meanwhile: so long that the
//         next poll has work worth a wake-up, and never longer than the longest nap.
//   wait  until a frame comes. Where a nap would gather less than one, this costs less and delays
//         nothing.
// Pure: time is handed in, nothing is called. One thread.
class Gears {
 public:
  enum class Gear : uint8_t { poll, nap, wait };

  // A wake-up costs 10 to 20 us: work for 80 us makes it a small part of the whole.
  static constexpr uint64_t kWorkOfNapNs = 80'000;
  // Half of a queue of 1,024: a wake-up that is late by as much as the nap loses nothing.
  static constexpr uint64_t kFramesOfNap = 512;
  // More than what a nap was to gather: the rate has risen, do not wait for the window's end.
  static constexpr uint64_t kSurge = kFramesOfNap * 5 / 4;
  // In 20 ms each stream of voice has one packet, so the count is steady.
  static constexpr uint64_t kWindowNs = 20'000'000;
  // Load is the part of the time that the frames would take if they were gathered. Half of what the
  // lcore can carry is well above.
  static constexpr double kPollLoad = 1.0 / 3;
  static constexpr double kNapLoad = 1.0 / 4;  // from poll back to nap

  // What a gathered frame costs is seen in nap alone: poll is entered from there, and left for a
  // window now and then, lest a figure that other work has spoilt keeps it.
  static constexpr uint64_t kTrustNs = 60'000'000'000;

  // 0: it polls, always.
  explicit Gears(uint64_t longest_nap_ns)
      : longest_nap_ns_(longest_nap_ns), gear_(longest_nap_ns == 0 ? Gear::poll : Gear::wait) {}

  // After each poll. `now_ns`: read before that poll; `frames`: how many it had. The loop pauses
  // after a poll without any, if the gear that this returns says so.
  Gear polled(uint64_t now_ns, unsigned frames) {
    if (longest_nap_ns_ == 0) return gear_;
    if (worked_ > 0) work_until(now_ns);
    polled_ns_ = now_ns;
    worked_ = frames;
    if (window_.start_ns == 0) window_.start_ns = now_ns;
    if (since_pause_.start_ns == 0) since_pause_.start_ns = now_ns;
    if (frames == 0 && gear_ != Gear::poll && since_pause_.frames > kSurge) {
      shift(since_pause_, now_ns);
    } else if (now_ns - window_.start_ns >= kWindowNs) {
      shift(window_, now_ns);
    }
    window_.frames += frames;
    since_pause_.frames += frames;
    // What a nap gathered took as long as the nap; what ends a wait comes after it.
    if (frames == 0) since_pause_ = {gear_ == Gear::nap ? now_ns : 0};
    return gear_;
  }
  uint64_t nap_ns() const { return nap_ns_; }

 private:
  struct Tally {
    uint64_t start_ns = 0;
    uint64_t frames = 0;
    uint64_t worked = 0;  // of those: whose work is in busy_ns
    uint64_t busy_ns = 0;
  };

  // Other work had the CPU in the midst of a poll that took this long: it says nothing of frames.
  static constexpr uint64_t kInterruptedNs = 1'000'000;
  void work_until(uint64_t now_ns) {
    const uint64_t took_ns = now_ns - polled_ns_;
    if (took_ns >= kInterruptedNs) return;
    window_.worked += worked_;
    window_.busy_ns += took_ns;
    since_pause_.worked += worked_;
    since_pause_.busy_ns += took_ns;
  }
  void shift(const Tally& seen, uint64_t now_ns);

  const uint64_t longest_nap_ns_;
  Gear gear_;
  uint64_t nap_ns_ = 0;
  uint64_t polled_ns_ = 0;
  unsigned worked_ = 0;  // frames of the last poll
  Tally window_;
  Tally since_pause_;
  uint64_t poll_since_ns_ = 0;
  double frame_ns_ = 0;  // what a frame costs when many are handled at once, as seen last
};

}  // namespace holdfast::dataplane
