// SPDX-License-Identifier: Apache-2.0
// The centre's health, as one explicit state machine over the servers of a switchover group.
//
//   online -> suspect -> survival -> recovering -> online
//               |-> online    ^-----------|
//
// Online while any server is up; suspect while none is up but one may be; survival when all are
// down; recovering from the moment one is up again until the phones have been handed back. No step
// to the better comes sooner than the hold-down after a step to the worse, so a centre that flaps
// changes the branch's routing at most once per hold-down.
//
// Pure: time (monotonic milliseconds) and randomness are handed in, nothing is sent here. Time that
// runs backwards is held still. One owner, the SIP loop.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "media/address.hh"
#include "sip/limits.hh"
#include "sip/message_view.hh"
#include "sip/upstream_member.hh"

namespace holdfast::sip {

enum class HealthState : uint8_t { online, suspect, survival, recovering };
std::string_view name_of(HealthState state);

// Why the group changed state: X(name, what happened).
#define HOLDFAST_HEALTH_REASONS(X)                          \
  X(all_suspect, "no server is known to be up")             \
  X(all_down, "every server is down")                       \
  X(no_upstream, "no server is configured or resolved")     \
  X(server_up, "a server is up")                            \
  X(handed_back, "every phone was confirmed by the centre") \
  X(hand_back_over, "the time for handing back is over")    \
  X(failed_in_recovery, "every server went down while phones came back")

enum class HealthReason : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_HEALTH_REASONS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(HealthReason reason);
std::string_view text_of(HealthReason reason);

// One server, resolved: names are looked up elsewhere, off the loop.
struct Upstream {
  std::string host;  // the name it was resolved from, for TLS and for the log
  SocketAddress address;
  Transport transport = Transport::udp;
  uint16_t priority = 0;  // of its SRV record; the lower is preferred
  friend bool operator==(const Upstream&, const Upstream&) = default;
};

// A change of the group's state; each is handed out once, to be logged.
struct Transition {
  HealthState from, to;
  HealthReason reason;
  uint64_t at_ms;
};
// A change of one server's state and the evidence that made it.
struct MemberChange {
  Upstream upstream;
  MemberState from, to;
  Evidence evidence;
  uint64_t at_ms;
};

// An OPTIONS to send now. Its answer is told with the same number.
struct Probe {
  uint32_t number;
  Upstream upstream;
};

struct HealthCounters {
  std::array<uint64_t, static_cast<size_t>(Evidence::count)> evidence{};
  std::array<uint64_t, 4> entered{};  // by HealthState
  uint64_t probes_sent = 0;
  uint64_t evidence_ignored = 0;   // stale, or one fact told many times
  uint64_t upstreams_refused = 0;  // more than kMaxUpstreams
  uint64_t changes_forgotten = 0;  // handed out too late: nobody took them
};

class UpstreamHealth {
 public:
  // Uniform 32-bit numbers.
  using Random = std::function<uint32_t()>;

  // Starts as suspect: calls go to the centre, which is probed at once. A centre that is dead when
  // we start is known to be so after lost_to_fail probes.
  UpstreamHealth(uint64_t now_ms, const HealthConfig& config, Random random);

  // The servers in the order of RFC 3263. Those that stay keep their health.
  void set_upstreams(uint64_t now_ms, const std::vector<Upstream>& upstreams);

  // Passes time: ends overdue probes. To be called at deadline_ms(), or whenever it suits.
  void advance(uint64_t now_ms);
  // When advance() or next_probe() has something to do next; ~0 when never.
  uint64_t deadline_ms() const;
  // The next probe that is due, until there is none. It counts as sent.
  std::optional<Probe> next_probe(uint64_t now_ms);

  // The end of a probe that advance() has not ended. Numbers that are not outstanding are ignored.
  void probe_answered(uint64_t now_ms, uint32_t number, const Response& response);
  void probe_send_failed(uint64_t now_ms, uint32_t number);

  // What a request of ours to that server, sent at `sent_ms`, has shown.
  void observed(uint64_t now_ms, const Upstream& upstream, Evidence evidence, uint64_t sent_ms);
  // A final answer to one: 503 speaks against the server, any other for it.
  void answered(uint64_t now_ms, const Upstream& upstream, const Response& response,
                uint64_t sent_ms);

  // How many phones the centre has not confirmed since recovering began (see hand_back_since_ms).
  void hand_back_pending(uint64_t now_ms, size_t phones);
  std::optional<uint64_t> hand_back_since_ms() const;
  // Whether a REGISTER may be handed back now; taking one spends it.
  bool hand_back_ready(uint64_t now_ms) const;
  void take_hand_back(uint64_t now_ms);

  HealthState state() const { return state_; }
  uint64_t since_ms() const { return since_ms_; }
  // The branch routes by itself. While recovering it does so for phones not handed back yet.
  bool survival_routing() const {
    return state_ == HealthState::survival || state_ == HealthState::recovering;
  }
  // Servers for a request, best first: up before suspect, those that asked to be spared last, by
  // priority, then the last known good, then in the order given. Down ones only if all are.
  std::vector<Upstream> candidates(uint64_t now_ms) const;
  MemberState member_state(const Upstream& upstream) const;

  std::vector<Transition> take_transitions();
  std::vector<MemberChange> take_member_changes();
  const HealthCounters& counters() const { return counters_; }

 private:
  struct Member {
    Upstream upstream;
    UpstreamMember health;
  };

  uint64_t hold(uint64_t now_ms);
  Member* find(const Upstream& upstream);
  Member* find_probe(uint32_t number);
  void end_probe(uint64_t now_ms, Member& member, Evidence evidence);
  void note_change(uint64_t now_ms, Member& member, MemberState before, Evidence evidence);
  void judge(uint64_t now_ms);
  bool may_improve(uint64_t now_ms) const;
  void enter(uint64_t now_ms, HealthState to, HealthReason reason);

  HealthConfig config_;
  Random random_;
  std::vector<Member> members_;
  Upstream preferred_;  // the last that answered a request when there was no such, or it was not up
  HealthState state_ = HealthState::suspect;
  uint64_t now_ms_;
  uint64_t since_ms_;
  std::optional<uint64_t> worsened_ms_;
  std::optional<size_t> pending_;  // phones not handed back; none: not told yet
  uint64_t tokens_milli_ = 0;
  uint64_t tokens_at_ms_ = 0;
  uint32_t last_probe_ = 0;
  std::vector<Transition> transitions_;
  std::vector<MemberChange> member_changes_;
  HealthCounters counters_;
};

}  // namespace holdfast::sip
