// SPDX-License-Identifier: Apache-2.0
// The neighbours' side of the next-hop table: what the kernel says of them, and keeping them fresh.
#include <algorithm>
#include <unordered_set>

#include "dataplane/kernel/next_hop_table.hh"

namespace holdfast::dataplane {

// Takes in what the kernel says of a neighbour. A known MAC stays in use while the kernel asks
// again, until it gives up: an entry that was collected or flushed shall not cost a packet.
void NextHopTable::apply(Hop& hop, NeighbourState state, const MacAddress& mac) {
  if (hop.is_static) return;
  switch (state) {
    case NeighbourState::reachable:
    case NeighbourState::fixed:
      set(hop, NextHopState::resolved, mac);
      schedule(hop, now_ms_ + kRefreshMs);
      return;
    case NeighbourState::stale:
      set(hop, NextHopState::resolved, mac);
      schedule(hop, std::max(now_ms_, hop.not_before_ms));
      return;
    case NeighbourState::incomplete:
      schedule(hop, now_ms_ + kRetryMs);
      return;
    case NeighbourState::failed:
      set(hop, NextHopState::unreachable, {});
      schedule(hop, std::max(now_ms_, hop.not_before_ms));
      return;
    case NeighbourState::unknown:
      schedule(hop, std::max(now_ms_, hop.not_before_ms));
      return;
  }
}

void NextHopTable::set(Hop& hop, NextHopState state, const MacAddress& mac) {
  if (hop.state == state && hop.mac == mac) return;
  hop.state = state;
  hop.mac = mac;
  for (Number user = hop.first_user; user != kNone; user = destinations_[user].next_user)
    tell(destinations_[user]);
}

void NextHopTable::schedule(Hop& hop, uint64_t due_ms) {
  due_.erase({hop.due_ms, &hop});
  hop.due_ms = due_ms;
  due_.insert({due_ms, &hop});
}

// A neighbour is due: read its true state (a permanent one must not be kicked), then kick it.
void NextHopTable::look_after(Hop& hop) {
  const Neighbour known = kernel_->neighbour(hop.key.ifindex, hop.key.address);
  apply(hop, known.state, known.mac);
  hop.not_before_ms = now_ms_ + kRetryMs;
  if (known.state == NeighbourState::fixed) return;
  ++stats_.neighbour_kicks;
  if (kernel_->use(hop.key.ifindex, hop.key.address)) {
    const bool usable =
        known.state == NeighbourState::reachable || known.state == NeighbourState::stale;
    schedule(hop, now_ms_ + (usable ? kRefreshMs : kRetryMs));
    return;
  }
  ++stats_.kicks_refused;
  set(hop, NextHopState::unreachable, {});
  schedule(hop, now_ms_ + kRetryMs);
}

void NextHopTable::heard(const KernelNews& news) {
  switch (news.kind) {
    case KernelNews::neighbour: {
      const auto hop = hops_.find({news.entry.ifindex, news.entry.address});
      if (hop == hops_.end()) return;
      Neighbour entry = news.entry;
      // Deleting an entry is told as a failure first: what stands there now is the truth.
      if (entry.state == NeighbourState::failed) {
        entry = kernel_->neighbour(entry.ifindex, entry.address);
      }
      apply(*hop->second, entry.state, entry.mac);
      return;
    }
    case KernelNews::routes_changed:
      want_questions();
      return;
    case KernelNews::lost:
      resync_wanted_ = true;
      return;
    case KernelNews::malformed:
      ++stats_.malformed_messages;
      return;
  }
}

// News were lost: read all neighbours, and ask the FIB again for everything. At most once a timer
// call, however often news are lost.
void NextHopTable::resync() {
  ++stats_.resyncs;
  std::unordered_set<const Hop*> seen;
  const bool whole = kernel_->for_each_neighbour([&](const Neighbour& entry) {
    const auto hop = hops_.find({entry.ifindex, entry.address});
    if (hop == hops_.end()) return;
    seen.insert(hop->second.get());
    apply(*hop->second, entry.state, entry.mac);
  });
  want_questions();
  if (!whole) return;  // stays wanted
  resync_wanted_ = false;
  for (auto& [key, hop] : hops_) {
    if (!seen.contains(hop.get())) apply(*hop, NeighbourState::unknown, {});
  }
}

}  // namespace holdfast::dataplane
