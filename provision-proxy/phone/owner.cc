// SPDX-License-Identifier: Apache-2.0
// The owner check and its watch over sources.
#include "provision-proxy/phone/owner.hh"

#include <algorithm>

#include "provision-proxy/phone/identity.hh"

namespace holdfast::provision {
namespace {

constexpr std::array<std::string_view, 3> kPolicies = {"strict", "neighbour-if-known", "off"};

}  // namespace

std::optional<OwnerPolicy> owner_policy_of(std::string_view name) {
  const auto* found = std::ranges::find(kPolicies, name);
  if (found == kPolicies.end()) return std::nullopt;
  return static_cast<OwnerPolicy>(found - kPolicies.begin());
}

std::string_view name_of(OwnerPolicy policy) {
  return kPolicies[static_cast<size_t>(policy)];
}

bool is_allowed(OwnerVerdict verdict) {
  constexpr std::array<bool, static_cast<size_t>(OwnerVerdict::count)> kAllowed = {
#define HOLDFAST_X(name, allowed, text) allowed,
      HOLDFAST_OWNER_VERDICTS(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kAllowed[static_cast<size_t>(verdict)];
}

std::string_view name_of(OwnerVerdict verdict) {
  constexpr std::array<std::string_view, static_cast<size_t>(OwnerVerdict::count)> kNames = {
#define HOLDFAST_X(name, allowed, text) #name,
      HOLDFAST_OWNER_VERDICTS(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kNames[static_cast<size_t>(verdict)];
}

std::string_view text_of(OwnerVerdict verdict) {
  constexpr std::array<std::string_view, static_cast<size_t>(OwnerVerdict::count)> kTexts = {
#define HOLDFAST_X(name, allowed, text) text,
      HOLDFAST_OWNER_VERDICTS(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kTexts[static_cast<size_t>(verdict)];
}

OwnerCheck::OwnerCheck(const OwnerConfig& config) : config_(config) {}

OwnerVerdict OwnerCheck::judge(const OwnerQuestion& question,
                               const std::vector<std::string>& owners) const {
  if (owners.empty()) return OwnerVerdict::nobodys;
  const std::string& owner = owners.back();
  if (owners.size() > 1 && config_.policy != OwnerPolicy::off) return OwnerVerdict::several_phones;
  if (question.certificate) {
    if (id_of(*question.certificate) == owner) return OwnerVerdict::certificate;
    if (config_.policy != OwnerPolicy::off) return OwnerVerdict::foreign_certificate;
  }
  const bool known = question.neighbour.has_value();
  if (known && id_of(*question.neighbour) == owner) return OwnerVerdict::neighbour;
  if (config_.policy == OwnerPolicy::off) return OwnerVerdict::not_checked;
  if (known) return OwnerVerdict::foreign_neighbour;
  const auto claimed = mac_in_user_agent(question.user_agent);
  if (claimed && *claimed != owner) return OwnerVerdict::claims_another;
  return config_.policy == OwnerPolicy::strict ? OwnerVerdict::no_proof : OwnerVerdict::unproven;
}

OwnerDecision OwnerCheck::decide(const OwnerQuestion& question, int64_t now_ms) {
  const auto owners = macs_in_target(question.target);
  OwnerDecision decision;
  decision.verdict = judge(question, owners);
  if (!owners.empty()) decision.owner = owners.back();
  const bool proven = decision.verdict == OwnerVerdict::certificate ||
                      decision.verdict == OwnerVerdict::neighbour || owners.empty();
  if (!proven) watch(question, owners, now_ms, decision);
  ++counts_[static_cast<size_t>(decision.verdict)];
  return decision;
}

void OwnerCheck::watch(const OwnerQuestion& question, const std::vector<std::string>& owners,
                       int64_t now_ms, OwnerDecision& decision) {
  const size_t limit = decision.allowed() ? config_.max_unproven : config_.max_foreign;
  if (limit == 0) return;
  Source& source = source_of(question, now_ms);
  auto& macs = decision.allowed() ? source.unproven : source.foreign;
  for (const std::string& owner : owners) {
    if (std::ranges::find(macs, owner) != macs.end()) continue;
    if (macs.size() < limit) {
      macs.push_back(owner);
    } else if (!source.enumerates) {
      source.enumerates = true;
      source.begun_ms = now_ms;
      decision.alarm = true;
      ++alarms_;
    }
  }
  if (source.enumerates) decision.verdict = OwnerVerdict::enumeration;
}

// One source is one neighbour where the table knows it, whatever addresses it takes; else an
// address. A window ends by itself: phones that try again do not prolong it.
OwnerCheck::Source& OwnerCheck::source_of(const OwnerQuestion& question, int64_t now_ms) {
  std::string key = question.neighbour ? id_of(*question.neighbour) : question.source.to_string();
  auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    if (sources_.size() >= std::max(config_.max_sources, size_t{1})) {
      by_key_.erase(sources_.back().key);
      sources_.pop_back();
    }
    sources_.push_front({key, {}, {}, now_ms, false});
    found = by_key_.emplace(std::move(key), sources_.begin()).first;
  }
  sources_.splice(sources_.begin(), sources_, found->second);
  Source& source = *found->second;
  if (now_ms - source.begun_ms > config_.window_ms) {
    source.foreign.clear();
    source.unproven.clear();
    source.enumerates = false;
    source.begun_ms = now_ms;
  }
  return source;
}

}  // namespace holdfast::provision
