// SPDX-License-Identifier: Apache-2.0
// Who is the next hop for a destination: the kernel's routes and neighbours, mirrored by netlink.
//
// Slow thread only. Watches of the same (device, destination) share one question to the FIB, and
// destinations behind the same gateway share one neighbour; so 30,000 legs cost a few questions.
// Relayed media never touches the kernel's own neighbour state: neighbours in use are kept alive
// here (RTM_NEWNEIGH with NTF_USE, every 20 s, at once when stale, every second when failed).
// Nothing blocks: questions are answered by the kernel within the sending system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/kernel/outcome.hh"
#include "media/address.hh"

namespace holdfast::dataplane {

enum class NextHopState : uint8_t {
  resolving,    // the route is known, the neighbour has been asked and has not answered yet
  resolved,     // `mac` is where to send
  unreachable,  // the neighbour did not answer; asked again every second
  no_route,     // no route through this device (or the destination is this host, or a broadcast)
  local,        // a leg of ours: nothing to ask; told by who knows the legs, never from here
};
const char* to_string(NextHopState state);

struct NextHop {
  NextHopState state = NextHopState::resolving;
  MacAddress mac;     // all zero unless resolved
  IpAddress gateway;  // none when the destination is on-link, or is itself a static neighbour
  friend bool operator==(const NextHop&, const NextHop&) = default;
};

struct NextHopStats {
  uint64_t watches = 0;
  uint64_t destinations = 0;
  uint64_t neighbours = 0;
  uint64_t watches_refused = 0;  // beyond kMaxWatches
  uint64_t route_questions = 0;  // RTM_GETROUTE sent
  uint64_t neighbour_kicks = 0;  // NTF_USE sent
  uint64_t kicks_refused = 0;    // ... that the kernel refused (device down, table full)
  uint64_t resyncs = 0;          // everything asked anew, since notifications were lost
  uint64_t malformed_messages = 0;
};

class NextHops {
 public:
  // Two of each leg: 65,536 and those kept for calls for help.
  static constexpr size_t kMaxWatches = 2 * (65'536 + 64);
  static constexpr size_t kMaxStaticNeighbours = 4096;

  // Called for each watch with its first answer and after the answer has changed; from within
  // watch(), add_static(), on_readable() or on_timer(). It may call watch() and unwatch().
  using OnChange = std::function<void(uint32_t token, const NextHop&)>;

  static Result<std::unique_ptr<NextHops>, std::string> open(OnChange on_change);
  virtual ~NextHops() = default;

  virtual int fd() const = 0;  // readable when the kernel has news (level-triggered)
  virtual void on_readable() = 0;
  // Every 100 to 1000 ms, with a clock that only goes forward: retries, refreshes, debounced
  // questions after a route change.
  virtual void on_timer(uint64_t now_ms) = 0;

  // Starts to watch; `token` is the caller's own number, a second watch with it replaces the first.
  // The table is as long as the greatest token: they should be small.
  // False when the table is full (counted): nothing is watched then.
  virtual bool watch(uint32_t token, unsigned ifindex, const IpAddress& destination) = 0;
  // The same for a caller who knows a way to it until it is told another: a destination that nobody
  // watches yet is asked about by on_timer(), at its pace. Thousands at once cost no time here.
  virtual bool watch_later(uint32_t token, unsigned ifindex, const IpAddress& destination) = 0;
  // Unknown tokens are ignored. No callback for this token comes after it.
  virtual void unwatch(uint32_t token) = 0;

  // A neighbour that wins over the kernel's: for the destination itself (then the FIB is not asked)
  // or for its gateway. Meant for tagged ports where the kernel has no 802.1Q. False when full.
  virtual bool add_static(unsigned ifindex, const IpAddress& address, const MacAddress& mac) = 0;

  // What the watch is of, and what is known. None for unknown tokens.
  struct Answer {
    IpAddress destination;
    NextHop next_hop;
  };
  virtual std::optional<Answer> answer(uint32_t token) const = 0;

  virtual NextHopStats stats() const = 0;
};

}  // namespace holdfast::dataplane
