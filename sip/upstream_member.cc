// SPDX-License-Identifier: Apache-2.0
// How losses and answers move one server between up, suspect and down.
#include "sip/upstream_member.hh"

namespace holdfast::sip {
namespace {

struct EvidenceRow {
  std::string_view name;
  bool good;
  std::string_view text;
};
constexpr EvidenceRow kEvidence[] = {
#define HOLDFAST_X(name, good, text) {#name, good, text},
    HOLDFAST_EVIDENCE(HOLDFAST_X)
#undef HOLDFAST_X
};

// Interval `base` spread by the configured share to both sides.
uint64_t spread(uint32_t base, const HealthConfig& config, uint32_t random) {
  const uint64_t width = uint64_t{base} * config.probe_jitter_percent / 100;
  return width == 0 ? base : base - width / 2 + random % (width + 1);
}

uint64_t interval_ms(MemberState state, const HealthConfig& config, uint32_t random) {
  switch (state) {
    case MemberState::up:
      return spread(config.probe_online_ms, config, random);
    case MemberState::suspect:
      return config.probe_suspect_ms;
    case MemberState::down:
      break;
  }
  return spread(config.probe_down_ms, config, random);
}

}  // namespace

void UpstreamMember::probe_ended(uint64_t now_ms, Evidence evidence, const HealthConfig& config,
                                 uint32_t random) {
  probe_.reset();
  if (is_good(evidence))
    count_good(now_ms, config);
  else
    count_loss(now_ms, evidence == Evidence::probe_retry_after, config);
  // Counted from the sending, so that a probe that timed out in suspect is followed at once; but
  // never sooner than the fast interval, however fast probes fail.
  next_probe_ms_ = std::max(now_ms, probe_sent_ms_ + interval_ms(state_, config, random));
}

bool UpstreamMember::observed(uint64_t now_ms, Evidence evidence, uint64_t sent_ms,
                              const HealthConfig& config) {
  // A request from before the last change tells of a time that has been judged already. Timer B
  // ends 32 s after a cut, when the centre may have long been back.
  if (changed_ms_ && sent_ms < *changed_ms_) return false;
  if (state_ == MemberState::up && is_good(evidence)) {
    last_good_ms_ = now_ms;
    return true;
  }
  // A hundred requests that fail together are one fact. Once suspect, it counts as one probe does,
  // and not while a probe is about to tell.
  if (state_ != MemberState::up &&
      (probe_ || (counted_ms_ && now_ms < *counted_ms_ + config.probe_suspect_ms)))
    return false;
  counted_ms_ = now_ms;
  if (is_good(evidence)) {
    count_good(now_ms, config);
    return true;
  }
  const bool was_up = state_ == MemberState::up;
  count_loss(now_ms, false, config);
  if (was_up) probe_soon(now_ms);
  return true;
}

void UpstreamMember::count_good(uint64_t now_ms, const HealthConfig& config) {
  last_good_ms_ = now_ms;
  if (state_ == MemberState::up) return;
  received_ = std::min(received_ + 1, config.received_to_clear);
  if (received_ < config.received_to_clear) return;
  lost_ = 0;
  if (!worsened_ms_ || now_ms >= *worsened_ms_ + config.hold_down_ms)
    enter(now_ms, MemberState::up);
}

void UpstreamMember::count_loss(uint64_t now_ms, bool at_once, const HealthConfig& config) {
  counted_ms_ = now_ms;
  received_ = 0;
  if (state_ == MemberState::down) return;
  lost_ = at_once ? config.lost_to_fail : lost_ + 1;
  if (lost_ >= config.lost_to_fail) {
    worsened_ms_ = now_ms;
    enter(now_ms, MemberState::down);
  } else if (state_ == MemberState::up) {
    worsened_ms_ = now_ms;
    enter(now_ms, MemberState::suspect);
  }
}

void UpstreamMember::enter(uint64_t now_ms, MemberState state) {
  state_ = state;
  changed_ms_ = now_ms;
  if (state == MemberState::down || state == MemberState::up) lost_ = 0;
  received_ = 0;
}

bool is_good(Evidence evidence) {
  return evidence < Evidence::count && kEvidence[static_cast<size_t>(evidence)].good;
}

std::string_view name_of(Evidence evidence) {
  return evidence < Evidence::count ? kEvidence[static_cast<size_t>(evidence)].name : "none";
}

std::string_view text_of(Evidence evidence) {
  return evidence < Evidence::count ? kEvidence[static_cast<size_t>(evidence)].text : "nothing";
}

std::string_view name_of(MemberState state) {
  switch (state) {
    case MemberState::up:
      return "up";
    case MemberState::suspect:
      return "suspect";
    case MemberState::down:
      break;
  }
  return "down";
}

}  // namespace holdfast::sip
