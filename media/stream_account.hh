// SPDX-License-Identifier: Apache-2.0
// What became of every packet of one stream (one SSRC in one direction): expected, received, lost,
// and how.
//
// docs/accounting.md gives the wanted answer for each pattern and says where RFC 3550's sample code
// (A.1, A.3) would answer differently. Every packet told is counted once: as received, duplicate or
// stray. For every stream, always: received + lost == expected, and the loss runs add up to lost.
//
// Plain data of 304 bytes, trivially copyable: it may live in shared memory and be
// snapshotted by memcpy. No allocation, no clock of its own. One writer; a reader takes a copy and
// asks that for its report.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

#include "media/jitter.hh"
#include "media/loss_runs.hh"
#include "media/receive_window.hh"

namespace holdfast::media {

// The totals of a stream up to now. Sums run over all runs of the stream (see `restarts`).
struct StreamReport {
  uint32_t ssrc = 0;
  uint16_t first_seq = 0;     // of the first run: the lowest number that came
  uint64_t last_ext_seq = 0;  // of the last run: highest number, wraps counted from the run's first
  uint64_t expected = 0;      // over all runs, highest - lowest + 1
  uint64_t received = 0;      // different packets; duplicates and strays are apart
  uint64_t lost = 0;          // expected - received - lost_by_us; what comes late is not lost
  uint64_t lost_by_us = 0;    // missing because nobody counted: see on_resume()
  uint64_t duplicates = 0;
  uint64_t reordered = 0;  // received after a packet with a higher number
  uint64_t strays = 0;     // a lone packet far from the stream's place, which went on as before
  uint32_t restarts = 0;   // the sender began anew under the same SSRC
  uint32_t jitter_last_ticks = 0;
  uint32_t jitter_max_ticks = 0;
  uint32_t jitter_interval_max_ticks = 0;  // since begin_interval()
  double jitter_mean_ticks = 0;
  uint64_t first_arrival_ns = 0;
  uint64_t last_arrival_ns = 0;
  std::array<LossRun, LossRuns::kLengths> runs{};  // ascending length
  uint32_t runs_used = 0;
  uint32_t other_runs = 0;  // runs whose length found no room in `runs`, and the packets in them
  uint64_t other_packets = 0;

  std::span<const LossRun> loss_runs() const { return {runs.data(), runs_used}; }
};

class StreamAccount {
 public:
  // RFC 3550 A.1: a jump this far ahead, or further behind than this, raises the suspicion of a
  // restart.
  static constexpr uint32_t kMaxDropout = 3000;
  static constexpr uint32_t kMaxMisorder = 100;

  StreamAccount() : StreamAccount(0, 8000) {}
  // `clock_rate_hz` is that of the stream's RTP clock; one that cannot be (0, or 1 GHz and more) is
  // taken for 8000.
  StreamAccount(uint32_t ssrc, uint32_t clock_rate_hz);

  // Tells of one RTP packet, in the order of arrival. `arrival_ns` is from a clock that should not
  // step.
  void on_packet(uint16_t sequence, uint32_t timestamp, uint64_t arrival_ns) {
    const uint64_t next = highest_ + 1;
    if (sequence == static_cast<uint16_t>(next) && window_.has(next)) [[likely]] {
      // The bit that `next` takes over is set: nothing is missing there, and it need not be
      // written.
      highest_ = next;
      const uint32_t step = timestamp - highest_timestamp_;
      if (step != step_ticks_) [[unlikely]]
        learn_step(step);
      accept_newest(timestamp, arrival_ns);
      return;
    }
    on_unexpected(sequence, timestamp, arrival_ns);
  }

  // The clock rate became known after the first packets; what was measured with a guess is
  // forgotten.
  void set_clock_rate(uint32_t clock_rate_hz);

  void begin_interval() { jitter_.begin_interval(); }
  // Whoever counted has died, and another goes on with what was left in memory. Packets that are
  // missing up to the next new one were lost by us; as far as they look like a loss at all, and not
  // like a sender that began anew meanwhile. The death may have come between two stores of one
  // packet; the sums are made whole again, that packet counted or not.
  void on_resume();

  // Whether bytes that another process left can be an account. One that is not must not be used;
  // what one that is tells may be wrong, and no more than that.
  bool is_sound() const;

  uint32_t ssrc() const { return ssrc_; }
  uint32_t clock_rate_hz() const { return clock_rate_hz_; }
  bool empty() const { return packets_ == 0; }
  uint64_t last_arrival_ns() const {
    return late_arrival_ns_ > highest_arrival_ns_ ? late_arrival_ns_ : highest_arrival_ns_;
  }
  // StreamReport's `lost` and `lost_by_us` together, without the work of a report.
  uint64_t missing_now() const {
    return empty() ? 0 : expected_before_ + (highest_ - base_ + 1) - packets_;
  }
  // The totals as if the stream ended now: holes that a late packet could still fill are lost.
  StreamReport report() const;

 private:
  // A packet far from the stream's place, kept until the next such one shows what it was.
  struct Suspect {
    uint64_t highest = 0;  // the stream's highest number then; 0 when none is held
    uint64_t arrival_ns = 0;
    uint32_t timestamp = 0;
    uint16_t sequence = 0;
    bool repeats = false;  // its number had come already: a duplicate if it is no restart
  };

  void accept_newest(uint32_t timestamp, uint64_t arrival_ns) {
    ++packets_;
    highest_timestamp_ = timestamp;
    highest_arrival_ns_ = arrival_ns;
    jitter_.on_packet(static_cast<uint32_t>(ticks(arrival_ns)), timestamp, 2 * clock_rate_hz_);
  }
  __extension__ using Wide = unsigned __int128;
  uint64_t ticks(uint64_t ns) const {
    return static_cast<uint64_t>((Wide{ns} * ticks_per_ns_q64_) >> 64);
  }

  void on_unexpected(uint16_t sequence, uint32_t timestamp, uint64_t arrival_ns);
  void advance(uint32_t jump, uint32_t timestamp, uint64_t arrival_ns);
  void on_behind(const Suspect& packet, uint32_t behind);
  void accept_late(const Suspect& packet);
  void suspect(Suspect packet);
  bool goes_on_from_held(const Suspect& packet) const;
  void dismiss_held();
  void arm_gap();
  void disarm_gap();
  void start_run(uint16_t sequence, uint32_t timestamp, uint64_t arrival_ns);
  void close_run();
  void learn_step(uint32_t step);
  uint64_t usual_step_ticks() const;
  bool is_loss(uint32_t jump, uint32_t timestamp, uint64_t arrival_ns) const;
  bool fits_behind(uint32_t behind, uint32_t timestamp) const;

  // In-order path: all up to the window, and one word of that.
  uint64_t highest_ = 0;           // extended sequence number
  uint64_t packets_ = 0;           // different ones
  uint64_t ticks_per_ns_q64_ = 0;  // ticks of the RTP clock in a nanosecond, times 2^64
  uint64_t highest_arrival_ns_ = 0;
  uint32_t highest_timestamp_ = 0;
  uint32_t step_ticks_ = 0;  // timestamp step from packet to packet; 0 when not known
  uint32_t clock_rate_hz_ = 0;
  uint32_t ssrc_;
  Jitter jitter_;
  ReceiveWindow window_;

  uint64_t expected_before_ = 0;  // of the closed runs
  uint64_t duplicates_ : 40 = 0;
  uint64_t first_seq_ : 16 = 0;
  uint64_t gap_is_ours_ : 1 = 0;    // the next jump ahead is over what came while nobody counted
  uint64_t gap_hides_bit_ : 1 = 0;  // the bit that keeps the next packet off the in-order path was
                                    // set
  uint64_t reordered_ : 40 = 0;
  uint64_t base_ : 24 = 0;  // the lowest number of this run: its first, or at most 100 below that
  uint64_t strays_ = 0;
  uint64_t first_arrival_ns_ = 0;
  uint64_t run_arrival_ns_ = 0;
  uint64_t late_arrival_ns_ = 0;
  Suspect held_;
  LossRuns loss_;
  uint32_t restarts_ = 0;
  uint32_t step_candidate_ticks_ = 0;
  uint32_t lost_by_us_ = 0;  // less than 65,536 for each time that somebody died
};

static_assert(sizeof(StreamAccount) == 304);
static_assert(std::is_trivially_copyable_v<StreamAccount>);

}  // namespace holdfast::media
