// SPDX-License-Identifier: Apache-2.0
// Passes over the dataplane's list: what is found, what is missing, what is silent.
#include <algorithm>
#include <utility>

#include "sip/anchor/srtp_legs.hh"
#include "sip/anchor/stream_table.hh"

namespace holdfast::sip {
namespace {

using control::CallReport;
using control::LegReport;
using control::LegSpec;
using control::LegUpdate;

constexpr uint32_t kPageCalls = 64;        // some milliseconds of reading
constexpr uint32_t kPageGapMs = 20;        // between the pages of a poll
constexpr uint32_t kAgainMs = 100;         // after a list that was refused or made no sense
constexpr size_t kMaxListedCalls = 65536;  // far above max-legs; a list beyond it does not end
constexpr size_t kMaxRestoring = 16;       // so many are well answered within their time

// The spec that would make the leg anew; its clock rates are not listed.
LegSpec spec_of(const LegReport& report) {
  LegSpec spec;
  spec.interface = report.interface;
  spec.family = report.local.ip.family;
  spec.media = report.media;
  spec.payload = report.payload;
  spec.sealed = report.sealed;
  spec.remote = report.remote;
  spec.rtcp_mux = report.local_rtcp == report.local;
  if (report.strict_source) spec.learn = control::Learn::kStrict;
  if (!report.remote || !report.remote_rtcp) return spec;
  const bool next_port = report.remote_rtcp->ip == report.remote->ip &&
                         report.remote_rtcp->port == report.remote->port + 1;
  if (!next_port) spec.remote_rtcp = report.remote_rtcp;
  return spec;
}

}  // namespace

void StreamTable::begin_pass() {
  ++pass_;
  passing_ = true;
  listing_.clear();
  ask_page(0);
}

void StreamTable::ask_page(uint64_t after) {
  client().list({after, kPageCalls, false}, [this, pass = pass_](auto page) {
    if (!passing_ || pass != pass_) return;
    if (!page) {
      counts_.add(page.error());
      if (!client().is_up()) return;
      poll_timer_ = loop_.after(kAgainMs, [this] {
        poll_timer_ = 0;
        begin_pass();
      });
      return;
    }
    take_page(std::move(page).value());
  });
}

void StreamTable::take_page(control::ListedCalls page) {
  for (CallReport& report : page.calls) {
    if (listing_.size() == kMaxListedCalls) break;
    take_listed(report);
    listing_.push_back(std::move(report));
  }
  if (!page.next || listing_.size() == kMaxListedCalls) return finish_pass();
  if (reconnected_) return ask_page(*page.next);
  poll_timer_ = loop_.after(kPageGapMs, [this, next = *page.next] {
    poll_timer_ = 0;
    ask_page(next);
  });
}

void StreamTable::take_listed(const CallReport& report) {
  const auto name = parse_stream_name(report.call);
  if (!name || report.legs.size() != 2) return;  // another's
  const auto found = streams_.find(report.call);
  if (found != streams_.end()) return reconcile(found->second, report);
  const auto grave = buried_.find(report.call);
  if (grave == buried_.end()) return adopt(*name, report);
  if (grave->second.asked || grave->second.pass == pass_) return;  // the list is the older one
  grave->second = {true, pass_};
  client().remove({report.call}, [this, key = report.call](const auto&) {
    const auto again = buried_.find(key);
    if (again != buried_.end()) again->second = {false, pass_};
  });
}

void StreamTable::adopt(const StreamName& name, const CallReport& report) {
  counts_.add(AnchorCounter::streams_adopted);
  StreamEntry& entry = streams_[report.call];
  entry.plan.name = name;
  for (size_t i = 0; i < 2; ++i) {
    entry.plan.legs[i] = spec_of(report.legs[i]);
    if (report.legs[i].srtp) entry.plan.srtp[i].mode = media::SrtpEnd::Mode::kept;
  }
  watch_checkpoints(entry);
  entry.plan.agreed = true;
  entry.state = StreamEntry::State::there;
  entry.adopted = true;
  hear(entry, report);
  entry.heard = false;  // that was before we knew it
  expect(entry);
  entry.seen = pass_;
  place(entry, report);
}

void StreamTable::reconcile(StreamEntry& entry, const CallReport& report) {
  entry.seen = pass_;
  if (entry.state == StreamEntry::State::adding) return;
  entry.state = StreamEntry::State::there;
  place(entry, report);
  hear(entry, report);
  if (entry.touched == pass_) return;
  std::array<LegUpdate, 2> updates;
  for (size_t i = 0; i < 2; ++i) {
    const LegSpec& wanted = entry.plan.legs[i];
    const LegSpec there = spec_of(report.legs[i]);
    updates[i].leg = 0;
    if (wanted.rtcp_mux != there.rtcp_mux) {
      updates[i].leg = report.legs[i].leg;
      updates[i].rtcp_mux = wanted.rtcp_mux;
    }
    if (wanted.sealed != there.sealed) {
      updates[i].leg = report.legs[i].leg;
      updates[i].sealed = wanted.sealed;
    }
    if (entry.untold_keys[i] != 0 || !has_srtp(report.legs[i], entry.plan.srtp[i])) {
      updates[i].leg = report.legs[i].leg;
      tell_srtp(entry.plan.srtp[i], updates[i]);
    }
    if (!wanted.remote ||
        (wanted.remote == there.remote && wanted.remote_rtcp == there.remote_rtcp))
      continue;
    updates[i].leg = report.legs[i].leg;
    updates[i].remote = wanted.remote;
    updates[i].remote_rtcp = wanted.remote_rtcp;
  }
  tell(entry, updates, [] {});
}

void StreamTable::hear(StreamEntry& entry, const CallReport& report) {
  for (size_t i = 0; i < entry.ends.size(); ++i) {
    const LegReport& leg = report.legs[i];
    EndHeard& end = entry.ends[i];
    const uint64_t packets = leg.rx.packets + leg.rtcp_received;
    if (packets != end.packets) {
      entry.heard = true;
      entry.active_ms = end.heard_ms = now();
    }
    end.is_sending = leg.rx.packets != end.rtp;
    end.packets = packets;
    end.rtp = leg.rx.packets;
  }
}

void StreamTable::finish_pass() {
  passing_ = false;
  listed_ = std::exchange(listing_, {});
  std::erase_if(buried_, [this](const auto& each) {
    return !each.second.asked && each.second.pass != pass_;
  });
  for (auto each = streams_.begin(); each != streams_.end();) {
    StreamEntry& entry = each->second;
    const bool lost =
        entry.seen != pass_ && entry.touched != pass_ && entry.state != StreamEntry::State::adding;
    // Another took it away, and no call of ours misses it.
    if (lost && entry.adopted && !reconnected_) {
      each = streams_.erase(each);
      continue;
    }
    if (lost) {
      entry.state = StreamEntry::State::missing;
      to_restore_.push_back(each->first);
    }
    ++each;
  }
  restore_more();
}

// A few at a time; settles when all are done.
void StreamTable::restore_more() {
  while (restoring_ < kMaxRestoring && !to_restore_.empty()) {
    const Key key = to_restore_.front();
    to_restore_.pop_front();
    const auto found = streams_.find(key);
    if (found == streams_.end() || found->second.state != StreamEntry::State::missing) continue;
    found->second.touched = pass_;
    ++restoring_;
    control::CallAdd request = request_for(found->second, true);
    const auto checkpoints = found->second.checkpoints;
    restore_srtp(found->second, request);
    client().add(request, [this, key, checkpoints](Result<CallReport, Error> answer) {
      --restoring_;
      const auto entry = streams_.find(key);
      if (answer && entry != streams_.end() && answer->legs.size() == 2) {
        counts_.add(AnchorCounter::streams_restored);
        entry->second.state = StreamEntry::State::there;
        for (EndHeard& end : entry->second.ends) end.packets = end.rtp = 0;
        place(entry->second, *answer);
      } else if (!answer) {
        counts_.add(AnchorCounter::restores_failed);
        counts_.add(answer.error());
        // Nothing was sent: the next attempt need not jump ahead of this one.
        if (answer.error().kind == Error::Kind::kRefused && entry != streams_.end())
          entry->second.checkpoints = checkpoints;
      }
      if (client().is_up()) restore_more();
    });
  }
  if (restoring_ == 0 && to_restore_.empty() && client().is_up()) settle();
}

// Until the next poll.
void StreamTable::settle() {
  if (poll_timer_ != 0) loop_.cancel(poll_timer_);
  poll_timer_ = loop_.after(config_.poll_ms, [this] {
    poll_timer_ = 0;
    begin_pass();
  });
  reconnected_ = false;
  if (state_ != AnchorState::up) {
    state_ = AnchorState::up;
    release_waiters(true);
  }
  look_for_one_way();
  look_for_silence();
}

// Audio that both sides have agreed to send and hear, and that only one sends. An end that sends
// RTCP alone is there, and has nothing to say (silence suppression).
void StreamTable::look_for_one_way() {
  if (config_.one_way_ms == 0) return;
  for (auto& [key, entry] : streams_) {
    const StreamPlan& plan = entry.plan;
    const bool both_send = entry.state == StreamEntry::State::there && plan.agreed &&
                           plan.talking && !plan.held && plan.name.rtp &&
                           plan.name.media == "audio";
    for (const media::Side side : {media::Side::caller, media::Side::callee}) {
      const EndHeard& end = entry.ends[media::index_of(side)];
      const EndHeard& other = entry.ends[media::index_of(media::other(side))];
      const uint64_t since_ms = std::max(end.heard_ms, entry.expected_ms);
      const bool is_silent = both_send && now() - since_ms >= config_.one_way_ms;
      if (!is_silent)
        tell_missing(entry, side, false);
      else if (other.is_sending)
        tell_missing(entry, side, true);
    }
  }
}

void StreamTable::tell_missing(StreamEntry& entry, media::Side side, bool missing) {
  EndHeard& end = entry.ends[media::index_of(side)];
  if (std::exchange(end.is_missing, missing) == missing) return;
  if (missing) counts_.add(AnchorCounter::one_way);
  if (one_way_) one_way_(entry.plan.name.call_key, side, missing);
}

// A call is silent when every stream of its that was agreed is. One that was adopted and has not
// been heard may be on hold: it gets the hold's time.
void StreamTable::look_for_silence() {
  std::vector<uint64_t> silent, abandoned;
  std::erase_if(told_silent_, [this](const auto& each) { return of_call(each.first).empty(); });
  for (auto each = streams_.begin(); each != streams_.end();) {
    const uint64_t call = each->second.plan.name.call_key;
    uint64_t active_ms = 0;
    bool agreed = false, held = true, adopted = true;
    for (; each != streams_.end() && each->second.plan.name.call_key == call; ++each) {
      const StreamEntry& entry = each->second;
      adopted = adopted && entry.adopted;
      if (!entry.plan.agreed) continue;
      agreed = true;
      active_ms = std::max(active_ms, entry.active_ms);
      held = held && (entry.plan.held || (entry.adopted && !entry.heard));
    }
    const uint32_t limit_ms = held ? config_.hold_timeout_ms : config_.media_timeout_ms;
    if (!agreed || limit_ms == 0 || now() - active_ms < limit_ms) {
      told_silent_.erase(call);
      continue;
    }
    const auto [told, first] = told_silent_.emplace(call, now());
    if (first)
      silent.push_back(call);
    else if (adopted || now() - told->second >= config_.media_timeout_ms)
      abandoned.push_back(call);
  }
  for (const uint64_t call : silent) {
    counts_.add(AnchorCounter::calls_silent);
    if (silent_) silent_(call);
  }
  for (const uint64_t call : abandoned) {
    counts_.add(AnchorCounter::orphans_deleted);
    abandoned_(call);
  }
}

}  // namespace holdfast::sip
