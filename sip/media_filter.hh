// SPDX-License-Identifier: Apache-2.0
// What the proxy asks of whoever anchors media: each message of a call that may carry SDP passes
// through here before it is sent on.
//
// SIP loop only. The proxy knows nothing of SDP, the filter nothing of transactions. Everything
// that a filter needs after a restart of ours is in the message (its tags, and the call key from
// the Record-Route's token) or lies in the dataplane.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dataplane/control/messages.hh"
#include "media/media_stream.hh"
#include "media/wipe.hh"
#include "sip/message_view.hh"

namespace holdfast::sip {

// One copy of a message on its way through us. A request that forks comes once for each target.
struct MediaMessage {
  uint64_t call_key = 0;
  media::Side sender = media::Side::caller;  // who sent it, a response too
  std::string caller_tag;  // of the call's first INVITE's From, in every message of the call
  std::string callee_tag;  // empty: no dialog yet
  // Of our Via in the call's first INVITE: the fork. Empty inside a dialog.
  std::string branch;
  bool from_before = false;        // a response whose request went on before we started
  bool again = false;              // a first INVITE to whoever had Kind::again of the one before
  Method method = Method::invite;  // of a response: of its request
  int status = 0;                  // 0: a request. A branch that timed out has 408
  bool emergency = false;          // of a call for help
  bool reliable = false;           // a provisional response with RSeq (RFC 3262)
  Origin from;                     // where the sender is, and which interface it is behind
  Origin to;                       // the next hop
  std::string content_type;        // empty: no body
  media::WipedString body;
};

struct MediaVerdict {
  enum class Kind : uint8_t {
    pass,     // send it as it is
    replace,  // send it with `body` in place of its own
    refuse,   // a request: answer `status`. A response: drop its body, or end the branch
    later,    // a response with `from_before`: not now, it comes again by itself
    again     // a failure of a first INVITE: another offer may be taken. The INVITE may be sent to
              // the same target once more, `again` said in its message; else pass
  };
  Kind kind = Kind::pass;
  media::WipedString body;
  uint16_t status = 488;  // 488, 491, 500 with Retry-After, 503
  std::string reason;     // a counter's name: "sdp_bad_line", "oa_glare", "dataplane_away"
};

class MediaFilter {
 public:
  virtual ~MediaFilter() = default;

  // Answers once, at once or later; in order for the messages of one call. A filter that cannot
  // reach the dataplane passes messages within a bounded time, as they are if the rules of SRTP
  // allow that, and says so elsewhere.
  virtual void message(const MediaMessage& message, std::function<void(MediaVerdict)> done) = 0;

  // One dialog of the call has ended (BYE); others, of its forks, may live.
  virtual void dialog_ended(uint64_t call_key, const std::string& caller_tag,
                            const std::string& callee_tag) = 0;
  // Nothing of the call is left: its legs go. `done` has the final counters of each stream, empty
  // when there were none or the dataplane is away.
  virtual void call_ended(uint64_t call_key,
                          std::function<void(std::vector<control::CallReport>)> done) = 0;

  // Told when a call has had no media for the configured time in any direction, though it is not on
  // hold: its end went missing. Of calls from before a restart too.
  virtual void on_silence(std::function<void(uint64_t call_key)> silent) = 0;

  // Told when one side of an answered call that is not on hold has sent nothing for the configured
  // time, though the other does (`missing`), and when it sends again or need not any more.
  using OneWay = std::function<void(uint64_t call_key, media::Side side, bool missing)>;
  virtual void on_one_way(OneWay one_way) = 0;

  // Told when an offer and its answer were passed on as they were: the call's media goes past us.
  virtual void on_unanchored(std::function<void(uint64_t call_key)> unanchored) = 0;
};

}  // namespace holdfast::sip
