// SPDX-License-Identifier: Apache-2.0
// The watches' and destinations' side of the next-hop table, and who is told when.
#include "dataplane/kernel/next_hop_table.hh"

#include <algorithm>
#include <cstring>

namespace holdfast::dataplane {

NextHopTable::NextHopTable(std::unique_ptr<KernelTables> kernel, OnChange on_change)
    : kernel_(std::move(kernel)), on_change_(std::move(on_change)) {}

bool NextHopTable::watch(uint32_t token, const Key& key, Ask when) {
  unwatch(token);
  if (stats_.watches >= kMaxWatches || token >= kLast) {
    ++stats_.watches_refused;
    return false;
  }
  Number at = find(key);
  const bool is_new = at == kNone;
  if (is_new) at = add(key);
  if (token >= watches_.size()) watches_.resize(token + size_t{1});
  Number& first = destinations_[at].first_watch;
  Watch& watch = watches_[token];
  watch.destination = at & kLast;
  watch.previous = kLast;
  watch.next = first & kLast;
  if (first != kNone) watches_[first].previous = token & kLast;
  first = token;
  ++stats_.watches;
  tell(token);
  if (is_new && when == Ask::later) {
    ask_later(at);
  } else if (is_new || (when == Ask::now && destinations_[at].queued)) {
    ask(destinations_[at]);
  }
  work();
  return true;
}

void NextHopTable::unwatch(uint32_t token) {
  const Number at = destination_of_token(token);
  if (at == kNone) return;
  Watch& watch = watches_[token];
  watch.destination = kLast;
  Destination& destination = destinations_[at];
  const Number next = number_of(watch.next);
  if (next != kNone) watches_[next].previous = watch.previous;
  if (watch.previous != kLast) {
    watches_[watch.previous].next = watch.next;
  } else {
    destination.first_watch = next;
  }
  --stats_.watches;
  if (destination.first_watch == kNone) remove(at);
}

NextHopTable::Number NextHopTable::find(const Key& key) const {
  return destination_of_.find(KeyHash()(key),
                              [&](Number at) { return destinations_[at].key() == key; });
}

NextHopTable::Number NextHopTable::add(const Key& key) {
  Number at = free_destination_;
  if (at == kNone) {
    at = static_cast<Number>(destinations_.size());
    destinations_.emplace_back();
  } else {
    free_destination_ = destinations_[at].next_user;
    destinations_[at] = Destination();
  }
  destinations_[at].ifindex = key.ifindex;
  destinations_[at].address = key.address;
  destination_of_.insert(at, [this](Number each) { return KeyHash()(destinations_[each].key()); });
  ++stats_.destinations;
  return at;
}

void NextHopTable::remove(Number at) {
  Destination& destination = destinations_[at];
  detach(destination);
  destination_of_.erase(at, KeyHash()(destination.key()));
  destination.queued = false;
  destination.next_user = free_destination_;
  free_destination_ = at;
  --stats_.destinations;
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
  if (const Number at = find(key); at != kNone) ask(destinations_[at]);
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
    for (Number at = 0; at < destinations_.size(); ++at)
      if (destinations_[at].first_watch != kNone) ask_later(at);
  }
  for (size_t n = 0; n < kMaxQuestionsAtOnce && !to_ask_.empty(); ++n) {
    Destination& destination = destinations_[to_ask_.front()];
    to_ask_.pop_front();
    if (destination.queued) ask(destination);  // else it is gone, or has been asked
  }
  work();
}

NextHopStats NextHopTable::stats() const {
  NextHopStats now = stats_;
  now.neighbours = hops_.size();
  return now;
}

std::optional<NextHops::Answer> NextHopTable::answer(uint32_t token) const {
  const Number at = destination_of_token(token);
  if (at == kNone) return std::nullopt;
  const Destination& destination = destinations_[at];
  return Answer{destination.address, answer_of(destination)};
}

NextHop NextHopTable::answer_of(const Destination& destination) const {
  const Hop* hop = destination.hop;
  if (hop == nullptr) return {destination.state, destination.mac, {}};
  const bool on_link = hop->key.address == destination.address;
  return {hop->state, hop->mac, on_link ? IpAddress{} : hop->key.address};
}

// One answer for a destination: static neighbour, else the FIB's next hop and what is known of it.
void NextHopTable::ask(Destination& destination) {
  destination.queued = false;
  const NextHop before = answer_of(destination);
  const auto [ifindex, address] = destination.key();
  Route route;
  if (const auto fixed = static_.find(destination.key()); fixed != static_.end()) {
    detach(destination);
    destination.state = NextHopState::resolved;
    destination.mac = fixed->second;
  } else {
    if (!address.is_none() && !address.is_unspecified() && !address.is_multicast()) {
      ++stats_.route_questions;
      route = kernel_->route(ifindex, address);
    }
    if (route.found) {
      attach(destination, {ifindex, route.gateway.is_none() ? address : route.gateway});
    } else {
      detach(destination);
      destination.state = NextHopState::no_route;
      destination.mac = {};
    }
  }
  if (!(answer_of(destination) == before)) tell(destination);
}

void NextHopTable::ask_later(Number at) {
  if (destinations_[at].queued) return;
  destinations_[at].queued = true;
  to_ask_.push_back(at);
}

void NextHopTable::tell(Destination& destination) {
  for (Number token = destination.first_watch; token != kNone;
       token = number_of(watches_[token].next))
    tell(token);
}

void NextHopTable::tell(uint32_t token) {
  if (watches_[token].queued == 0) to_tell_.push_back(token);
  watches_[token].queued = 1;
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
  const Number at = find(destination.key());
  destination.hop = hop.get();
  destination.previous_user = kNone;
  destination.next_user = hop->first_user;
  if (hop->first_user != kNone) destinations_[hop->first_user].previous_user = at;
  hop->first_user = at;
}

void NextHopTable::detach(Destination& destination) {
  Hop* hop = std::exchange(destination.hop, nullptr);
  if (hop == nullptr) return;
  const Number next = destination.next_user;
  if (next != kNone) destinations_[next].previous_user = destination.previous_user;
  if (destination.previous_user != kNone) {
    destinations_[destination.previous_user].next_user = next;
  } else {
    hop->first_user = next;
  }
  if (hop->first_user != kNone) return;
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
    watches_[token].queued = 0;
    if (const auto now = answer(token)) on_change_(token, now->next_hop);
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
