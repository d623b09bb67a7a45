// SPDX-License-Identifier: Apache-2.0
// The proxy's state as plain values, for a page, a command or a test.
//
// Names are those of the enums (decision.hh, binding_table.hh, ...), so that a counter is called
// the same wherever it shows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sip/admission.hh"
#include "sip/binding_table.hh"
#include "sip/message_view.hh"
#include "sip/record_route_token.hh"
#include "sip/upstream_health.hh"

namespace holdfast::sip {

struct UpstreamStatus {
  Upstream upstream;
  MemberState state = MemberState::suspect;
  std::string why;  // for a person: what spoke against it last; empty when it is up
};

struct GatewayStatus {
  std::string name;
  SocketAddress address;
  Transport transport = Transport::udp;
  std::string why;  // for a person: why the last request could not reach it; empty: it did, or
                    // there was none yet
  uint64_t failed_ms = 0;  // monotonic; when `why` was seen
};

enum class CallPhase : uint8_t { trying, ringing, answered, ending };
std::string_view name_of(CallPhase phase);

struct CallStatus {
  uint64_t call_key = 0;
  std::string call_id, from, to, dialled;
  Peer caller = Peer::phone;
  Origin origin;
  std::string decision;           // of its newest INVITE
  std::string answered_decision;  // of the target that answered; empty: none has
  CallPhase phase = CallPhase::trying;
  uint64_t began_ms = 0;                // monotonic, as now_ms
  std::optional<uint64_t> answered_ms;  // monotonic
  bool survival = false;
  bool emergency = false;
  bool from_before_restart = false;  // known by its token only
  // Which sides send nothing though they should, now; and have, at any time. By media::Side.
  std::array<bool, 2> is_missing{};
  std::array<bool, 2> was_missing{};
  bool unanchored = false;  // its media went past us, all the time or for a while
};

// What happened to the media of calls: X(name, what happened).
#define HOLDFAST_MEDIA_EVENTS(X)                                                               \
  X(no_media_from_caller, "the caller sends nothing, though the callee does and nobody holds") \
  X(no_media_from_callee, "the callee sends nothing, though the caller does and nobody holds") \
  X(media_from_caller_again, "the caller sends again, or need not any more")                   \
  X(media_from_callee_again, "the callee sends again, or need not any more")                   \
  X(media_lost, "nobody sends: the call has lost its end, and is ended")

enum class MediaEventKind : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_MEDIA_EVENTS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(MediaEventKind kind);
std::string_view text_of(MediaEventKind kind);

struct MediaEvent {
  uint64_t at_ms = 0;  // monotonic
  uint64_t call_key = 0;
  MediaEventKind kind = MediaEventKind::media_lost;
};

struct ProxySnapshot {
  uint64_t now_ms = 0;  // monotonic: the clock of all times here
  HealthState health = HealthState::suspect;
  uint64_t health_since_ms = 0;
  std::vector<UpstreamStatus> upstreams;
  std::vector<GatewayStatus> gateways;
  std::vector<Transition> transitions;  // the last kKeptTransitions, oldest first
  HealthCounters health_counters;
  std::vector<Binding> bindings;
  std::vector<CallStatus> calls;
  std::vector<MediaEvent> media_events;  // the last kKeptMediaEvents, oldest first
  std::vector<LinkStatus> links;         // the centre's, then those of the gateways
  // Of ours: out of date, or soon; or they could not be read again.
  std::vector<std::string> certificate_complaints;
  bool draining = false;
  size_t transactions = 0;
  size_t tcp_connections = 0;
  std::map<std::string, uint64_t> decisions;  // by counter_of()
  std::map<std::string, uint64_t> drops;      // messages that went no further, by reason
  std::map<std::string, uint64_t> counters;   // all else: see docs/sip.md
};
inline constexpr size_t kKeptTransitions = 64;
inline constexpr size_t kKeptMediaEvents = 256;

}  // namespace holdfast::sip
