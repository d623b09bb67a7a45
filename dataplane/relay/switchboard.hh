// SPDX-License-Identifier: Apache-2.0
// What all lcores share: the ports, who owns which, the leg numbers, and the rings between threads.
#pragma once

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_ring.h>

#include <memory>
#include <string>
#include <vector>

#include "dataplane/frame/frame_view.hh"
#include "dataplane/relay/leg.hh"
#include "dataplane/runtime/doorbell.hh"

namespace holdfast::dataplane {

inline constexpr uint16_t kBurst = 32;  // frames of one poll
inline constexpr size_t kMaxPorts = 16;
inline constexpr size_t kMaxCores = 16;
// In the leg table: a leg had the port, and nobody has it now. No leg of any lcore.
inline constexpr LegIndex kEndedLeg = UINT32_MAX;
constexpr bool is_leg(LegIndex entry) {
  return entry != kNoLeg && entry != kEndedLeg;
}
constexpr DropReason why_no_leg(LegIndex entry) {
  return entry == kEndedLeg ? DropReason::call_ended : DropReason::no_leg;
}

struct RingDeleter {
  void operator()(rte_ring* ring) const { rte_ring_free(ring); }
};
using RingPtr = std::unique_ptr<rte_ring, RingDeleter>;
// Whether nothing waits, asked by either side. DPDK's own test reads the same two numbers without
// saying "atomic".
inline bool ring_is_empty(const rte_ring* ring) {
  return __atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE) ==
         __atomic_load_n(&ring->cons.tail, __ATOMIC_ACQUIRE);
}
// Throws std::runtime_error when memory is short.
RingPtr make_ring(const std::string& name, unsigned size, unsigned flags);

// One interface. Filled in at start, constant while the lcores run.
struct PortIo {
  std::string name;
  uint16_t dpdk_port = 0;
  uint32_t core = 0;    // the lcore of its first queue pair, and of the rings below
  uint16_t queues = 1;  // pairs of queues; each is polled and sent on by one lcore
  uint16_t mtu = 1500;  // octets of IP packet (RFC 8200 section 1)
  ClassMarks marks;
  PortFilter filter;
  RingPtr to_kernel;    // `owned` ports only: lcore -> slow thread
  RingPtr from_kernel;  //                     slow thread -> lcore
};

// What travels with a frame that changes lcores.
struct FrameNote {
  enum class Task : uint8_t { relay, send, rejected };
  Task task = Task::relay;
  uint8_t joins = 0;  // relay: how often the frame went from leg to leg of ours already
  uint16_t port = 0;  // send: to go out of; relay, when joined: whose address it is for
  LegIndex leg = kNoLeg;
};

// Divides the legs and the media ports among the lcores.
class Switchboard {
 public:
  // Throws std::runtime_error when DPDK has no room for the rings.
  Switchboard(uint32_t cores, uint32_t max_legs, std::vector<PortIo> ports);

  // Even, since the legs of a call are neighbours and belong to one core.
  static constexpr uint32_t legs_per_core(uint32_t max_legs, uint32_t cores) {
    return (max_legs / 2 + cores - 1) / cores * 2;
  }

  uint32_t cores() const { return cores_; }
  uint32_t legs_per_core() const { return legs_per_core_; }
  std::vector<PortIo>& ports() { return ports_; }
  const std::vector<PortIo>& ports() const { return ports_; }
  size_t addresses() const { return by_address_.size(); }

  // The queue pair of a port that is the core's: the cores from the port's on have one each, as far
  // as they go round. kNoQueue: what is to leave there is handed to another lcore.
  static constexpr uint16_t kNoQueue = UINT16_MAX;
  uint16_t queue_of(size_t port, uint32_t core) const {
    const uint32_t queue = (core + cores_ - ports_[port].core) % cores_;
    return queue < ports_[port].queues ? static_cast<uint16_t>(queue) : kNoQueue;
  }

  uint32_t owner_of_leg(LegIndex leg) const { return (leg - 1) / legs_per_core_; }
  uint32_t slot_of_leg(LegIndex leg) const { return (leg - 1) % legs_per_core_; }
  // The media ports that a core lends on one interface. Which core a frame is for is told by the
  // leg that has the port, not by the slice: a call of the process before has what ports it had.
  struct Slice {
    uint16_t first_port;  // even
    uint32_t pairs;
  };
  // The last core has what the division leaves over.
  Slice slice_of(const PortFilter& filter, uint32_t core) const {
    const uint32_t per_core = pairs(filter) / cores_;
    return {static_cast<uint16_t>(filter.first_port + 2 * per_core * core),
            core + 1 == cores_ ? pairs(filter) - per_core * core : per_core};
  }
  static uint32_t pairs(const PortFilter& filter) {
    return (filter.last_port - filter.first_port + 1u) / 2;
  }

  // table[address][pair of UDP ports]: the local port is the handle. Any lcore reads; the leg's
  // owner writes, as it installs and removes it.
  LegIndex leg_at(uint32_t address_index, uint16_t udp_port) const {
    const AddressTable& table = by_address_[address_index];
    return __atomic_load_n(&table.legs[table.pair_of(udp_port)], __ATOMIC_RELAXED);
  }
  // Both ports of the pair. kEndedLeg: nobody any more.
  void seat(uint32_t address_index, uint16_t rtp_port, LegIndex leg);
  // From now on `used` says which ports of the address have a leg, and `ended` which had one: port
  // p is bit p % 8 of byte p / 8. Before the lcores run; the memory outlives them.
  void show_used_ports(uint32_t address_index, uint8_t* used, uint8_t* ended) {
    by_address_[address_index].used_bits = used;
    by_address_[address_index].ended_bits = ended;
  }

  // When the port last refused media on another queue than its first, by a steady clock. Any lcore
  // says it; that which sends the kernel's frames, by the first queue, asks.
  void tell_refusal(size_t port, uint64_t now_ns) {
    __atomic_store_n(&refused_ns_[port], now_ns, __ATOMIC_RELAXED);
  }
  uint64_t refused_ns(size_t port) const {
    return __atomic_load_n(&refused_ns_[port], __ATOMIC_RELAXED);
  }

  // The port whose media address and media range `to` belongs to: kNotOurs for everybody else's.
  // Searches; for when a destination or a source is learned or told.
  uint16_t own_port(const SocketAddress& to) const;

  rte_ring* inbox(uint32_t core) { return inbox_[core].get(); }
  Doorbell& core_bell(uint32_t core) { return *bells_[core]; }
  Doorbell& slow_bell() { return slow_bell_; }
  FrameNote& note(rte_mbuf* frame) const {
    return *RTE_MBUF_DYNFIELD(frame, note_offset_, FrameNote*);
  }
  size_t index_of_dpdk_port(uint16_t dpdk_port) const { return by_dpdk_port_[dpdk_port]; }

 private:
  struct AddressTable {
    uint16_t first_port = 0;
    std::vector<LegIndex> legs;    // by pair
    uint8_t* used_bits = nullptr;  // null: nobody wants to know
    uint8_t* ended_bits = nullptr;
    size_t pair_of(uint16_t udp_port) const {
      return static_cast<size_t>(udp_port - first_port) / 2;
    }
  };

  uint32_t cores_;
  uint32_t legs_per_core_;
  std::vector<PortIo> ports_;
  std::vector<uint64_t> refused_ns_;  // by port; 0: never
  std::vector<size_t> by_dpdk_port_;
  std::vector<AddressTable> by_address_;
  std::vector<RingPtr> inbox_;  // empty with one lcore: nothing changes lcores then
  std::vector<std::unique_ptr<Doorbell>> bells_;
  Doorbell slow_bell_;
  int note_offset_ = -1;
};

}  // namespace holdfast::dataplane
