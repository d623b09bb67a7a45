// SPDX-License-Identifier: Apache-2.0
// The health of one server of the centre: losses and answers counted apart, a hold-down, its
// probes.
//
// Pure: the time is handed in (monotonic milliseconds), nothing is sent here. SIP loop only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::sip {

// What speaks for or against a server: X(name, speaks for it, what was seen).
#define HOLDFAST_EVIDENCE(X)                                                          \
  X(probe_answered, true, "OPTIONS was answered")                                     \
  X(good_response, true, "a request was answered finally, with anything but 503")     \
  X(probe_timeout, false, "OPTIONS was not answered in time")                         \
  X(probe_send_failed, false, "OPTIONS could not be sent")                            \
  X(probe_refused, false, "OPTIONS was answered with 503")                            \
  X(probe_retry_after, false, "OPTIONS was answered with 503 and Retry-After")        \
  X(response_overdue, false, "a request has had no answer of any kind for a second")  \
  X(transaction_timeout, false, "a transaction timed out (timer B or F)")             \
  X(transport_error, false, "a connection was refused, reset or could not be opened") \
  X(icmp_unreachable, false, "the network said unreachable")                          \
  X(service_unavailable, false, "a request was answered with 503")

enum class Evidence : uint8_t {
#define HOLDFAST_X(name, good, text) name,
  HOLDFAST_EVIDENCE(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(Evidence evidence);
std::string_view text_of(Evidence evidence);
bool is_good(Evidence evidence);

// Timers and counts. The defaults let an INVITE that is placed at the instant of the cut ring
// within 4 s: it counts as overdue after 1 s, and two probes of 1 s each make it three losses after
// 3 s.
struct HealthConfig {
  uint32_t probe_online_ms = 5000;     // one OPTIONS every 5 s is no load for any centre
  uint32_t probe_suspect_ms = 1000;    // a second opinion at once, then every second
  uint32_t probe_down_ms = 2000;       // jittered: many branches wait for the same centre
  uint32_t probe_timeout_ms = 1000;    // twice the worst round trip of a satellite link
  uint32_t probe_jitter_percent = 20;  // spread of the slow intervals, never of the fast one
  uint32_t lost_to_fail = 3;           // one or two lost in a row happen on a lossy link
  uint32_t received_to_clear = 3;      // in a row; a server that starts may answer once and stall
  uint32_t hold_down_ms = 10000;       // no step to the better sooner after a step to the worse
  uint32_t retry_after_max_s = 300;    // a Retry-After of a day must not cost a day
  uint32_t hand_back_per_s = 20;       // REGISTERs to a centre that has just come back
  uint32_t hand_back_max_ms = 150000;  // longer than the longest expiry granted in survival
};

enum class MemberState : uint8_t { up, suspect, down };
std::string_view name_of(MemberState state);

class UpstreamMember {
 public:
  // Of unknown health: suspect, probed at once, and not bound by a hold-down.
  explicit UpstreamMember(uint64_t now_ms) : next_probe_ms_(now_ms) {}

  MemberState state() const { return state_; }
  uint64_t last_good_ms() const { return last_good_ms_; }
  // It asked to be spared until later. It still is the centre if there is no other.
  bool is_avoided(uint64_t now_ms) const { return now_ms < avoid_until_ms_; }
  uint64_t deadline_ms(const HealthConfig& config) const {
    return probe_ ? probe_sent_ms_ + config.probe_timeout_ms : next_probe_ms_;
  }
  bool wants_probe(uint64_t now_ms) const { return !probe_ && now_ms >= next_probe_ms_; }
  bool has_probe(uint32_t probe) const { return probe_ == probe; }
  bool is_probe_overdue(uint64_t now_ms, const HealthConfig& config) const {
    return probe_ && now_ms >= probe_sent_ms_ + config.probe_timeout_ms;
  }

  void probe_sent(uint64_t now_ms, uint32_t probe) {
    probe_ = probe;
    probe_sent_ms_ = now_ms;
  }
  // The outstanding probe's end, whichever it was. `random` spreads the next one.
  void probe_ended(uint64_t now_ms, Evidence evidence, const HealthConfig& config, uint32_t random);
  // What a request of ours, sent at `sent_ms`, showed. False: too old or too soon to count.
  bool observed(uint64_t now_ms, Evidence evidence, uint64_t sent_ms, const HealthConfig& config);
  void spare_until(uint64_t until_ms) { avoid_until_ms_ = std::max(avoid_until_ms_, until_ms); }
  // Its sibling failed, and both may stand behind the same dead link.
  void probe_soon(uint64_t now_ms) { next_probe_ms_ = std::min(next_probe_ms_, now_ms); }

 private:
  void count_good(uint64_t now_ms, const HealthConfig& config);
  void count_loss(uint64_t now_ms, bool at_once, const HealthConfig& config);
  void enter(uint64_t now_ms, MemberState state);

  MemberState state_ = MemberState::suspect;
  uint32_t lost_ = 0;      // since it was last cleared
  uint32_t received_ = 0;  // in a row
  std::optional<uint64_t> worsened_ms_;
  std::optional<uint64_t> changed_ms_;
  std::optional<uint64_t> counted_ms_;  // when passive evidence or a loss was last counted
  uint64_t last_good_ms_ = 0;
  uint64_t avoid_until_ms_ = 0;
  uint64_t next_probe_ms_;
  uint64_t probe_sent_ms_ = 0;
  std::optional<uint32_t> probe_;  // outstanding; one at a time
};

}  // namespace holdfast::sip
