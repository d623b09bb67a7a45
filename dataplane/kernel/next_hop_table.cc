// SPDX-License-Identifier: Apache-2.0
// The watches' and destinations' side of the next-hop table, and who is told when.
#include "dataplane/kernel/next_hop_table.hh"

#include <algorithm>
#include <cstring>

namespace holdfast::dataplane {

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
