// SPDX-License-Identifier: Apache-2.0
// What the proxy tells of calls, for records: began, answered, ended, each by the call's key.
//
// Called on the SIP loop; whoever listens takes its own time stamps and must not wait. After a
// restart of ours an end may come for a call whose beginning was told by the process before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/control/messages.hh"
#include "sip/message_view.hh"
#include "sip/record_route_token.hh"

namespace holdfast::sip {

// Why a call ended: X(name, what happened). One vague reason hides faults, so each has its own.
#define HOLDFAST_CALL_ENDS(X)                                                             \
  X(caller_hung_up, "BYE from the caller")                                                \
  X(callee_hung_up, "BYE from the callee")                                                \
  X(cancelled, "the caller gave up before an answer")                                     \
  X(busy, "486 or 600")                                                                   \
  X(declined, "603")                                                                      \
  X(no_answer, "it rang and nobody answered in time, 408 or 480 among them")              \
  X(not_found, "404, 410, 484 or 604: no such number")                                    \
  X(redirected, "3xx")                                                                    \
  X(media_not_accepted, "488, 415 or 606")                                                \
  X(not_authorised, "401, 403 or 407 to a request that carried credentials, or no retry") \
  X(rejected, "another 4xx or 6xx")                                                       \
  X(server_failed, "5xx from the far side")                                               \
  X(unreachable, "no next hop gave any answer")                                           \
  X(refused_by_us, "our own answer; the detail has its name")                             \
  X(no_bandwidth, "a link on its way had no room for it")                                 \
  X(media_lost, "no media in any direction and no BYE: an endpoint or its BYE was lost")  \
  X(dialog_gone, "481 or 408 inside the dialog: an endpoint has forgotten the call")      \
  X(lost_track, "it ended while we were away")

enum class CallEnd : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_CALL_ENDS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(CallEnd end);
std::string_view text_of(CallEnd end);

struct CallBegan {
  uint64_t call_key = 0;
  std::string call_id;
  std::string from;     // URI
  std::string to;       // URI
  std::string dialled;  // Request-URI as it came
  Peer caller = Peer::phone;
  Origin origin;         // of the INVITE
  std::string decision;  // "to_centre", "local_to_gateway", ... (sip/decision.hh)
  bool survival = false;
  bool emergency = false;
  std::string user_agent;
};

struct CallAnswered {
  uint64_t call_key = 0;
  Peer callee = Peer::centre;
  Origin hop;            // where the 2xx came from
  std::string decision;  // of the target that answered: a call may end elsewhere than it began
};

struct CallEnded {
  uint64_t call_key = 0;
  CallEnd end = CallEnd::lost_track;
  int status = 0;      // the final answer of a call that was not made; 0: it was
  std::string detail;  // a decision's or a verdict's name, when it was ours
  std::vector<control::CallReport> media;  // final counters of its streams
};

// What is worth knowing of a call beside its end: X(name, what happened).
#define HOLDFAST_CALL_REMARKS(X)                                                                 \
  X(no_media_from_caller, "the caller sent nothing for a while, though the callee did: one-way") \
  X(no_media_from_callee, "the callee sent nothing for a while, though the caller did: one-way") \
  X(unanchored, "its media went past us, since the dataplane had no legs for it: nothing counted")

enum class CallRemark : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_CALL_REMARKS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(CallRemark remark);
std::string_view text_of(CallRemark remark);

class CallEvents {
 public:
  virtual ~CallEvents() = default;
  virtual void began(const CallBegan& call) = 0;
  // A call of the process before has shown itself, answered; it may have died before its beginning
  // was written down. `dialled` and `decision` are not known.
  virtual void found(const CallBegan& /*call*/) {}
  virtual void answered(const CallAnswered& call) = 0;
  // While the call lives; each at most once.
  virtual void remarked(uint64_t /*call_key*/, CallRemark /*remark*/) {}
  virtual void ended(const CallEnded& call) = 0;
};

}  // namespace holdfast::sip
