// SPDX-License-Identifier: Apache-2.0
// The kernel's routes and neighbours as the next-hop table sees them; tests put a model in its
// place.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "media/address.hh"
#include "media/result.hh"

namespace holdfast::dataplane {

// The kernel's NUD states, folded to what matters for sending.
enum class NeighbourState : uint8_t {
  unknown,     // no entry
  incomplete,  // being asked
  reachable,   // REACHABLE, DELAY, PROBE: usable, and the kernel keeps it fresh
  stale,       // usable, but unverified until someone uses it
  fixed,       // PERMANENT, NOARP: usable, and no refresh must touch it
  failed,      // did not answer, or answered with what is no unicast Ethernet address
};

struct Neighbour {
  unsigned ifindex = 0;
  IpAddress address;
  NeighbourState state = NeighbourState::unknown;
  MacAddress mac;  // of reachable, stale and fixed
};

struct Route {
  bool found = false;
  IpAddress gateway;  // none: on-link
};

// What the kernel said by itself.
struct KernelNews {
  enum Kind : uint8_t {
    neighbour,       // `entry` is its new state (unknown: deleted)
    routes_changed,  // a route, an address or a link changed
    lost,            // news were lost (ENOBUFS): ask everything anew
    malformed,       // a message that could not be read
  };
  Kind kind;
  Neighbour entry;
};

// Slow thread only. Questions are answered within the call.
class KernelTables {
 public:
  virtual ~KernelTables() = default;
  virtual Route route(unsigned ifindex, const IpAddress& destination) = 0;
  virtual Neighbour neighbour(unsigned ifindex, const IpAddress& address) = 0;
  // Has the kernel resolve or verify the neighbour, as if it had sent to it. False: it refused.
  // Not for fixed ones: since Linux 5.16 that would take the permanence away.
  virtual bool use(unsigned ifindex, const IpAddress& address) = 0;
  // All neighbours; false when the table could not be read in whole.
  virtual bool for_each_neighbour(const std::function<void(const Neighbour&)>& call) = 0;

  virtual int fd() const = 0;
  // Hands over waiting news, a bounded number; more makes fd() readable again.
  virtual void receive(const std::function<void(const KernelNews&)>& call) = 0;
};

// `event_buffer_bytes` is the wanted socket buffer for news.
Result<std::unique_ptr<KernelTables>, std::string> open_kernel_tables(
    int event_buffer_bytes = 4 << 20);

}  // namespace holdfast::dataplane
