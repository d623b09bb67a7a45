// SPDX-License-Identifier: Apache-2.0
// When a packet loop polls, naps or waits: chosen from what it found lately.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace holdfast::dataplane {

// What a frame costs that was handled with others that had gathered: from the last gathers, without
// the two dearest, since other work may have had the CPU in their midst, or the caches were cold.
class GatherCost {
 public:
  static constexpr size_t kKept = 8;
  static constexpr size_t kOutliers = 2;

  void add(uint64_t frames, uint64_t busy_ns) { kept_[count_++ % kKept] = {frames, busy_ns}; }
  void forget() { count_ = 0; }
  bool known() const { return count_ > 0; }
  double frame_ns() const;  // known() holds

 private:
  struct Gather {
    uint64_t frames;
    uint64_t busy_ns;
  };
  std::array<Gather, kKept> kept_{};
  size_t count_ = 0;
};

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

  // What a gathered frame costs is not seen while polling. So poll takes a nap too, a short one,
  // soon after it was entered, then after twice the time, until there is one a second: they delay
  // fewer than one packet in a thousand.
  static constexpr uint64_t kFirstProbeNs = kWindowNs / 2;
  static constexpr uint64_t kProbeEveryNs = 1'000'000'000;
  static constexpr uint64_t kProbeNapNs = 500'000;
  static constexpr uint64_t kFramesOfProbe = 128;  // four bursts

  // 0: it polls, always.
  explicit Gears(uint64_t longest_nap_ns)
      : longest_nap_ns_(longest_nap_ns), gear_(longest_nap_ns == 0 ? Gear::poll : Gear::wait) {}

  // After each poll. `now_ns`: read before that poll; `frames`: how many it had; `requests`: what
  // else it did, whose time says nothing of frames. The loop pauses after a poll that had neither,
  // if the gear that this returns says so.
  Gear polled(uint64_t now_ns, unsigned frames, unsigned requests = 0) {
    if (longest_nap_ns_ == 0) return gear_;
    if (worked_ > 0) work_until(now_ns);
    polled_ns_ = now_ns;
    worked_ = requests > 0 ? 0 : frames;
    if (window_.start_ns == 0) window_.start_ns = now_ns;
    if (since_pause_.start_ns == 0) since_pause_.start_ns = now_ns;
    const bool idle = frames == 0 && requests == 0;
    if (idle) end_gather();
    if (idle && gear_ != Gear::poll && since_pause_.frames > kSurge) {
      shift(since_pause_, now_ns);
    } else if (now_ns - window_.start_ns >= kWindowNs) {
      shift(window_, now_ns);
    }
    window_.frames += frames;
    since_pause_.frames += frames;
    if (!idle) return gear_;
    const bool probe = gear_ == Gear::poll && now_ns >= probe_at_ns_;
    if (probe) plan_probe(now_ns);
    const bool naps = probe || gear_ == Gear::nap;
    // What a nap gathered took as long as the nap; what ends a wait comes after it.
    since_pause_ = {naps ? now_ns : 0};
    gathering_ = naps;
    return naps ? Gear::nap : gear_;
  }
  Gear gear() const { return gear_; }  // whatever a probe makes of a single pause
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
  void end_gather() {
    if (!gathering_ || since_pause_.worked == 0) return;
    if (gear_ == Gear::poll) gathers_.forget();  // the last probe alone counts: no old times
    gathers_.add(since_pause_.worked, since_pause_.busy_ns);
  }
  void plan_probe(uint64_t now_ns) {
    probe_at_ns_ = now_ns + probe_every_ns_;
    probe_every_ns_ = std::min(2 * probe_every_ns_, kProbeEveryNs);
    nap_ns_ = std::min({longest_nap_ns_, kProbeNapNs, nap_for(kFramesOfProbe)});
  }
  // Long enough for so many frames, no longer than the longest nap.
  uint64_t nap_for(uint64_t frames) const {
    return static_cast<uint64_t>(
        std::min(static_cast<double>(longest_nap_ns_), static_cast<double>(frames) / per_ns_));
  }
  void shift(const Tally& seen, uint64_t now_ns);
  double frame_ns(const Tally& seen) const;

  const uint64_t longest_nap_ns_;
  Gear gear_;
  uint64_t nap_ns_ = 0;
  uint64_t polled_ns_ = 0;
  unsigned worked_ = 0;  // frames of the last poll
  Tally window_;
  Tally since_pause_;
  bool gathering_ = false;  // since_pause_ began with a nap
  GatherCost gathers_;
  double per_ns_ = 0;    // frames that came, as seen last
  double frame_ns_ = 0;  // what a frame costs when many are handled at once, as seen last
  uint64_t probe_at_ns_ = 0;
  uint64_t probe_every_ns_ = kFirstProbeNs;
};

}  // namespace holdfast::dataplane
