// SPDX-License-Identifier: Apache-2.0
// Keeps next hops known and fresh; see next_hop_table.hh for how the tables hang together.
#include "dataplane/kernel/next_hop_table.hh"

#include <algorithm>
#include <cstring>

namespace holdfast::dataplane {

const char* to_string(NextHopState state) {
  switch (state) {
    case NextHopState::resolving:
      return "resolving";
    case NextHopState::resolved:
      return "resolved";
    case NextHopState::unreachable:
      return "unreachable";
    case NextHopState::no_route:
      return "no route";
  }
  return "?";
}

Result<std::unique_ptr<NextHops>, std::string> NextHops::open(OnChange on_change) {
  auto kernel = open_kernel_tables();
  if (!kernel) return kernel.error();
  return std::unique_ptr<NextHops>(
      std::make_unique<NextHopTable>(std::move(kernel).value(), std::move(on_change)));
}

NextHopTable::NextHopTable(std::unique_ptr<KernelTables> kernel, OnChange on_change)
    : kernel_(std::move(kernel)), on_change_(std::move(on_change)) {}

bool NextHopTable::watch(uint32_t token, unsigned ifindex, const IpAddress& address) {
  unwatch(token);
  if (watches_.size() >= kMaxWatches) {
    ++stats_.watches_refused;
    return false;
  }
  auto& destination = destinations_[{ifindex, address}];
  const bool is_new = destination == nullptr;
  if (is_new) {
    destination = std::make_unique<Destination>();
    destination->key = {ifindex, address};
  }
  destination->tokens.insert(token);
  watches_[token] = {destination.get(), {}, false};
  to_tell_.push_back(token);
  if (is_new) ask(*destination);
  work();
  return true;
}

void NextHopTable::unwatch(uint32_t token) {
  const auto found = watches_.find(token);
  if (found == watches_.end()) return;
  Destination& destination = *found->second.destination;
  watches_.erase(found);
  destination.tokens.erase(token);
  if (!destination.tokens.empty()) return;
  detach(destination);
  const Key key = destination.key;
  destinations_.erase(key);
}

bool NextHopTable::add_static(unsigned ifindex, const IpAddress& address, const MacAddress& mac) {
  const Key key{ifindex, address};
  if (!static_.contains(key) && static_.size() >= kMaxStaticNeighbours) return false;
  static_[key] = mac;
  if (const auto hop = hops_.find(key); hop != hops_.end()) {
    due_.erase({hop->second->due_ms, hop->second.get()});
    hop->second->is_static = true;
    set(*hop->second, NextHopState::resolved, mac);
  }
  if (const auto d = destinations_.find(key); d != destinations_.end()) ask(*d->second);
  work();
  return true;
}

void NextHopTable::on_readable() {
  kernel_->receive([this](const KernelNews& news) { heard(news); });
  work();
}

void NextHopTable::on_timer(uint64_t now_ms) {
  if (now_ms > now_ms_) {
    // A long pause earns no more than one full burst, so the product cannot overflow.
    const uint64_t passed_ms = std::min(now_ms - now_ms_, kMaxKicksAtOnce);
    kicks_left_ = std::min(kicks_left_ + passed_ms * kKicksPerMs, kMaxKicksAtOnce);
    now_ms_ = now_ms;
  }
  if (resync_wanted_) resync();
  if (questions_wanted_ && now_ms_ >= questions_at_ms_) {
    questions_wanted_ = false;
    for (auto& [key, destination] : destinations_) {
      if (destination->queued) continue;
      destination->queued = true;
      to_ask_.push_back(key);
    }
  }
  for (size_t n = 0; n < kMaxQuestionsAtOnce && !to_ask_.empty(); ++n) {
    const auto found = destinations_.find(to_ask_.front());
    to_ask_.pop_front();
    if (found == destinations_.end()) continue;
    found->second->queued = false;
    ask(*found->second);
  }
  work();
}

NextHopStats NextHopTable::stats() const {
  NextHopStats now = stats_;
  now.watches = watches_.size();
  now.destinations = destinations_.size();
  now.neighbours = hops_.size();
  return now;
}

// One answer for a destination: static neighbour, else the FIB's next hop and what is known of it.
void NextHopTable::ask(Destination& destination) {
  const auto [ifindex, address] = destination.key;
  if (const auto fixed = static_.find(destination.key); fixed != static_.end()) {
    detach(destination);
    answer(destination, {NextHopState::resolved, fixed->second, {}});
    return;
  }
  Route route;
  if (!address.is_none() && !address.is_unspecified() && !address.is_multicast()) {
    ++stats_.route_questions;
    route = kernel_->route(ifindex, address);
  }
  if (!route.found) {
    detach(destination);
    answer(destination, {NextHopState::no_route, {}, {}});
    return;
  }
  attach(destination, {ifindex, route.gateway.is_none() ? address : route.gateway});
  answer(destination, {destination.hop->state, destination.hop->mac, route.gateway});
}

void NextHopTable::answer(Destination& destination, const NextHop& next) {
  if (destination.answer == next) return;
  destination.answer = next;
  to_tell_.insert(to_tell_.end(), destination.tokens.begin(), destination.tokens.end());
}

void NextHopTable::attach(Destination& destination, const Key& hop_key) {
  if (destination.hop != nullptr && destination.hop->key == hop_key) return;
  detach(destination);
  auto& hop = hops_[hop_key];
  if (hop == nullptr) {
    hop = std::make_unique<Hop>();
    hop->key = hop_key;
    if (const auto fixed = static_.find(hop_key); fixed != static_.end()) {
      hop->is_static = true;
      hop->state = NextHopState::resolved;
      hop->mac = fixed->second;
    } else {
      const Neighbour known = kernel_->neighbour(hop_key.ifindex, hop_key.address);
      schedule(*hop, now_ms_);
      apply(*hop, known.state, known.mac);
    }
  }
  destination.hop = hop.get();
  hop->users.insert(&destination);
}

void NextHopTable::detach(Destination& destination) {
  Hop* hop = std::exchange(destination.hop, nullptr);
  if (hop == nullptr) return;
  hop->users.erase(&destination);
  if (!hop->users.empty()) return;
  due_.erase({hop->due_ms, hop});
  const Key key = hop->key;
  hops_.erase(key);
}

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
  for (Destination* user : hop.users) {
    answer(*user, {state, mac, user->answer.gateway});
  }
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

void NextHopTable::want_questions() {
  if (questions_wanted_) return;
  questions_wanted_ = true;
  questions_at_ms_ = now_ms_ + kDebounceMs;
}

void NextHopTable::work() {
  while (kicks_left_ > 0 && !due_.empty() && due_.begin()->first <= now_ms_) {
    --kicks_left_;
    look_after(*due_.begin()->second);
  }
  deliver();
}

// Calls back for whoever's answer changed. The callback may watch and unwatch; the outermost call
// goes on until nobody is left.
void NextHopTable::deliver() {
  if (delivering_) return;
  delivering_ = true;
  while (!to_tell_.empty()) {
    const uint32_t token = to_tell_.front();
    to_tell_.pop_front();
    const auto found = watches_.find(token);
    if (found == watches_.end()) continue;
    Watch& watch = found->second;
    const NextHop next = watch.destination->answer;
    if (watch.has_been_told && watch.told == next) continue;
    watch.told = next;
    watch.has_been_told = true;
    on_change_(token, next);
  }
  delivering_ = false;
}

size_t NextHopTable::KeyHash::operator()(const Key& key) const {
  uint64_t halves[2];
  std::memcpy(halves, key.address.bytes.data(), sizeof halves);
  uint64_t h = (halves[0] ^ key.ifindex) * 0x9E3779B97F4A7C15u;
  h = (h ^ (h >> 32) ^ halves[1]) * 0xD6E8FEB86659FD93u;
  return static_cast<size_t>(h ^ (h >> 32));
}

}  // namespace holdfast::dataplane
