// SPDX-License-Identifier: Apache-2.0
// From the health of the servers to the state of the branch.
#include "sip/upstream_health.hh"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

namespace holdfast::sip {
namespace {

// Changes that wait to be logged. The hold-down makes them rare; nobody fetching them is a bug that
// must not cost memory.
constexpr size_t kMaxWaitingChanges = 256;

// Tokens are thousandths of a REGISTER, so that slow rates add up too. The bucket holds one second.
constexpr uint64_t kToken = 1000;

uint64_t tokens_at(uint64_t now_ms, uint64_t tokens, uint64_t at_ms, const HealthConfig& config) {
  const uint64_t full = std::max<uint64_t>(config.hand_back_per_s * kToken, kToken);
  const uint64_t elapsed = std::min<uint64_t>(now_ms - at_ms, 60'000);
  return std::min(full, tokens + elapsed * config.hand_back_per_s);
}

template <typename T>
void keep(std::vector<T>& waiting, T change, uint64_t& forgotten) {
  if (waiting.size() == kMaxWaitingChanges) {
    waiting.erase(waiting.begin());
    ++forgotten;
  }
  waiting.push_back(std::move(change));
}

}  // namespace

UpstreamHealth::UpstreamHealth(uint64_t now_ms, const HealthConfig& config, Random random)
    : config_(config), random_(std::move(random)), now_ms_(now_ms), since_ms_(now_ms) {}

void UpstreamHealth::set_upstreams(uint64_t now_ms, const std::vector<Upstream>& upstreams) {
  now_ms = hold(now_ms);
  std::vector<Member> next;
  for (const Upstream& upstream : upstreams) {
    if (next.size() == kMaxUpstreams) {
      ++counters_.upstreams_refused;
      continue;
    }
    Member* known = find(upstream);
    next.push_back({upstream, known != nullptr ? known->health : UpstreamMember(now_ms)});
  }
  members_ = std::move(next);
  judge(now_ms);
}

void UpstreamHealth::advance(uint64_t now_ms) {
  now_ms = hold(now_ms);
  for (Member& member : members_)
    if (member.health.is_probe_overdue(now_ms, config_))
      end_probe(now_ms, member, Evidence::probe_timeout);
  judge(now_ms);
}

uint64_t UpstreamHealth::deadline_ms() const {
  uint64_t deadline = std::numeric_limits<uint64_t>::max();
  for (const Member& member : members_)
    deadline = std::min(deadline, member.health.deadline_ms(config_));
  // What is past by now waits for a server, whose probe is in the list above.
  if (const uint64_t at = since_ms_ + config_.hand_back_max_ms;
      state_ == HealthState::recovering && at > now_ms_)
    deadline = std::min(deadline, at);
  if (const uint64_t at = worsened_ms_.value_or(0) + config_.hold_down_ms;
      worsened_ms_ && at > now_ms_)
    deadline = std::min(deadline, at);
  return deadline;
}

std::optional<Probe> UpstreamHealth::next_probe(uint64_t now_ms) {
  now_ms = hold(now_ms);
  for (Member& member : members_) {
    if (!member.health.wants_probe(now_ms)) continue;
    member.health.probe_sent(now_ms, ++last_probe_);
    ++counters_.probes_sent;
    return Probe{last_probe_, member.upstream};
  }
  return std::nullopt;
}

void UpstreamHealth::probe_answered(uint64_t now_ms, uint32_t number, const Response& response) {
  now_ms = hold(now_ms);
  Member* member = find_probe(number);
  if (member == nullptr) return;
  // Any final answer shows that the server works on requests, 401 and 405 as well as 200.
  Evidence evidence = Evidence::probe_answered;
  if (response.status == 503) {
    evidence = response.retry_after_s ? Evidence::probe_retry_after : Evidence::probe_refused;
    const uint64_t spare_s =
        std::min(response.retry_after_s.value_or(0), config_.retry_after_max_s);
    member->health.spare_until(now_ms + spare_s * 1000);
  }
  end_probe(now_ms, *member, evidence);
  judge(now_ms);
}

void UpstreamHealth::probe_send_failed(uint64_t now_ms, uint32_t number) {
  now_ms = hold(now_ms);
  Member* member = find_probe(number);
  if (member == nullptr) return;
  end_probe(now_ms, *member, Evidence::probe_send_failed);
  judge(now_ms);
}

void UpstreamHealth::observed(uint64_t now_ms, const Upstream& upstream, Evidence evidence,
                              uint64_t sent_ms) {
  now_ms = hold(now_ms);
  Member* member = find(upstream);
  if (member == nullptr || evidence >= Evidence::count) {
    ++counters_.evidence_ignored;
    return;
  }
  const MemberState before = member->health.state();
  if (member->health.observed(now_ms, evidence, sent_ms, config_)) {
    ++counters_.evidence[static_cast<size_t>(evidence)];
    note_change(now_ms, *member, before, evidence);
    // The one that worked is remembered; while it is up, answers of another (calls of before) do
    // not move new calls about.
    if (is_good(evidence) && member_state(preferred_) != MemberState::up)
      preferred_ = member->upstream;
  } else {
    ++counters_.evidence_ignored;
  }
  judge(now_ms);
}

void UpstreamHealth::answered(uint64_t now_ms, const Upstream& upstream, const Response& response,
                              uint64_t sent_ms) {
  now_ms = hold(now_ms);
  const bool refused = response.status == 503;
  // Such a 503 may come from beyond the centre, so its Retry-After makes the server the last
  // choice, not a dead one (RFC 3261 section 21.5.4, RFC 3263 section 4.3).
  if (Member* member = find(upstream); member != nullptr && refused && response.retry_after_s) {
    const uint64_t spare_s = std::min(*response.retry_after_s, config_.retry_after_max_s);
    member->health.spare_until(now_ms + spare_s * 1000);
  }
  observed(now_ms, upstream, refused ? Evidence::service_unavailable : Evidence::good_response,
           sent_ms);
}

void UpstreamHealth::hand_back_pending(uint64_t now_ms, size_t phones) {
  now_ms = hold(now_ms);
  if (state_ != HealthState::recovering) return;
  pending_ = phones;
  judge(now_ms);
}

std::optional<uint64_t> UpstreamHealth::hand_back_since_ms() const {
  if (state_ != HealthState::recovering) return std::nullopt;
  return since_ms_;
}

bool UpstreamHealth::hand_back_ready(uint64_t now_ms) const {
  if (state_ != HealthState::recovering) return false;
  return tokens_at(std::max(now_ms, now_ms_), tokens_milli_, tokens_at_ms_, config_) >= kToken;
}

void UpstreamHealth::take_hand_back(uint64_t now_ms) {
  now_ms = hold(now_ms);
  const uint64_t tokens = tokens_at(now_ms, tokens_milli_, tokens_at_ms_, config_);
  tokens_milli_ = tokens >= kToken ? tokens - kToken : 0;
  tokens_at_ms_ = now_ms;
}

std::vector<Upstream> UpstreamHealth::candidates(uint64_t now_ms) const {
  const bool all_down = std::all_of(members_.begin(), members_.end(), [](const Member& member) {
    return member.health.state() == MemberState::down;
  });
  std::vector<const Member*> usable;
  for (const Member& member : members_)
    if (all_down || member.health.state() != MemberState::down) usable.push_back(&member);
  const auto rank = [now_ms, this](const Member* member) {
    return std::tuple(member->health.is_avoided(now_ms), member->health.state(),
                      member->upstream.priority, member->upstream != preferred_);
  };
  std::stable_sort(usable.begin(), usable.end(),
                   [&](const Member* a, const Member* b) { return rank(a) < rank(b); });
  std::vector<Upstream> best_first;
  best_first.reserve(usable.size());
  for (const Member* member : usable) best_first.push_back(member->upstream);
  return best_first;
}

MemberState UpstreamHealth::member_state(const Upstream& upstream) const {
  for (const Member& member : members_)
    if (member.upstream == upstream) return member.health.state();
  return MemberState::down;
}

std::vector<Transition> UpstreamHealth::take_transitions() {
  return std::exchange(transitions_, {});
}

std::vector<MemberChange> UpstreamHealth::take_member_changes() {
  return std::exchange(member_changes_, {});
}

uint64_t UpstreamHealth::hold(uint64_t now_ms) {
  return now_ms_ = std::max(now_ms_, now_ms);
}

UpstreamHealth::Member* UpstreamHealth::find(const Upstream& upstream) {
  for (Member& member : members_)
    if (member.upstream.address == upstream.address &&
        member.upstream.transport == upstream.transport)
      return &member;
  return nullptr;
}

UpstreamHealth::Member* UpstreamHealth::find_probe(uint32_t number) {
  for (Member& member : members_)
    if (member.health.has_probe(number)) return &member;
  return nullptr;
}

void UpstreamHealth::end_probe(uint64_t now_ms, Member& member, Evidence evidence) {
  const MemberState before = member.health.state();
  member.health.probe_ended(now_ms, evidence, config_, random_());
  ++counters_.evidence[static_cast<size_t>(evidence)];
  note_change(now_ms, member, before, evidence);
}

void UpstreamHealth::note_change(uint64_t now_ms, Member& member, MemberState before,
                                 Evidence evidence) {
  const MemberState after = member.health.state();
  if (before == after) return;
  keep(member_changes_, MemberChange{member.upstream, before, after, evidence, now_ms},
       counters_.changes_forgotten);
  if (after == MemberState::up) return;
  for (Member& other : members_)
    if (&other != &member && other.health.state() == MemberState::up)
      other.health.probe_soon(now_ms);
}

void UpstreamHealth::judge(uint64_t now_ms) {
  bool any_up = false, any_suspect = false;
  for (const Member& member : members_) {
    any_up |= member.health.state() == MemberState::up;
    any_suspect |= member.health.state() == MemberState::suspect;
  }
  const auto why_down = members_.empty() ? HealthReason::no_upstream : HealthReason::all_down;
  if (state_ == HealthState::online && !any_up)
    enter(now_ms, HealthState::suspect,
          members_.empty() ? HealthReason::no_upstream : HealthReason::all_suspect);
  if (state_ == HealthState::suspect) {
    if (any_up && may_improve(now_ms))
      enter(now_ms, HealthState::online, HealthReason::server_up);
    else if (!any_up && !any_suspect)
      enter(now_ms, HealthState::survival, why_down);
  } else if (state_ == HealthState::survival) {
    if (any_up && may_improve(now_ms))
      enter(now_ms, HealthState::recovering, HealthReason::server_up);
  } else if (state_ == HealthState::recovering) {
    if (!any_up && !any_suspect)
      enter(now_ms, HealthState::survival, HealthReason::failed_in_recovery);
    else if (any_up && pending_ == size_t{0})
      enter(now_ms, HealthState::online, HealthReason::handed_back);
    else if (any_up && now_ms >= since_ms_ + config_.hand_back_max_ms)
      enter(now_ms, HealthState::online, HealthReason::hand_back_over);
  }
}

bool UpstreamHealth::may_improve(uint64_t now_ms) const {
  return !worsened_ms_ || now_ms >= *worsened_ms_ + config_.hold_down_ms;
}

void UpstreamHealth::enter(uint64_t now_ms, HealthState to, HealthReason reason) {
  keep(transitions_, Transition{state_, to, reason, now_ms}, counters_.changes_forgotten);
  ++counters_.entered[static_cast<size_t>(to)];
  if (to == HealthState::suspect || to == HealthState::survival) worsened_ms_ = now_ms;
  state_ = to;
  since_ms_ = now_ms;
  pending_.reset();
  // The bucket starts with one REGISTER: the centre has just come back.
  tokens_milli_ = kToken;
  tokens_at_ms_ = now_ms;
}

std::string_view name_of(HealthState state) {
  switch (state) {
    case HealthState::online:
      return "online";
    case HealthState::suspect:
      return "suspect";
    case HealthState::survival:
      return "survival";
    case HealthState::recovering:
      break;
  }
  return "recovering";
}

std::string_view name_of(HealthReason reason) {
  switch (reason) {
#define HOLDFAST_X(name, text) \
  case HealthReason::name:     \
    return #name;
    HOLDFAST_HEALTH_REASONS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "none";
}

std::string_view text_of(HealthReason reason) {
  switch (reason) {
#define HOLDFAST_X(name, text) \
  case HealthReason::name:     \
    return text;
    HOLDFAST_HEALTH_REASONS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "none";
}

}  // namespace holdfast::sip
