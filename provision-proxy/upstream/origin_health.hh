// SPDX-License-Identifier: Apache-2.0
// Whether an origin is there: a circuit breaker, fed by what transfers have shown.
//
//   closed -> open -> half_open -> closed
//               ^---------|
//
// Closed: all may try. Open: nobody tries, so nobody waits. Half-open: one probe is under way; what
// it shows decides. Silence opens it only if nothing else of the origin succeeded since the silent
// request was sent: one slow file is not a dead centre. A connection that is closed without an
// answer is a doubt: it keeps nobody waiting, and it may be about one file, or the end of an idle
// connection that crossed the request. Three of them in a row open it, each of a request that was
// sent after the one before was closed (what one restart of the origin does to all that are under
// way counts once), and none with a success since; whether it was about that file is then looked at
// at once by a probe, not after the interval.
//
// Pure: monotonic milliseconds are handed in; time that runs backwards is held still. One owner.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace holdfast::provision {

enum class OriginState : uint8_t { closed, open, half_open };
std::string_view name_of(OriginState state);

// What a transfer has shown: X(name, what it says by default, text).
#define HOLDFAST_ORIGIN_EVIDENCE(X)                                      \
  X(answered, success, "it answers")                                     \
  X(gateway_error, success, "it answers 502, 503 or 504")                \
  X(refused, failure, "every address refuses")                           \
  X(unreachable, failure, "no address can be reached")                   \
  X(no_address, failure, "its name has no address")                      \
  X(tls_failed, failure, "TLS fails, or its certificate is not its own") \
  X(connect_silent, silence, "no address takes a connection")            \
  X(silent, silence, "it does not answer in time")                       \
  X(closed_early, doubt, "it closes connections without an answer")      \
  X(stalled, nothing, "a transfer stood still")                          \
  X(cut_short, nothing, "a body was cut short")                          \
  X(nonsense, nothing, "an answer was not HTTP")

enum class OriginEvidence : uint8_t {
#define HOLDFAST_X(name, weight, text) name,
  HOLDFAST_ORIGIN_EVIDENCE(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(OriginEvidence evidence);
std::string_view text_of(OriginEvidence evidence);

enum class EvidenceWeight : uint8_t {
  nothing,
  success,  // it is there
  doubt,    // opens, if it is the third in a row
  silence,  // opens, unless something succeeded since the request was sent
  failure   // opens at once
};

struct HealthOptions {
  unsigned doubts = 3;  // in a row
  uint64_t probe_interval_ms = 10'000;
  std::array<EvidenceWeight, static_cast<size_t>(OriginEvidence::count)> weights;
  HealthOptions();  // the weights of the list above
};

// A change of state and the evidence that made it; each is handed out once.
struct OriginTransition {
  OriginState from, to;
  OriginEvidence evidence;  // of half_open: what opened it
  uint64_t at_ms;
};

class OriginHealth {
 public:
  explicit OriginHealth(uint64_t now_ms, const HealthOptions& options = {});

  OriginState state() const { return state_; }
  uint64_t since_ms() const { return since_ms_; }
  // What opened it last.
  std::optional<OriginEvidence> reason() const { return reason_; }
  // Only while it is closed do transfers start.
  bool admits() const { return state_ == OriginState::closed; }

  // When the next probe is due; ~0 when none is.
  uint64_t probe_due_ms() const;
  // True: send it now. It is under way from here until its evidence, or probe_lost().
  bool take_probe(uint64_t now_ms);
  // It ended and showed nothing. Another is due after the interval.
  void probe_lost(uint64_t now_ms);

  // What a request sent at `sent_ms` has shown. Whatever else the probe shows keeps it open:
  // only a success closes.
  void observed(uint64_t now_ms, OriginEvidence evidence, uint64_t sent_ms, bool of_probe = false);

  std::vector<OriginTransition> take_transitions();
  uint64_t seen(OriginEvidence evidence) const { return seen_[static_cast<size_t>(evidence)]; }
  uint64_t entered(OriginState state) const { return entered_[static_cast<size_t>(state)]; }
  uint64_t probes() const { return probes_; }

 private:
  uint64_t hold(uint64_t now_ms);
  void enter(OriginState to, OriginEvidence evidence);

  HealthOptions options_;
  OriginState state_ = OriginState::closed;
  uint64_t now_ms_, since_ms_;
  uint64_t probe_due_ms_ = 0;
  std::optional<uint64_t> succeeded_ms_, doubted_ms_;
  unsigned doubts_ = 0;
  std::optional<OriginEvidence> reason_;
  std::vector<OriginTransition> transitions_;
  std::array<uint64_t, static_cast<size_t>(OriginEvidence::count)> seen_{};
  std::array<uint64_t, 3> entered_{};
  uint64_t probes_ = 0;
};

}  // namespace holdfast::provision
