// SPDX-License-Identifier: Apache-2.0
// Asks one lcore and waits.
#include "dataplane/calls/core_line.hh"

#include <sched.h>

#include <algorithm>
#include <chrono>

namespace holdfast::dataplane {
namespace {

constexpr auto kPatience =
    std::chrono::seconds(1);  // an lcore answers between two bursts; this is a fault

}  // namespace

CoreLine::CoreLine(RelayCore& relay, Doorbell& bell)
    : relay_(relay),
      bell_(bell),
      snapshots_(CoreRequest::kMaxRequestItems),
      checkpoints_(CoreRequest::kMaxRequestItems) {
  updates_.reserve(CoreRequest::kMaxRequestItems);
}

bool CoreLine::is_free() {
  if (!lent_ || !request_.done.load(std::memory_order_acquire)) return !lent_;
  lent_ = false;
  if (request_.srtp != nullptr) wipe(srtp_);
  request_.srtp = nullptr;
  if (gave_up_ && request_.kind == CoreRequest::Kind::remove) {
    late_.assign(request_.snapshots.begin(), request_.snapshots.end());
  }
  return true;
}

bool CoreLine::ask() {
  request_.done.store(false, std::memory_order_relaxed);
  if (!relay_.requests().push(&request_)) return false;
  lent_ = true;
  gave_up_ = false;
  if (served_here_) {
    relay_.serve_requests();
  } else {
    bell_.ring();
  }
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!is_free()) {
    if (std::chrono::steady_clock::now() > give_up) {
      gave_up_ = true;
      return false;
    }
    sched_yield();
  }
  return true;
}

SrtpChange* CoreLine::keep(const SrtpChange* srtp) {
  if (srtp == nullptr) return nullptr;
  srtp_ = *srtp;
  return &srtp_;
}

bool CoreLine::install(LegIndex leg, const LegSetup& setup, const LegSnapshot* left,
                       const SrtpChange* srtp, bool srtp_is_there) {
  if (!is_free()) return false;
  request_.kind = CoreRequest::Kind::install;
  request_.left = nullptr;
  if (left != nullptr) {  // kept here, should the lcore come round to it when nobody waits any more
    left_ = *left;
    request_.left = &left_;
  }
  request_.leg = leg;
  request_.setup = setup;
  request_.srtp = keep(srtp);
  request_.srtp_is_there = srtp_is_there;
  return ask();
}

bool CoreLine::update(LegIndex leg, const LegSetup& setup, bool relearn, bool unset,
                      const SrtpChange* srtp) {
  if (!is_free()) return false;
  request_.kind = CoreRequest::Kind::update;
  request_.leg = leg;
  request_.setup = setup;
  request_.relearn = relearn;
  request_.unset = unset;
  request_.srtp = keep(srtp);
  return ask();
}

size_t CoreLine::next_hops(std::span<const NextHopUpdate> updates) {
  size_t carried = 0;
  while (carried < updates.size() && is_free()) {
    const auto chunk =
        updates.subspan(carried, std::min(updates.size() - carried, CoreRequest::kMaxRequestItems));
    updates_.assign(chunk.begin(), chunk.end());
    request_.kind = CoreRequest::Kind::next_hops;
    request_.next_hops = updates_;
    if (!ask()) break;
    carried += chunk.size();
  }
  return carried;
}

bool CoreLine::capture(std::span<const LegIndex> legs, CaptureRing* ring) {
  if (!is_free()) return false;
  captured_.assign(legs.begin(), legs.end());
  request_.kind = CoreRequest::Kind::capture;
  request_.captured_legs = captured_;
  request_.capture = ring;
  return ask();
}

std::span<const media::SrtpLegCheckpoint> CoreLine::checkpoints(std::span<const LegIndex> legs) {
  if (!is_free()) return {};
  const size_t n = std::min(legs.size(), checkpoints_.size());
  checked_.assign(legs.begin(), legs.begin() + static_cast<ptrdiff_t>(n));
  request_.kind = CoreRequest::Kind::checkpoints;
  request_.checked_legs = checked_;
  request_.checkpoints = {checkpoints_.data(), n};
  if (!ask()) return {};
  return {checkpoints_.data(), n};
}

std::span<const LegSnapshot> CoreLine::snapshot(std::span<const LegIndex> legs,
                                                bool begin_interval) {
  if (is_free()) request_.begin_interval = begin_interval;
  return ask_for(CoreRequest::Kind::snapshot, legs);
}

std::span<const LegSnapshot> CoreLine::remove(std::span<const LegIndex> legs) {
  if (!is_free()) return {};
  const bool same =
      std::equal(legs.begin(), legs.end(), late_.begin(), late_.end(),
                 [](LegIndex leg, const LegSnapshot& late) { return leg == late.index; });
  if (same && !late_.empty()) {
    snapshots_.swap(late_);
    snapshots_.resize(CoreRequest::kMaxRequestItems);
    late_.clear();
    return {snapshots_.data(), legs.size()};
  }
  return ask_for(CoreRequest::Kind::remove, legs);
}

std::span<const LegSnapshot> CoreLine::ask_for(CoreRequest::Kind kind,
                                               std::span<const LegIndex> legs) {
  if (!is_free()) return {};
  const size_t n = std::min(legs.size(), snapshots_.size());
  for (size_t i = 0; i < n; ++i) snapshots_[i].index = legs[i];
  request_.kind = kind;
  request_.snapshots = {snapshots_.data(), n};
  if (!ask()) return {};
  return {snapshots_.data(), n};
}

}  // namespace holdfast::dataplane
