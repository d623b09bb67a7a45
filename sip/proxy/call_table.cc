// SPDX-License-Identifier: Apache-2.0
// From INVITE to the last BYE, one entry for each call.
#include "sip/proxy/call_table.hh"

#include <algorithm>
#include <utility>

namespace holdfast::sip {
namespace {

// A crossing BYE takes at most a transaction's time.
constexpr uint64_t kOverMs = 64000;

// The same caller on the same side of us: a call that spirals through the centre is two of ours,
// each with its own media.
std::string retry_key(const Request& invite, Peer caller) {
  std::string key = invite.call_id;
  key.append("\n").append(invite.from.tag).append("\n").append(name_of(caller));
  return key.append("\n").append(invite.origin.interface);
}

// 401, 407: with credentials; 420, 422: with another session.
bool can_be_tried_again(int status) {
  return status == 401 || status == 407 || status == 420 || status == 422;
}

}  // namespace

CallTable::CallTable(Loop& loop, size_t max_calls, MediaFilter* media, CallEvents* events)
    : loop_(loop), max_calls_(max_calls), media_(media), events_(events) {}

uint64_t CallTable::key_of_retry(const Request& invite, Peer caller) const {
  const auto found = by_retry_.find(retry_key(invite, caller));
  if (found == by_retry_.end()) return 0;
  const auto call = calls_.find(found->second);
  const bool lives = call != calls_.end() && !call->second.is_ending &&
                     call->second.status.phase < CallPhase::answered;
  return lives ? found->second : 0;
}

CallTable::Call* CallTable::find_live(uint64_t key) {
  const auto found = calls_.find(key);
  return found == calls_.end() || found->second.is_ending ? nullptr : &found->second;
}

void CallTable::attempt(const CallBegan& began, const Request& invite) {
  const uint64_t now = loop_.now_ms();
  if (Call* call = find_live(began.call_key)) {
    ++call->attempts;
    call->retry_until_ms.reset();
    call->seen_ms = now;
    call->status.decision = began.decision;
    return;
  }
  // Only calls for help come here beyond the bound; they go on, untracked, rather than grow it.
  if (calls_.size() >= 2 * max_calls_) return;
  Call call;
  call.status.call_key = began.call_key;
  call.status.call_id = began.call_id;
  call.status.from = began.from;
  call.status.to = began.to;
  call.status.dialled = began.dialled;
  call.status.caller = began.caller;
  call.status.origin = began.origin;
  call.status.decision = began.decision;
  call.status.began_ms = call.seen_ms = now;
  call.status.survival = began.survival;
  call.status.emergency = began.emergency;
  call.caller_tag = invite.from.tag;
  call.retry_key = retry_key(invite, began.caller);
  call.attempts = 1;
  by_retry_[call.retry_key] = began.call_key;
  by_call_id_.emplace(began.call_id, began.call_key);
  calls_.emplace(began.call_key, std::move(call));
  if (events_ != nullptr) events_->began(began);
}

void CallTable::ringing(uint64_t key) {
  Call* call = find_live(key);
  if (call != nullptr && call->status.phase == CallPhase::trying)
    call->status.phase = CallPhase::ringing;
}

void CallTable::answered(const CallAnswered& answer, const std::string& callee_tag) {
  Call* call = find_live(answer.call_key);
  if (call == nullptr) return;
  if (call->callee_tags.size() < kMaxDialogs) call->callee_tags.insert(callee_tag);
  call->seen_ms = loop_.now_ms();
  call->retry_until_ms.reset();
  if (std::exchange(call->status.phase, CallPhase::answered) == CallPhase::answered) return;
  call->status.answered_ms = call->seen_ms;
  call->status.answered_decision = answer.decision;
  if (events_ != nullptr) events_->answered(answer);
}

void CallTable::failed(uint64_t key, int status, CallEnd why, const std::string& detail) {
  Call* call = find_live(key);
  if (call == nullptr) return;
  if (call->attempts > 0) --call->attempts;
  if (call->attempts > 0 || call->status.phase == CallPhase::answered) return;
  if (!can_be_tried_again(status)) return end(key, why, status, detail);
  call->last_status = status;
  call->last_end = why;
  call->last_detail = detail;
  call->status.phase = CallPhase::trying;
  call->retry_until_ms = loop_.now_ms() + kRetryMs;
}

void CallTable::refused(const CallBegan& call, const Request& invite, int status, CallEnd end,
                        const std::string& detail) {
  if (find_live(call.call_key) != nullptr) {  // after a challenge
    attempt(call, invite);
    return failed(call.call_key, status, end, detail);
  }
  ++ended_[static_cast<size_t>(end)];
  if (events_ == nullptr) return;
  events_->began(call);
  events_->ended({call.call_key, end, status, detail, {}});
}

void CallTable::seen(uint64_t key, const Request& request, Peer caller, bool by_caller) {
  if (key == 0 || over_.contains(key)) return;
  const uint64_t now = loop_.now_ms();
  if (Call* call = find_live(key)) {
    call->seen_ms = now;
    return;
  }
  if (calls_.contains(key) || is_full()) return;
  Call call;
  call.status.call_key = key;
  call.status.call_id = request.call_id;
  call.status.from = (by_caller ? request.from : request.to).uri.to_string();
  call.status.to = (by_caller ? request.to : request.from).uri.to_string();
  call.status.caller = caller;
  call.status.origin = request.origin;
  call.status.phase = CallPhase::answered;
  call.status.began_ms = call.seen_ms = now;
  call.status.from_before_restart = true;
  call.caller_tag = by_caller ? request.from.tag : request.to.tag;
  call.callee_tags.insert(by_caller ? request.to.tag : request.from.tag);
  by_call_id_.emplace(request.call_id, key);
  if (events_ != nullptr) {
    const CallStatus& now_known = call.status;
    CallBegan found;
    found.call_key = key;
    found.call_id = now_known.call_id;
    found.from = now_known.from;
    found.to = now_known.to;
    found.caller = caller;
    if (by_caller) found.origin = request.origin;
    events_->found(found);
  }
  calls_.emplace(key, std::move(call));
}

void CallTable::dialog_over(uint64_t key, const std::string& caller_tag,
                            const std::string& callee_tag, CallEnd why) {
  if (key == 0 || over_.contains(key)) return;
  if (media_ != nullptr) media_->dialog_ended(key, caller_tag, callee_tag);
  if (Call* call = find_live(key)) {
    call->callee_tags.erase(callee_tag);
    // A fork's early dialog that ends (RFC 3261 section 15) is not the call.
    if (!call->callee_tags.empty() || call->status.phase != CallPhase::answered) return;
  }
  end(key, why, 0, {});
}

void CallTable::end(uint64_t key, CallEnd why, int status, const std::string& detail) {
  if (over_.contains(key)) return;
  over_.emplace(key, loop_.now_ms() + kOverMs);
  over_order_.push_back(key);
  ++ended_[static_cast<size_t>(why)];
  const auto found = calls_.find(key);
  if (found != calls_.end()) {
    found->second.is_ending = true;
    found->second.status.phase = CallPhase::ending;
  }
  const auto tell = [this, alive = std::weak_ptr<bool>(alive_), key, why, status,
                     detail](std::vector<control::CallReport> media) {
    if (alive.expired()) return;
    forget(key);
    if (events_ != nullptr) events_->ended({key, why, status, detail, std::move(media)});
  };
  if (media_ != nullptr)
    media_->call_ended(key, tell);
  else
    tell({});
}

bool CallTable::one_way(uint64_t key, media::Side side, bool missing) {
  Call* call = find_live(key);
  if (call == nullptr) return false;
  const size_t i = media::index_of(side);
  call->status.is_missing[i] = missing;
  if (!missing || std::exchange(call->status.was_missing[i], true)) return true;
  if (events_ != nullptr)
    events_->remarked(key, side == media::Side::caller ? CallRemark::no_media_from_caller
                                                       : CallRemark::no_media_from_callee);
  return true;
}

void CallTable::unanchored(uint64_t key) {
  Call* call = find_live(key);
  if (call == nullptr || std::exchange(call->status.unanchored, true)) return;
  if (events_ != nullptr) events_->remarked(key, CallRemark::unanchored);
}

void CallTable::forget(uint64_t key) {
  const auto found = calls_.find(key);
  if (found == calls_.end()) return;
  const Call& call = found->second;
  const auto retry = by_retry_.find(call.retry_key);
  if (retry != by_retry_.end() && retry->second == key) by_retry_.erase(retry);
  const auto [first, last] = by_call_id_.equal_range(call.status.call_id);
  const auto mine = std::find_if(first, last, [key](const auto& at) { return at.second == key; });
  if (mine != last) by_call_id_.erase(mine);
  calls_.erase(found);
}

uint64_t CallTable::find(const std::string& call_id, const std::string& from_tag,
                         const std::string& to_tag) const {
  uint64_t one = 0;
  const auto [first, last] = by_call_id_.equal_range(call_id);
  for (auto at = first; at != last; ++at) {
    const std::string& caller = calls_.at(at->second).caller_tag;
    if (caller != from_tag && caller != to_tag) continue;
    if (one != 0) return 0;
    one = at->second;
  }
  return one;
}

std::string CallTable::caller_tag(uint64_t key) const {
  const auto found = calls_.find(key);
  return found == calls_.end() ? std::string{} : found->second.caller_tag;
}

CallToken CallTable::token(uint64_t key) const {
  const auto found = calls_.find(key);
  if (found == calls_.end()) return {};
  const CallStatus& status = found->second.status;
  return {key, status.caller, status.emergency, status.survival};
}

void CallTable::sweep() {
  const uint64_t now = loop_.now_ms();
  // The same time for each, so the oldest ends first.
  while (!over_order_.empty()) {
    const auto first = over_.find(over_order_.front());
    if (first != over_.end() && first->second > now && over_.size() <= 4 * max_calls_) break;
    if (first != over_.end()) over_.erase(first);
    over_order_.pop_front();
  }
  std::vector<uint64_t> tired, lost;
  for (const auto& [key, call] : calls_) {
    if (call.is_ending) continue;
    if (call.retry_until_ms && *call.retry_until_ms <= now) tired.push_back(key);
    if (now - call.seen_ms >= kLongestMs) lost.push_back(key);
  }
  for (const uint64_t key : tired) {
    const Call call = calls_.at(key);
    end(key, call.last_end, call.last_status, call.last_detail);
  }
  for (const uint64_t key : lost) end(key, CallEnd::lost_track, 0, {});
}

std::vector<CallStatus> CallTable::list() const {
  std::vector<CallStatus> all;
  all.reserve(calls_.size());
  for (const auto& [key, call] : calls_) all.push_back(call.status);
  std::sort(all.begin(), all.end(), [](const CallStatus& a, const CallStatus& b) {
    return std::pair(a.began_ms, a.call_key) < std::pair(b.began_ms, b.call_key);
  });
  return all;
}

std::string_view name_of(MediaEventKind kind) {
  switch (kind) {
#define HOLDFAST_X(name, text) \
  case MediaEventKind::name:   \
    return #name;
    HOLDFAST_MEDIA_EVENTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

std::string_view text_of(MediaEventKind kind) {
  switch (kind) {
#define HOLDFAST_X(name, text) \
  case MediaEventKind::name:   \
    return text;
    HOLDFAST_MEDIA_EVENTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

std::string_view name_of(CallPhase phase) {
  switch (phase) {
    case CallPhase::trying:
      return "trying";
    case CallPhase::ringing:
      return "ringing";
    case CallPhase::answered:
      return "answered";
    case CallPhase::ending:
      return "ending";
  }
  return "trying";
}

}  // namespace holdfast::sip
