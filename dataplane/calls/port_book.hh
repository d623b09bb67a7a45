// SPDX-License-Identifier: Apache-2.0
// The media ports of all interfaces: which address a leg gets, and which pair of ports there.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/calls/port_allocator.hh"
#include "dataplane/control/messages.hh"
#include "dataplane/relay/leg.hh"
#include "dataplane/relay/switchboard.hh"
#include "dataplane/runtime/lcore_loop.hh"
#include "dataplane/state/port_mark.hh"

namespace holdfast::dataplane {

// How long media ports rest between two calls, by whose clock.
struct PortRest {
  uint64_t ns = 0;
  std::function<uint64_t()> now_ns = steady_ns;  // does not go back
  // Where it is written down, for a process after this one too: new, one for each pair, in the
  // order of the media addresses. Empty: in memory of the book's own.
  std::span<PortMark> marks = {};
};

// Slow thread only. `setups` are those of a call's legs; of `local` the family is settled before an
// address is chosen.
class PortBook {
 public:
  PortBook(const Switchboard& board, PortRest rest);

  // Each leg at the media address of its family that has most ports free in the core's slice, so
  // that calls spread and every port rests as long as can be; at the first of several that are
  // equal. False when a leg finds none.
  bool choose_addresses(const control::CallAdd& request, std::array<LegSetup, 2>& setups,
                        uint32_t core);
  // As if no port had to rest: each leg where a port is idle longest. When the last call of the one
  // ended that is idle shorter; none when a leg finds none.
  std::optional<uint64_t> choose_tired(const control::CallAdd& request,
                                       std::array<LegSetup, 2>& setups, uint32_t core);
  // A pair for each leg at its address, for a call for help though it rests. Nothing is taken when
  // it is refused.
  std::optional<control::Error> take(const control::CallAdd& request, uint32_t core,
                                     std::array<LegSetup, 2>& setups);
  // The pairs that the setups name, of a call of the process before. False: one is lent.
  bool take_again(const std::array<LegSetup, 2>& setups);
  // Of the process before, once its calls have been taken again.
  void rest_again(std::span<const LeftPort> ports);
  // It rests from now on.
  void give_back(uint32_t address_index, uint16_t rtp_port);
  // The lcore in whose slice of an address the port lies. Its call may be another's.
  uint32_t lender(uint32_t address_index, uint16_t rtp_port) const;

  control::MediaPorts of_interface(size_t port);

 private:
  std::optional<control::Error> take_one(const control::CallAdd& request, size_t leg, uint32_t core,
                                         LegSetup& setup);
  PortAllocator& ports_of(uint32_t address_index, uint32_t core) {
    return slices_[address_index][core];
  }
  PortAllocator& lender_of(uint32_t address_index, uint16_t rtp_port) {
    return ports_of(address_index, lender(address_index, rtp_port));
  }

  const Switchboard& board_;
  PortRest rest_;
  std::vector<PortMark> own_marks_;
  std::vector<std::vector<PortAllocator>> slices_;  // [media address][lcore]
};

}  // namespace holdfast::dataplane
