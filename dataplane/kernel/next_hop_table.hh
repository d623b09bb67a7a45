// SPDX-License-Identifier: Apache-2.0
// The table behind NextHops: watches share destinations, destinations share neighbours.
//
// watch (token) -> destination (device, address) -> neighbour (device, gateway or destination).
// All work is paced: what a call does not get to, on_timer() does.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dataplane/kernel/kernel_tables.hh"
#include "dataplane/kernel/next_hops.hh"
#include "dataplane/runtime/chain_index.hh"

namespace holdfast::dataplane {

class NextHopTable final : public NextHops {
 public:
  static constexpr uint64_t kRefreshMs = 20'000;  // below every default reachable time times 1.5
  static constexpr uint64_t kRetryMs = 1'000;     // the kernel's own pace of asking
  static constexpr uint64_t kDebounceMs = 100;    // one `ip route` command is several news
  static constexpr uint64_t kKicksPerMs = 2;
  static constexpr uint64_t kMaxKicksAtOnce = 2'048;
  static constexpr size_t kMaxQuestionsAtOnce = 2'048;

  NextHopTable(std::unique_ptr<KernelTables> kernel, OnChange on_change);

  int fd() const override { return kernel_->fd(); }
  void on_readable() override;
  void on_timer(uint64_t now_ms) override;
  bool watch(uint32_t token, unsigned ifindex, const IpAddress& destination) override {
    return watch(token, {ifindex, destination}, Ask::now);
  }
  bool watch_later(uint32_t token, unsigned ifindex, const IpAddress& destination) override {
    return watch(token, {ifindex, destination}, Ask::later);
  }
  void unwatch(uint32_t token) override;
  bool add_static(unsigned ifindex, const IpAddress& address, const MacAddress& mac) override;
  std::optional<Answer> answer(uint32_t token) const override;
  NextHopStats stats() const override;

 private:
  struct Key {
    unsigned ifindex;
    IpAddress address;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  // Destinations and watches have numbers and are linked by them: there may be one of the former
  // for each phone, and two of the latter for each leg.
  using Number = uint32_t;
  static constexpr Number kNone = ChainIndex::kNone;
  struct Hop {
    Key key;
    NextHopState state = NextHopState::resolving;
    MacAddress mac;
    bool is_static = false;
    Number first_user = kNone;   // of the destinations behind it
    uint64_t due_ms = 0;         // when to look at it again; its place in due_
    uint64_t not_before_ms = 0;  // earliest next kick
  };
  // Its key is in parts, which fill what a Key would pad.
  struct Destination {
    Hop* hop = nullptr;            // none when static or without a route
    Number first_watch = kNone;    // none: the place is free
    Number previous_user = kNone;  // of the hop
    Number next_user = kNone;      // of the hop; the next free place
    unsigned ifindex = 0;
    IpAddress address;
    MacAddress mac;                                    // of one that is a static neighbour itself
    NextHopState state : 7 = NextHopState::resolving;  // of one without a hop
    bool queued : 1 = false;                           // in to_ask_

    Key key() const { return {ifindex, address}; }
  };
  static_assert(sizeof(Destination) == 48);
  // A number in 21 bits, where kNone is the last.
  static constexpr uint64_t kLast = (1u << 21) - 1;
  static_assert(kMaxWatches < kLast);
  static Number number_of(uint64_t in_21_bits) {
    return in_21_bits == kLast ? kNone : static_cast<Number>(in_21_bits);
  }
  struct Watch {
    uint64_t destination : 21 = kLast;  // none: nobody watches by this token
    uint64_t previous : 21 = kLast;     // of the destination
    uint64_t next : 21 = kLast;
    uint64_t queued : 1 = 0;  // in to_tell_
  };
  static_assert(sizeof(Watch) == 8);
  Number destination_of_token(uint32_t token) const {
    return token < watches_.size() ? number_of(watches_[token].destination) : kNone;
  }

  enum class Ask : uint8_t { now, later };
  bool watch(uint32_t token, const Key& key, Ask when);
  Number find(const Key& key) const;
  Number add(const Key& key);
  void remove(Number destination);
  NextHop answer_of(const Destination& destination) const;
  void tell(Destination& destination);
  void tell(uint32_t token);
  void ask(Destination& destination);
  void ask_later(Number destination);
  void attach(Destination& destination, const Key& hop_key);
  void detach(Destination& destination);
  void apply(Hop& hop, NeighbourState state, const MacAddress& mac);
  void set(Hop& hop, NextHopState state, const MacAddress& mac);
  void schedule(Hop& hop, uint64_t due_ms);
  void look_after(Hop& hop);
  void heard(const KernelNews& news);
  void resync();
  void want_questions();
  void work();
  void deliver();

  std::unique_ptr<KernelTables> kernel_;
  OnChange on_change_;
  uint64_t now_ms_ = 0;
  uint64_t kicks_left_ = kMaxKicksAtOnce;
  bool resync_wanted_ = false;
  bool questions_wanted_ = false;
  uint64_t questions_at_ms_ = 0;
  bool delivering_ = false;
  NextHopStats stats_;
  std::deque<Watch> watches_;  // by token
  std::deque<Destination> destinations_;
  Number free_destination_ = kNone;
  ChainIndex destination_of_;  // by key
  std::unordered_map<Key, std::unique_ptr<Hop>, KeyHash> hops_;
  std::unordered_map<Key, MacAddress, KeyHash> static_;
  std::set<std::pair<uint64_t, Hop*>> due_;
  std::deque<Number> to_ask_;
  std::deque<uint32_t> to_tell_;
};

}  // namespace holdfast::dataplane
