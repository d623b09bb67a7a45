// SPDX-License-Identifier: Apache-2.0
// Chooses addresses by the ports that are free there, and lends the ports.
#include "dataplane/calls/port_book.hh"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace holdfast::dataplane {

using control::Error;
using control::ErrorCode;

namespace {

bool fits(const IpAddress& address, const control::LegSpec& spec, const LegSetup& setup) {
  return address.family == setup.local.family &&
         (!spec.local_address || address == *spec.local_address);
}

void settle(const PortFilter::Address& address, LegSetup& setup) {
  setup.address_index = static_cast<uint16_t>(address.index);
  setup.local = address.ip;
}

}  // namespace

PortBook::PortBook(const Switchboard& board, PortRest rest)
    : board_(board), rest_(std::move(rest)), slices_(board.addresses()) {
  size_t pairs = 0;
  for (const PortIo& port : board.ports())
    pairs += port.filter.addresses.size() * Switchboard::pairs(port.filter);
  if (rest_.marks.empty()) {
    own_marks_.resize(pairs);
    rest_.marks = own_marks_;
  }
  assert(rest_.marks.size() == pairs);
  size_t next = 0;
  for (const PortIo& port : board.ports()) {
    for (const auto& address : port.filter.addresses) {
      for (uint32_t core = 0; core < board.cores(); ++core) {
        const auto [first, count] = board.slice_of(port.filter, core);
        slices_[address.index].emplace_back(first, rest_.marks.subspan(next, count), rest_.ns);
        next += count;
      }
    }
  }
}

bool PortBook::choose_addresses(const control::CallAdd& request, std::array<LegSetup, 2>& setups,
                                uint32_t core) {
  const uint64_t now_ns = rest_.now_ns();
  for (size_t i = 0; i < 2; ++i) {
    const control::LegSpec& spec = request.legs[i];
    const PortFilter& filter = board_.ports()[setups[i].port].filter;
    size_t most = 0;
    for (const auto& address : filter.addresses) {
      if (!fits(address.ip, spec, setups[i])) continue;
      PortAllocator& ports = ports_of(address.index, core);
      size_t free = ports.free(now_ns);
      if (spec.local_port != 0) {
        free = lender_of(address.index, spec.local_port)
                       .can_take(spec.local_port, now_ns, request.resume)
                   ? 1
                   : 0;
      } else if (i == 1 && setups[0].address_index == address.index && free > 0) {
        --free;  // the other leg's
      }
      if (free <= most) continue;
      most = free;
      settle(address, setups[i]);
    }
    // A port that was asked for and cannot be had is refused by a name of its own: take().
    if (most == 0 && spec.local_port == 0) return false;
  }
  return true;
}

std::optional<uint64_t> PortBook::choose_tired(const control::CallAdd& request,
                                               std::array<LegSetup, 2>& setups, uint32_t core) {
  const uint64_t now_ns = rest_.now_ns();
  uint64_t newest_ns = 0;
  for (size_t i = 0; i < 2; ++i) {
    const control::LegSpec& spec = request.legs[i];
    const PortFilter& filter = board_.ports()[setups[i].port].filter;
    std::optional<uint64_t> oldest_ns;
    for (const auto& address : filter.addresses) {
      if (!fits(address.ip, spec, setups[i])) continue;
      PortAllocator& ports = ports_of(address.index, core);
      const size_t others = i == 1 && setups[0].address_index == address.index ? 1 : 0;
      auto ended_ns = ports.ended_ns(others);
      if (spec.local_port != 0) {
        if (!lender_of(address.index, spec.local_port)
                 .can_take(spec.local_port, now_ns, request.resume))
          continue;
        ended_ns = 0;
      }
      if (!ended_ns || (oldest_ns && *oldest_ns <= *ended_ns)) continue;
      oldest_ns = ended_ns;
      settle(address, setups[i]);
    }
    if (!oldest_ns && spec.local_port == 0) return std::nullopt;
    newest_ns = std::max(newest_ns, oldest_ns.value_or(0));
  }
  return newest_ns;
}

std::optional<Error> PortBook::take_one(const control::CallAdd& request, size_t leg, uint32_t core,
                                        LegSetup& setup) {
  const uint64_t now_ns = rest_.now_ns();
  const uint16_t wanted = request.legs[leg].local_port;
  uint16_t rtp = wanted;
  if (wanted != 0) {
    const auto taken = lender_of(setup.address_index, wanted).take(wanted, now_ns, request.resume);
    if (taken != PortAllocator::Taken::yes) {
      const bool rests = taken == PortAllocator::Taken::resting;
      return Error{ErrorCode::kPortTaken, "port " + std::to_string(wanted) +
                                              (rests ? " rests from its last call" : " is taken")};
    }
  } else if (PortAllocator& ports = ports_of(setup.address_index, core);
             const auto taken = request.emergency ? ports.take_tired() : ports.take(now_ns)) {
    rtp = *taken;
  } else {  // the other leg took the last one by its number
    return Error{ErrorCode::kNoFreePort, "every media port of " + setup.local.to_string() +
                                             " that belongs to the call's lcore is taken"};
  }
  setup.local_port = {rtp, static_cast<uint16_t>(rtp + 1)};
  return std::nullopt;
}

// A port that was asked for goes first, lest it is lent to the other leg.
std::optional<Error> PortBook::take(const control::CallAdd& request, uint32_t core,
                                    std::array<LegSetup, 2>& setups) {
  const size_t first = request.legs[0].local_port == 0 && request.legs[1].local_port != 0 ? 1 : 0;
  if (auto refused = take_one(request, first, core, setups[first])) return refused;
  const size_t second = 1 - first;
  auto refused = take_one(request, second, core, setups[second]);
  if (refused) {
    const LegSetup& taken = setups[first];
    lender_of(taken.address_index, taken.local_port[0]).give_back_unused(taken.local_port[0]);
  }
  return refused;
}

bool PortBook::take_again(const std::array<LegSetup, 2>& setups) {
  const uint64_t now_ns = rest_.now_ns();
  const auto lender = [&](size_t leg) -> PortAllocator& {
    return lender_of(setups[leg].address_index, setups[leg].local_port[0]);
  };
  for (size_t i = 0; i < 2; ++i) {
    if (lender(i).take(setups[i].local_port[0], now_ns) == PortAllocator::Taken::yes) continue;
    if (i == 1) lender(0).give_back_unused(setups[0].local_port[0]);
    return false;
  }
  return true;
}

void PortBook::rest_again(std::span<const LeftPort> ports) {
  std::vector<LeftPort> of_address;
  for (const PortIo& port : board_.ports()) {
    for (const auto& address : port.filter.addresses) {
      of_address.clear();
      std::copy_if(ports.begin(), ports.end(), std::back_inserter(of_address),
                   [&](const LeftPort& each) { return each.ip == address.ip; });
      for (PortAllocator& slice : slices_[address.index]) slice.rest_again(of_address);
    }
  }
}

void PortBook::give_back(uint32_t address_index, uint16_t rtp_port) {
  lender_of(address_index, rtp_port).give_back(rtp_port, rest_.now_ns());
}

// Of a port that nobody lends: the last one, which refuses it.
uint32_t PortBook::lender(uint32_t address_index, uint16_t rtp_port) const {
  const auto& slices = slices_[address_index];
  const auto found = std::find_if(slices.begin(), std::prev(slices.end()),
                                  [&](const PortAllocator& each) { return each.owns(rtp_port); });
  return static_cast<uint32_t>(found - slices.begin());
}

control::MediaPorts PortBook::of_interface(size_t port) {
  const uint64_t now_ns = rest_.now_ns();
  const PortFilter& filter = board_.ports()[port].filter;
  control::MediaPorts sum;
  for (const auto& address : filter.addresses) {
    sum.pairs += Switchboard::pairs(filter);
    for (PortAllocator& slice : slices_[address.index]) {
      sum.lent += slice.lent();
      sum.resting += static_cast<uint32_t>(slice.resting(now_ns));
    }
  }
  return sum;
}

}  // namespace holdfast::dataplane
