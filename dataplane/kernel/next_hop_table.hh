// SPDX-License-Identifier: Apache-2.0
// The table behind NextHops: watches share destinations, destinations share neighbours.
//
// watch (token) -> destination (device, address) -> neighbour (device, gateway or destination).
// All work is paced: what a call does not get to, on_timer() does.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dataplane/kernel/kernel_tables.hh"
#include "dataplane/kernel/next_hops.hh"

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
  bool watch(uint32_t token, unsigned ifindex, const IpAddress& destination) override;
  void unwatch(uint32_t token) override;
  bool add_static(unsigned ifindex, const IpAddress& address, const MacAddress& mac) override;
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
  struct Hop;
  struct Destination {
    Key key;
    NextHop answer;
    Hop* hop = nullptr;  // none when static or without a route
    bool queued = false;
    std::unordered_set<uint32_t> tokens;
  };
  struct Hop {
    Key key;
    NextHopState state = NextHopState::resolving;
    MacAddress mac;
    bool is_static = false;
    uint64_t due_ms = 0;         // when to look at it again; its place in due_
    uint64_t not_before_ms = 0;  // earliest next kick
    std::unordered_set<Destination*> users;
  };
  struct Watch {
    Destination* destination;
    NextHop told;
    bool has_been_told = false;
  };

  void ask(Destination& destination);
  void answer(Destination& destination, const NextHop& next);
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
  std::unordered_map<uint32_t, Watch> watches_;
  std::unordered_map<Key, std::unique_ptr<Destination>, KeyHash> destinations_;
  std::unordered_map<Key, std::unique_ptr<Hop>, KeyHash> hops_;
  std::unordered_map<Key, MacAddress, KeyHash> static_;
  std::set<std::pair<uint64_t, Hop*>> due_;
  std::deque<Key> to_ask_;
  std::deque<uint32_t> to_tell_;
};

}  // namespace holdfast::dataplane
