// SPDX-License-Identifier: Apache-2.0
// Controls the XDP program that steers frames of an af_xdp port to DPDK: media of a `shared` one,
// all of an `owned` one.
//
// Order at start: DPDK's af_xdp PMD loads steer.bpf.o (devarg `xdp_prog=`) and attaches it when its
// receive queue is set up, unless a dead process left the same one; then configure_steer() and
// steer_to(). Until then media goes to the kernel, where guard_media() drops it silently. A process
// that dies leaves its program attached: media is then dropped in XDP without a sound, everything
// else goes on. Start-up and slow thread only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/kernel/outcome.hh"
#include "media/address.hh"

namespace holdfast::dataplane {

// The name by which our program is known in the kernel (`bpftool prog`, `ip link`).
inline constexpr std::string_view kSteerProgram = "holdfast_steer";

// Media addresses of one port that the program's map can hold.
inline constexpr size_t kMaxSteerAddresses = 64;  // STEER_MAX_ADDRESSES

struct SteerCounters {
  uint64_t steered = 0;            // handed to the dataplane, or dropped when it is dead
  uint64_t passed = 0;             // left to the kernel
  uint64_t fragments_dropped = 0;  // first fragments of UDP into a media range
  uint64_t unused_dropped = 0;     // media to ports that no leg has or had
  uint64_t ended_dropped = 0;      // media to ports that a leg had
};

// The steer program that a dead process left on the device.
struct LeftSteer {
  int program = -1;   // a descriptor that the caller closes; -1: there is none, or a foreign one
  bool same = false;  // it does what the other one does, instruction by instruction
};
LeftSteer left_steer(unsigned ifindex, int other_program);

// Done when the device has no program, or a steer program; else the foreign one by name.
Outcome check_steer(unsigned ifindex);

// Detaches a steer program that a dead process left on the device. Done when nothing is attached.
// Refuses, by name, when a foreign program is attached. The caller must know that no other instance
// is alive (its instance lock says so): a relay that still runs there goes deaf.
Outcome detach_steer(unsigned ifindex);

// Fills the maps of the attached steer program: UDP to one of `addresses` and a port in
// port_low..port_high, in frames tagged with `vlan_id` (0: untagged), goes to the dataplane.
// Addresses that an earlier call gave and this one does not are taken out. `owned`: every frame
// goes to the dataplane, whatever it is.
Outcome configure_steer(unsigned ifindex, std::span<const IpAddress> addresses, uint16_t port_low,
                        uint16_t port_high, uint16_t vlan_id, bool owned = false);

// Of the UDP ports of one address: port p is bit p % 8 of byte p / 8. `used`: a leg has it;
// `ended`: a leg had it.
struct PortBits {
  uint8_t* used;
  uint8_t* ended;
};

// Which UDP ports of a device's media addresses have a leg, in memory that the attached program
// reads. None has one at first, whatever an earlier life left. It outlives the program; one writer
// a port.
class UsedPorts {
 public:
  // Any thread. An error where the kernel has no such maps (before 5.5).
  static Result<UsedPorts, std::string> open(unsigned ifindex);
  UsedPorts(UsedPorts&& other) noexcept;
  UsedPorts& operator=(UsedPorts&&) = delete;
  ~UsedPorts();

  // Of the nth address that configure_steer() was given. Bytes are shared by ports, so they are
  // changed atomically.
  PortBits of_address(size_t nth) const;

 private:
  explicit UsedPorts(void* memory) : memory_(memory) {}
  void* memory_;
};

// From now on media to ports whose bit is not set is dropped and counted. configure_steer() ends
// it.
Outcome drop_unused_ports(unsigned ifindex);

// Hands the steered frames of a receive queue to this AF_XDP socket.
Outcome steer_to(unsigned ifindex, uint32_t queue, int socket);

// Sums over the CPUs; counted since configure_steer().
Result<SteerCounters, std::string> read_steer_counters(unsigned ifindex);

}  // namespace holdfast::dataplane
