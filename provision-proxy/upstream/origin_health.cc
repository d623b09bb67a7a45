// SPDX-License-Identifier: Apache-2.0
// The breaker's transitions.
#include "provision-proxy/upstream/origin_health.hh"

#include <algorithm>
#include <utility>

namespace holdfast::provision {
namespace {

constexpr size_t kMaxUntold = 64;  // transitions that nobody takes

}  // namespace

std::string_view name_of(OriginState state) {
  static constexpr std::string_view kNames[] = {"closed", "open", "half_open"};
  return kNames[static_cast<size_t>(state)];
}

std::string_view name_of(OriginEvidence evidence) {
  static constexpr std::string_view kNames[] = {
#define HOLDFAST_X(name, weight, text) #name,
      HOLDFAST_ORIGIN_EVIDENCE(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kNames[static_cast<size_t>(evidence)];
}

std::string_view text_of(OriginEvidence evidence) {
  static constexpr std::string_view kTexts[] = {
#define HOLDFAST_X(name, weight, text) text,
      HOLDFAST_ORIGIN_EVIDENCE(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kTexts[static_cast<size_t>(evidence)];
}

HealthOptions::HealthOptions()
    : weights{
#define HOLDFAST_X(name, weight, text) EvidenceWeight::weight,
          HOLDFAST_ORIGIN_EVIDENCE(HOLDFAST_X)
#undef HOLDFAST_X
      } {
}

OriginHealth::OriginHealth(uint64_t now_ms, const HealthOptions& options)
    : options_(options), now_ms_(now_ms), since_ms_(now_ms) {}

uint64_t OriginHealth::hold(uint64_t now_ms) {
  return now_ms_ = std::max(now_ms_, now_ms);
}

uint64_t OriginHealth::probe_due_ms() const {
  return state_ == OriginState::open ? probe_due_ms_ : UINT64_MAX;
}

bool OriginHealth::take_probe(uint64_t now_ms) {
  if (hold(now_ms) < probe_due_ms()) return false;
  ++probes_;
  enter(OriginState::half_open, *reason_);
  return true;
}

void OriginHealth::probe_lost(uint64_t now_ms) {
  hold(now_ms);
  if (state_ == OriginState::half_open) enter(OriginState::open, *reason_);
}

void OriginHealth::observed(uint64_t now_ms, OriginEvidence evidence, uint64_t sent_ms,
                            bool of_probe) {
  hold(now_ms);
  ++seen_[static_cast<size_t>(evidence)];
  const auto weight = options_.weights[static_cast<size_t>(evidence)];
  if (weight == EvidenceWeight::success) {
    succeeded_ms_ = now_ms_;
    doubts_ = 0;
    if (state_ != OriginState::closed) enter(OriginState::closed, evidence);
    return;
  }
  if (of_probe) {
    if (state_ == OriginState::half_open) enter(OriginState::open, evidence);
    return;
  }
  if (state_ != OriginState::closed || weight == EvidenceWeight::nothing) return;
  const bool spoke = succeeded_ms_ && *succeeded_ms_ >= sent_ms;
  if (weight == EvidenceWeight::doubt) {
    if (spoke || (doubts_ > 0 && *doubted_ms_ >= sent_ms)) return;
    doubted_ms_ = now_ms_;
    if (++doubts_ < options_.doubts) return;
    enter(OriginState::open, evidence);
    probe_due_ms_ = now_ms_;
    return;
  }
  if (weight == EvidenceWeight::failure || !spoke) enter(OriginState::open, evidence);
}

void OriginHealth::enter(OriginState to, OriginEvidence evidence) {
  if (transitions_.size() < kMaxUntold) transitions_.push_back({state_, to, evidence, now_ms_});
  state_ = to;
  since_ms_ = now_ms_;
  ++entered_[static_cast<size_t>(to)];
  if (to != OriginState::half_open) doubts_ = 0;
  if (to != OriginState::open) return;
  reason_ = evidence;
  probe_due_ms_ = now_ms_ + options_.probe_interval_ms;
}

std::vector<OriginTransition> OriginHealth::take_transitions() {
  return std::exchange(transitions_, {});
}

}  // namespace holdfast::provision
