// SPDX-License-Identifier: Apache-2.0
// Controls the XDP program that steers frames of an af_xdp port to DPDK: media of a `shared` one,
// all of an `owned` one.
//
// Order at start: detach_steer(), then DPDK's af_xdp PMD loads steer.bpf.o (devarg
// `xdp_prog=`) and attaches it when its receive queue is set up, then configure_steer(). Between
// the last two, media goes to the kernel, where guard_media() drops it silently. A process that
// dies leaves its program attached: media is then dropped in XDP without a sound, everything else
// goes on. Start-up and slow thread only.
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
};

// Detaches a steer program that a dead process left on the device, so that the PMD can attach its
// own. Done when nothing is attached. Refuses, by name, when a foreign program is attached. The
// caller must know that no other instance is alive (its instance lock says so): a relay that still
// runs there goes deaf.
Outcome detach_steer(unsigned ifindex);

// Fills the maps of the attached steer program: UDP to one of `addresses` and a port in
// port_low..port_high, in frames tagged with `vlan_id` (0: untagged), goes to the dataplane.
// Addresses that an earlier call gave and this one does not are taken out. `owned`: every frame
// goes to the dataplane, whatever it is.
Outcome configure_steer(unsigned ifindex, std::span<const IpAddress> addresses, uint16_t port_low,
                        uint16_t port_high, uint16_t vlan_id, bool owned = false);

// Sums over the CPUs; counted since the program was attached.
Result<SteerCounters, std::string> read_steer_counters(unsigned ifindex);

}  // namespace holdfast::dataplane
