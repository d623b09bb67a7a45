// SPDX-License-Identifier: Apache-2.0
// The less usual packets of a stream: late, repeated, after a gap, out of place; and the report.
#include "media/stream_account.hh"

#include <algorithm>
#include <limits>

namespace holdfast::media {
namespace {

constexpr uint32_t kWindow = ReceiveWindow::kSize;
// Extended numbers of a run begin here, so that looking a window back never goes below zero.
constexpr uint32_t kFirstCycle = uint32_t{1} << 16;
constexpr uint64_t kCycleMask = 0xffff;
constexpr uint64_t kBaseMask = 0xff'ffff;
constexpr int64_t kEver = int64_t{1} << 60;         // ticks
constexpr uint64_t kMaxNumber = uint64_t{1} << 48;  // of a run: more than a sender has in a life

// Time passed in proportion to the packets that are missing. A quarter less, since steps vary; up
// to twice as much, since the sender may have been silent for half of it.
bool in_proportion(int64_t passed_ticks, int64_t wanted_ticks) {
  return passed_ticks >= wanted_ticks - wanted_ticks / 4 && passed_ticks <= wanted_ticks * 2;
}

uint32_t usable_rate_hz(uint32_t rate_hz) {
  return rate_hz == 0 || rate_hz >= 1'000'000'000 ? 8000 : rate_hz;
}

}  // namespace

StreamAccount::StreamAccount(uint32_t ssrc, uint32_t clock_rate_hz) : ssrc_(ssrc) {
  set_clock_rate(clock_rate_hz);
  window_.clear(0, kWindow);  // keeps the first packet off the in-order path, whatever its number
}

void StreamAccount::set_clock_rate(uint32_t clock_rate_hz) {
  clock_rate_hz_ = usable_rate_hz(clock_rate_hz);
  ticks_per_ns_q64_ = static_cast<uint64_t>((Wide{clock_rate_hz_} << 64) / 1'000'000'000);
  jitter_ = {};
  if (!empty())
    jitter_.rebase(static_cast<uint32_t>(ticks(highest_arrival_ns_)), highest_timestamp_);
}

void StreamAccount::on_unexpected(uint16_t sequence, uint32_t timestamp, uint64_t arrival_ns) {
  if (empty()) {
    first_seq_ = sequence;
    first_arrival_ns_ = arrival_ns;
    start_run(sequence, timestamp, arrival_ns);
    return;
  }
  if (gap_is_ours_) disarm_gap();
  const auto ahead = static_cast<uint16_t>(sequence - highest_);
  const auto behind = static_cast<uint16_t>(highest_ - sequence);
  if (behind < kWindow) {
    on_behind({highest_, arrival_ns, timestamp, sequence, false}, behind);
  } else if (is_loss(ahead, timestamp, arrival_ns)) {
    advance(ahead, timestamp, arrival_ns);
  } else {
    suspect({highest_, arrival_ns, timestamp, sequence, false});
  }
  if (gap_is_ours_) arm_gap();
}

bool StreamAccount::is_sound() const {
  // No bool has another value.
  if (*reinterpret_cast<const uint8_t*>(&held_.repeats) > 1) return false;
  if (!loss_.is_sound() || usable_rate_hz(clock_rate_hz_) != clock_rate_hz_) return false;
  return empty() || (base_ >= kFirstCycle - kMaxMisorder && highest_ >= base_ &&
                     highest_ - base_ <= kMaxNumber);
}

void StreamAccount::on_resume() {
  if (empty()) return;
  if (gap_is_ours_) disarm_gap();
  uint64_t holes = 0;
  window_.for_each_hole_run(highest_ + 1 - kWindow, kWindow,
                            [&holes](uint64_t, uint32_t count) { holes += count; });
  const uint64_t expected = expected_before_ + (highest_ - base_ + 1);
  if (loss_.is_torn()) {
    const uint64_t elsewhere = packets_ + holes + lost_by_us_;
    loss_.forget_lengths(expected > elsewhere ? expected - elsewhere : 0);
  }
  const uint64_t missing = loss_.packets() + holes + lost_by_us_;
  packets_ = expected > missing ? expected - missing : 1;
  gap_is_ours_ = 1;
  arm_gap();
}

// The in-order path looks at one bit only. It is cleared while a gap is awaited, and what it said
// is kept.
void StreamAccount::arm_gap() {
  gap_hides_bit_ = window_.has(highest_ + 1) ? 1 : 0;
  window_.clear(highest_ + 1, 1);
}

void StreamAccount::disarm_gap() {
  if (gap_hides_bit_) window_.set(highest_ + 1);
  gap_hides_bit_ = 0;
}

// The highest number moves up by `jump`; what is skipped becomes holes, and holes that are left
// behind by the window become losses.
void StreamAccount::advance(uint32_t jump, uint32_t timestamp, uint64_t arrival_ns) {
  const auto lost = [this](uint64_t first, uint32_t count) { loss_.add(first, count); };
  const uint32_t leaving = std::min(jump, kWindow);
  window_.for_each_hole_run(highest_ + 1 - kWindow, leaving, lost);
  if (gap_is_ours_) {
    lost_by_us_ += jump - 1;
  } else if (jump > kWindow) {
    lost(highest_ + 1, jump - kWindow);
  }
  highest_ += jump;
  if (gap_is_ours_) {
    window_.fill(highest_ + 1 - leaving, leaving);
  } else {
    window_.clear(highest_ + 1 - leaving, leaving);
  }
  window_.set(highest_);
  gap_is_ours_ = 0;
  if (jump == 1) learn_step(timestamp - highest_timestamp_);
  accept_newest(timestamp, arrival_ns);
}

// A number at or below the highest one, within the window: late, repeated, or a sender that began
// anew just there.
void StreamAccount::on_behind(const Suspect& packet, uint32_t behind) {
  const uint64_t ext = highest_ - behind;
  if (ext < base_) {  // before the first: the run began with reordering
    if (behind > kMaxMisorder || !fits_behind(behind, packet.timestamp)) {
      suspect(packet);
      return;
    }
    window_.clear(ext, static_cast<uint32_t>(base_ - ext));
    base_ = ext & kBaseMask;
    if (restarts_ == 0) first_seq_ = packet.sequence;
    accept_late(packet);
  } else if (!window_.has(ext)) {
    const bool near = behind <= kMaxMisorder;
    if (near || (fits_behind(behind, packet.timestamp) && !goes_on_from_held(packet)))
      accept_late(packet);
    else
      suspect(packet);
  } else {
    const bool newer = static_cast<int32_t>(packet.timestamp - highest_timestamp_) > 0;
    Suspect repeated = packet;
    repeated.repeats = true;
    if (newer || behind > kMaxMisorder) {
      suspect(repeated);
    } else {
      ++duplicates_;
      late_arrival_ns_ = packet.arrival_ns;
    }
  }
}

void StreamAccount::accept_late(const Suspect& packet) {
  window_.set(highest_ - static_cast<uint16_t>(highest_ - packet.sequence));
  ++packets_;
  ++reordered_;
  late_arrival_ns_ = packet.arrival_ns;
  jitter_.on_packet(static_cast<uint32_t>(ticks(packet.arrival_ns)), packet.timestamp,
                    2 * clock_rate_hz_);
}

// RFC 3550 A.1: two packets that follow one another, far from the stream's place, are a restart;
// one alone is not. Kept packets are told apart only now, so that each is counted once whatever it
// was.
void StreamAccount::suspect(Suspect packet) {
  late_arrival_ns_ = packet.arrival_ns;
  if (held_.highest == highest_ && held_.sequence == packet.sequence) {
    ++duplicates_;
    return;
  }
  if (!goes_on_from_held(packet)) {
    dismiss_held();
    held_ = packet;
    return;
  }
  const Suspect first = held_;
  held_ = {};
  close_run();
  ++restarts_;
  start_run(first.sequence, first.timestamp, first.arrival_ns);
  on_packet(packet.sequence, packet.timestamp, packet.arrival_ns);
}

// Whether `packet` and the held one are neighbours and the stream did not go on in between. A
// repeat of what came before is a looping sender only if it comes at a sender's pace; copies made
// by the network come on one another's heels.
bool StreamAccount::goes_on_from_held(const Suspect& packet) const {
  if (held_.highest != highest_) return false;
  const auto distance = static_cast<int16_t>(packet.sequence - held_.sequence);
  const auto size = static_cast<uint32_t>(distance < 0 ? -distance : distance);
  if (size == 0 || size > kMaxMisorder) return false;
  if (!held_.repeats && !packet.repeats) return true;
  return ticks(packet.arrival_ns) - ticks(held_.arrival_ns) >= usual_step_ticks() / 2;
}

void StreamAccount::dismiss_held() {
  if (held_.highest == 0) return;
  if (held_.repeats)
    ++duplicates_;
  else
    ++strays_;
  held_ = {};
}

void StreamAccount::start_run(uint16_t sequence, uint32_t timestamp, uint64_t arrival_ns) {
  base_ = (kFirstCycle + sequence) & kBaseMask;
  highest_ = base_;
  window_.reset();
  gap_is_ours_ = 0;
  ++packets_;
  highest_timestamp_ = timestamp;
  highest_arrival_ns_ = run_arrival_ns_ = arrival_ns;
  step_candidate_ticks_ = 0;
  jitter_.rebase(static_cast<uint32_t>(ticks(arrival_ns)), timestamp);
}

void StreamAccount::close_run() {
  window_.for_each_hole_run(highest_ + 1 - kWindow, kWindow,
                            [this](uint64_t first, uint32_t count) { loss_.add(first, count); });
  loss_.close();
  expected_before_ += highest_ - base_ + 1;
}

// The step is believed when seen twice running. Zero steps (video frames, telephone events) make it
// unknown, since then packets are no measure of time.
void StreamAccount::learn_step(uint32_t step) {
  if (step > std::numeric_limits<int32_t>::max()) return;
  if (step == step_candidate_ticks_) step_ticks_ = step;
  step_candidate_ticks_ = step;
}

uint64_t StreamAccount::usual_step_ticks() const {
  return step_ticks_ != 0 ? step_ticks_ : std::max<uint32_t>(1, clock_rate_hz_ / 50);  // 20 ms
}

// Whether a jump ahead is a gap in this run. A short one is, unless the clocks contradict it; a
// long one is only if both the sender's clock and ours moved in proportion.
bool StreamAccount::is_loss(uint32_t jump, uint32_t timestamp, uint64_t arrival_ns) const {
  if (jump <= kMaxMisorder) return true;
  const int64_t sent_ticks = static_cast<int32_t>(timestamp - highest_timestamp_);
  const auto raw_ticks = static_cast<int64_t>(ticks(arrival_ns) - ticks(highest_arrival_ns_));
  const int64_t passed_ticks = std::clamp(raw_ticks, -kEver, kEver);  // sums below cannot overflow
  const auto wanted_ticks = static_cast<int64_t>(jump * usual_step_ticks());
  const bool sent_fits = in_proportion(sent_ticks, wanted_ticks);
  if (jump >= kMaxDropout) return sent_fits && in_proportion(passed_ticks, wanted_ticks);
  if (sent_fits && step_ticks_ != 0) return true;
  const int64_t slack_ticks = passed_ticks / 4 + 2 * int64_t{clock_rate_hz_};
  if (sent_ticks < passed_ticks - slack_ticks || sent_ticks > passed_ticks + slack_ticks)
    return false;
  return step_ticks_ == 0 || passed_ticks >= wanted_ticks - wanted_ticks / 4;
}

// Whether a timestamp is as old as a packet `behind` numbers back must be, and no older than the
// run.
bool StreamAccount::fits_behind(uint32_t behind, uint32_t timestamp) const {
  if (step_ticks_ == 0) return behind <= kMaxMisorder;
  const auto back = static_cast<int32_t>(highest_timestamp_ - timestamp);
  if (back < 0) return false;
  const uint64_t wanted_ticks = uint64_t{behind} * step_ticks_;
  const uint64_t run_ticks = ticks(highest_arrival_ns_) - ticks(run_arrival_ns_);
  const auto back_ticks = static_cast<uint64_t>(back);
  return back_ticks >= wanted_ticks - wanted_ticks / 4 &&
         back_ticks <= run_ticks + wanted_ticks + 2 * clock_rate_hz_;
}

StreamReport StreamAccount::report() const {
  StreamReport r;
  r.ssrc = ssrc_;
  if (empty()) return r;
  StreamAccount end = *this;
  if (end.gap_is_ours_) end.disarm_gap();
  end.dismiss_held();
  end.close_run();
  r.first_seq = first_seq_;
  r.last_ext_seq = highest_ - (base_ & ~kCycleMask);
  r.expected = end.expected_before_;
  r.received = packets_;
  r.lost_by_us = lost_by_us_;
  r.lost = r.expected - r.received - r.lost_by_us;
  r.duplicates = end.duplicates_;
  r.reordered = reordered_;
  r.strays = end.strays_;
  r.restarts = restarts_;
  r.jitter_last_ticks = jitter_.last_ticks();
  r.jitter_max_ticks = jitter_.max_ticks();
  r.jitter_interval_max_ticks = jitter_.interval_max_ticks();
  r.jitter_mean_ticks = jitter_.mean_ticks();
  r.first_arrival_ns = first_arrival_ns_;
  r.last_arrival_ns = last_arrival_ns();
  r.runs_used = end.loss_.lengths(r.runs);
  r.other_runs = end.loss_.other_runs();
  r.other_packets = end.loss_.other_packets();
  return r;
}

}  // namespace holdfast::media
