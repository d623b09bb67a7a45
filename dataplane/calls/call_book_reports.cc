// SPDX-License-Identifier: Apache-2.0
// What the book tells of its calls: one, many, and all of them once a minute.
#include <algorithm>

#include "dataplane/calls/call_book.hh"
#include "dataplane/calls/clock.hh"
#include "dataplane/calls/leg_report.hh"

namespace holdfast::dataplane {
namespace {

constexpr size_t kCallsPerRequest = CoreRequest::kMaxRequestItems / 2;
// Of a tick: 16,384 calls are through in under two seconds, and no request holds packets up longer
// than another one would.
constexpr unsigned kMinuteBatchesPerTick = 64;
constexpr uint64_t kMinuteMs = 60'000;

}  // namespace

bool CallBook::ask_about(std::span<const BookCall* const> calls, bool begin_interval,
                         const OnCall& on_call) {
  for (uint32_t core = 0; core < board_.cores(); ++core) {
    std::array<LegIndex, CoreRequest::kMaxRequestItems> legs;
    std::array<const BookCall*, kCallsPerRequest> asked;
    size_t count = 0;
    for (const BookCall* call : calls) {
      if (board_.owner_of_leg(call->legs[0]) != core) continue;
      std::copy(call->legs.begin(), call->legs.end(), &legs[2 * count]);
      asked[count++] = call;
    }
    if (count == 0) continue;
    const auto snapshots = lines_[core]->snapshot({legs.data(), 2 * count}, begin_interval);
    if (snapshots.empty()) return false;
    for (size_t i = 0; i < count; ++i) on_call(*asked[i], snapshots.subspan(2 * i, 2));
  }
  return true;
}

control::CallReport CallBook::report_of(const BookCall& call,
                                        std::span<const LegSnapshot> legs) const {
  control::CallReport result;
  result.call = call.key;
  result.started_ms = call.started_ms;
  for (size_t i = 0; i < legs.size(); ++i) {
    const BookLeg& leg = legs_[legs[i].index];
    result.legs.push_back(
        leg_report(legs[i], legs[1 - i], interfaces_[leg.setup.port].name, leg.next_hop[0]));
  }
  return result;
}

Answer<control::CallPage> CallBook::list(const control::CallList& request) {
  control::CallPage page(request);
  if (request.finished) {
    for (const auto& [number, last] : finished_) {
      if (number > request.after && !page.add(last, number)) break;
    }
    return page;
  }
  uint32_t left = request.limit;  // a question to an lcore is about no more than can be on the page
  for (auto call = calls_.upper_bound(request.after); call != calls_.end();) {
    if (left == 0) {
      page.set_more();
      break;
    }
    std::vector<const BookCall*> batch;
    std::vector<uint64_t> serials;
    for (; call != calls_.end() && batch.size() < std::min<size_t>(left, kCallsPerRequest);
         ++call) {
      batch.push_back(&call->second);
      serials.push_back(call->first);
    }
    left -= static_cast<uint32_t>(batch.size());
    std::vector<control::CallReport> rows(batch.size());
    const bool answered = ask_about(batch, false, [&](const BookCall& of, auto legs) {
      const auto at = std::find(batch.begin(), batch.end(), &of) - batch.begin();
      rows[static_cast<size_t>(at)] = report_of(of, legs);
    });
    if (!answered) return core_busy();
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!page.add(rows[i], serials[i])) return page;
    }
  }
  return page;
}

void CallBook::take_minutes(uint64_t unix_ms) {
  const uint64_t minute = unix_ms / kMinuteMs;
  if (minute_ == 0) minute_ = minute;
  if (!minute_walk_ && minute != minute_) {
    minute_walk_ = MinuteWalk{minute_, 0, next_serial_};
    minute_ = minute;
  }
  for (unsigned batches = 0; minute_walk_ && batches < kMinuteBatchesPerTick; ++batches) {
    MinuteWalk& walk = *minute_walk_;
    std::vector<const BookCall*> batch;
    auto call = calls_.upper_bound(walk.done);
    for (; call != calls_.end() && call->first < walk.end && batch.size() < kCallsPerRequest;
         ++call) {
      batch.push_back(&call->second);
      walk.done = call->first;
    }
    // What an lcore that does not answer would have told is in the records of the next minute.
    ask_about(batch, true, [&](const BookCall& of, auto legs) { show(of, legs, walk.minute); });
    if (batch.size() < kCallsPerRequest) minute_walk_.reset();
  }
}

void CallBook::show(const BookCall& call, std::span<const LegSnapshot> legs, uint64_t minute) {
  for (const LegSnapshot& leg : legs) {
    const std::string& interface = interfaces_[legs_[leg.index].setup.port].name;
    minutes_.show(call.key, interface, leg, minute * kMinuteMs / 1000);
  }
}

std::optional<CallBook::Placed> CallBook::placed(LegIndex leg) const {
  if (leg == kNoLeg || leg >= legs_.size() || legs_[leg].call == 0) return std::nullopt;
  const BookLeg& entry = legs_[leg];
  const auto call = calls_.find(entry.call);
  if (call == calls_.end()) return std::nullopt;
  return Placed{leg,
                entry.call,
                call->second.key,
                interfaces_[entry.setup.port].name,
                {entry.setup.local, entry.setup.local_port[0]}};
}

std::optional<std::array<LegIndex, 2>> CallBook::legs_of(const std::string& call) const {
  const auto key = by_key_.find(call);
  if (key == by_key_.end()) return std::nullopt;
  return calls_.at(key->second).legs;
}

// A call that ends while the walk has yet to come to it ends in the minute that is being told.
void CallBook::show_last(uint64_t serial, const BookCall& call, std::span<const LegSnapshot> legs) {
  const bool before_walk =
      minute_walk_ && serial > minute_walk_->done && serial < minute_walk_->end;
  show(call, legs, before_walk ? minute_walk_->minute : minute_);
  for (const LegIndex leg : call.legs) minutes_.forget(leg);
}

std::vector<control::NamedCount> CallBook::refused() const {
  std::vector<control::NamedCount> named;
  for (size_t code = 0; code < refused_.size(); ++code) {
    if (refused_[code] == 0) continue;
    named.push_back(
        {std::string(to_string(static_cast<control::ErrorCode>(code))), refused_[code]});
  }
  return named;
}

}  // namespace holdfast::dataplane
