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

bool CallBook::ask_about(std::span<const CallNumber> calls, bool begin_interval,
                         const OnCall& on_call) {
  for (uint32_t core = 0; core < board_.cores(); ++core) {
    std::array<LegIndex, CoreRequest::kMaxRequestItems> asked;
    size_t count = 0;
    for (const CallNumber call : calls) {
      const std::array<LegIndex, 2> legs = legs_of(call);
      if (board_.owner_of_leg(legs[0]) != core) continue;
      std::copy(legs.begin(), legs.end(), &asked[count]);
      count += 2;
    }
    if (count == 0) continue;
    const auto snapshots = lines_[core]->snapshot({asked.data(), count}, begin_interval);
    if (snapshots.empty()) return false;
    for (size_t i = 0; i < count; i += 2) on_call(call_of(asked[i]), snapshots.subspan(i, 2));
  }
  return true;
}

std::span<const LegSnapshot> CallBook::ask_about(CallNumber call) const {
  const std::array<LegIndex, 2> legs = legs_of(call);
  return lines_[board_.owner_of_leg(legs[0])]->snapshot(legs);
}

NextHop CallBook::next_hop_of(const LegSnapshot& leg) const {
  constexpr auto kRtp = static_cast<size_t>(PathKind::rtp);
  if (leg.leg.paths[kRtp].own_port != kNotOurs) return {NextHopState::local, {}, {}};
  if (next_hops_ == nullptr) return {};
  const auto asked = next_hops_->answer(token_of(leg.index, PathKind::rtp));
  return asked ? asked->next_hop : NextHop{};
}

control::LegReport CallBook::report_of(std::span<const LegSnapshot> legs, size_t which) const {
  const LegSnapshot& leg = legs[which];
  return leg_report(leg, legs[1 - which], interface_of(leg.index), next_hop_of(leg));
}

control::CallReport CallBook::report_of(CallNumber call, std::span<const LegSnapshot> legs) const {
  control::CallReport result;
  result.call = saved_[call].name();
  result.started_ms = saved_[call].started_ms;
  for (size_t i = 0; i < legs.size(); ++i) result.legs.push_back(report_of(legs, i));
  return result;
}

// The first call from `call` on that is there. False when there is none.
bool CallBook::skip_to_call(CallNumber& call) const {
  while (call < serials_.size() && serials_[call] == 0) ++call;
  return call < serials_.size();
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
  CallNumber call = static_cast<CallNumber>(std::min<uint64_t>(request.after, serials_.size()));
  while (skip_to_call(call)) {
    if (left == 0) {
      page.set_more();
      break;
    }
    std::vector<CallNumber> batch;
    for (; skip_to_call(call) && batch.size() < std::min<size_t>(left, kCallsPerRequest); ++call)
      batch.push_back(call);
    left -= static_cast<uint32_t>(batch.size());
    std::vector<control::CallReport> rows(batch.size());
    const bool answered = ask_about(batch, false, [&](CallNumber of, auto legs) {
      const auto at = std::find(batch.begin(), batch.end(), of) - batch.begin();
      rows[static_cast<size_t>(at)] = report_of(of, legs);
    });
    if (!answered) return core_busy();
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!page.add(rows[i], batch[i] + uint64_t{1})) return page;
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
    std::vector<CallNumber> batch;
    for (; skip_to_call(walk.next) && batch.size() < kCallsPerRequest; ++walk.next) {
      if (serials_[walk.next] < walk.end) batch.push_back(walk.next);
    }
    // What an lcore that does not answer would have told is in the records of the next minute.
    ask_about(batch, true, [&](CallNumber, auto legs) { show(legs, walk.minute); });
    if (walk.next == serials_.size()) minute_walk_.reset();
  }
}

void CallBook::show(std::span<const LegSnapshot> legs, uint64_t minute) {
  for (const LegSnapshot& leg : legs) {
    minutes_.show(std::string(saved_[call_of(leg.index)].name()), interface_of(leg.index), leg,
                  minute * kMinuteMs / 1000);
  }
}

std::optional<CallBook::Placed> CallBook::placed(LegIndex leg) const {
  if (leg == kNoLeg || !is_there(call_of(leg))) return std::nullopt;
  const BookLeg& entry = legs_[leg];
  const auto& addresses = board_.ports()[entry.interface].filter.addresses;
  const auto address = std::find_if(addresses.begin(), addresses.end(), [&](const auto& each) {
    return each.index == entry.address_index;
  });
  const CallNumber call = call_of(leg);
  return Placed{leg,
                serials_[call],
                std::string(saved_[call].name()),
                interface_of(leg),
                {address->ip, entry.rtp_port}};
}

std::optional<std::array<LegIndex, 2>> CallBook::legs_of_call(const std::string& key) const {
  const auto call = find(key);
  if (!call) return std::nullopt;
  return legs_of(*call);
}

// A call that ends while the walk has yet to come to it ends in the minute that is being told.
void CallBook::show_last(CallNumber call, std::span<const LegSnapshot> legs) {
  const bool before_walk =
      minute_walk_ && call >= minute_walk_->next && serials_[call] < minute_walk_->end;
  show(legs, before_walk ? minute_walk_->minute : minute_);
  for (const LegIndex leg : legs_of(call)) minutes_.forget(leg);
}

std::vector<control::NamedCount> CallBook::refused() const {
  std::vector<control::NamedCount> named;
  for (const auto& [code, count] : refused_) named.push_back({std::string(to_string(code)), count});
  return named;
}

}  // namespace holdfast::dataplane
