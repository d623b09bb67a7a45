// SPDX-License-Identifier: Apache-2.0
// The calls that live, by the key that the dataplane and our Record-Route know them by.
//
// Tells CallEvents each step once, and the MediaFilter when nothing of a call is left. A call that
// began before a restart of ours is known from its token alone. Bounded; a call that does not fit
// is refused before it begins. SIP loop only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "sip/call_events.hh"
#include "sip/loop.hh"
#include "sip/media_filter.hh"
#include "sip/proxy/proxy_snapshot.hh"
#include "sip/record_route_token.hh"

namespace holdfast::sip {

class CallTable {
 public:
  // How long a caller has to come back with credentials, or with a longer session.
  static constexpr uint32_t kRetryMs = 10000;
  // A call without any sign of life for so long has lost its end. Session timers and the media's
  // silence find it long before.
  static constexpr uint64_t kLongestMs = 12ULL * 3600 * 1000;
  // Callees that have answered one call: forks far away can make more, which need no record.
  static constexpr size_t kMaxDialogs = 8;

  CallTable(Loop& loop, size_t max_calls, MediaFilter* media, CallEvents* events);

  // The call that this INVITE tries again for, after a challenge; 0: it is a new one.
  uint64_t key_of_retry(const Request& invite, Peer caller) const;
  bool is_full() const { return calls_.size() >= max_calls_; }

  // An INVITE outside a dialog has begun its way. The first time for a key, it is told.
  void attempt(const CallBegan& call, const Request& invite);
  void ringing(uint64_t key);
  void answered(const CallAnswered& answer, const std::string& callee_tag);
  // One attempt is over without an answer. The call ends with it, unless it was challenged: then it
  // waits for the next.
  void failed(uint64_t key, int status, CallEnd end, const std::string& detail);

  // A call that we refused before it began: told, not kept.
  void refused(const CallBegan& call, const Request& invite, int status, CallEnd end,
               const std::string& detail);

  // A request in a dialog of the call; makes one that we have forgotten known again.
  void seen(uint64_t key, const Request& request, Peer caller, bool by_caller);
  // A dialog of the call is over. The call ends with its last.
  void dialog_over(uint64_t key, const std::string& caller_tag, const std::string& callee_tag,
                   CallEnd end);
  // The filter's word: no media in any direction, and no BYE.
  void silent(uint64_t key) { end(key, CallEnd::media_lost, 0, {}); }
  // And: one side sends nothing, or is not missed any more. False: no call of ours.
  bool one_way(uint64_t key, media::Side side, bool missing);
  // And: its media goes past us.
  void unanchored(uint64_t key);

  // The call of a request in a dialog that has lost our token, by its Call-ID and tags; 0: none, or
  // more than one.
  uint64_t find(const std::string& call_id, const std::string& from_tag,
                const std::string& to_tag) const;
  bool knows(uint64_t key) const { return calls_.contains(key); }
  // It has ended lately.
  bool is_over(uint64_t key) const { return over_.contains(key); }
  // The tag of the call's caller; empty: the call is not known.
  std::string caller_tag(uint64_t key) const;
  CallToken token(uint64_t key) const;  // for its messages; key 0: the call is not known

  // To be called once a second.
  void sweep();
  size_t size() const { return calls_.size(); }
  std::vector<CallStatus> list() const;
  uint64_t ended(CallEnd end) const { return ended_[static_cast<size_t>(end)]; }

 private:
  struct Call {
    CallStatus status;
    std::string caller_tag;
    std::string retry_key;
    std::set<std::string> callee_tags;  // of dialogs that live
    size_t attempts = 0;                // that are under way
    std::optional<uint64_t> retry_until_ms;
    int last_status = 0;
    CallEnd last_end = CallEnd::lost_track;
    std::string last_detail;
    uint64_t seen_ms = 0;
    bool is_ending = false;
  };

  Call* find_live(uint64_t key);
  void end(uint64_t key, CallEnd end, int status, const std::string& detail);
  void forget(uint64_t key);

  Loop& loop_;
  size_t max_calls_;
  MediaFilter* media_;
  CallEvents* events_;
  std::unordered_map<uint64_t, Call> calls_;
  std::unordered_map<std::string, uint64_t> by_retry_;
  std::unordered_multimap<std::string, uint64_t> by_call_id_;
  // Those that ended lately: their BYEs may cross or come again.
  std::unordered_map<uint64_t, uint64_t> over_;
  std::list<uint64_t> over_order_;
  std::array<uint64_t, static_cast<size_t>(CallEnd::count)> ended_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // the filter outlives us
};

}  // namespace holdfast::sip
