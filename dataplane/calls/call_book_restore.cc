// SPDX-License-Identifier: Apache-2.0
// Calls over the death of a process: written down, restored, and taken up again by the control
// plane.
#include <algorithm>
#include <atomic>

#include "dataplane/calls/call_book.hh"

namespace holdfast::dataplane {
namespace {

using control::Error;
using control::ErrorCode;

// The address of a leg on an interface as it is configured now.
const PortFilter::Address* find_address(const PortFilter& filter, const IpAddress& ip) {
  const auto found = std::find_if(filter.addresses.begin(), filter.addresses.end(),
                                  [&](const auto& address) { return address.ip == ip; });
  return found == filter.addresses.end() ? nullptr : &*found;
}

control::Payload payload_of(const LegSetup& setup) {
  return setup.payload == PayloadKind::udptl ? control::Payload::kUdptl : control::Payload::kRtp;
}

// What a call.add for a call that is there changes of a leg.
control::LegUpdate difference(LegIndex leg, const LegSetup& now, const control::LegSpec& spec) {
  control::LegUpdate update;
  update.leg = leg;
  if (spec.remote && !(*spec.remote == now.remote[0])) update.remote = spec.remote;
  if (spec.remote_rtcp && (update.remote || !(*spec.remote_rtcp == now.remote[1])))
    update.remote_rtcp = spec.remote_rtcp;
  update.rtcp_mux = spec.rtcp_mux;
  update.learn = spec.learn;
  update.dscp = spec.dscp;
  update.media = spec.media;
  update.srtp = spec.srtp;
  update.clear_srtp = spec.srtp == nullptr;
  update.sealed = spec.sealed;
  if (!spec.clock_rates.empty()) update.clock_rates = spec.clock_rates;
  return update;
}

}  // namespace

// A death comes between two instructions: what is not valid is not read, whatever it says.
void CallBook::write_down(CallNumber call, std::string_view key, uint64_t started_ms) {
  set_valid(call, false);
  SavedCall& entry = saved_[call];
  entry.started_ms = started_ms & SavedCall::kLastMs;
  entry.key = {};
  std::copy_n(key.begin(), std::min(key.size(), entry.key.size()), entry.key.begin());
}

void CallBook::set_valid(CallNumber call, bool valid) {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  saved_[call].valid = valid ? 1 : 0;
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

std::string CallBook::restore(const LeftCall& left, bool in_place) {
  if (find(left.key)) return "it is there already";
  std::array<LegSetup, 2> setups;
  if (std::string why = plan_left(left, setups); !why.empty()) return why;
  const CallNumber number = call_of(left.legs[0].index);
  const auto core = in_place ? core_of(number) : core_for_left(setups);
  if (!core) return "max-legs are in use";
  if (!keep_number(*core, number) && in_place) {
    if (is_there(number)) return "its place is taken";
    // Of a max-legs that was a little larger: the lcore's share has room for it.
    std::deque<CallNumber>& free = free_calls_[*core];
    std::erase(free, number);
    free.push_front(number);
  }
  SrtpChanges srtp;
  if (std::string why = plan_left_srtp(left, free_calls_[*core].front(), srtp); !why.empty())
    return why;
  if (!ports_.take_again(setups)) return "its port is taken";
  const auto call = seat(*core, left.key, left.started_ms, setups, &left, std::move(srtp));
  if (!call) return core_busy().message;
  for (size_t i = 0; i < 2; ++i) minutes_.adopt(legs_of(*call)[i], left.legs[i]);
  return {};
}

// The lcore whose legs they are; none where there are not so many.
std::optional<uint32_t> CallBook::core_of(CallNumber call) const {
  if (!(call < serials_.size())) return std::nullopt;
  return board_.owner_of_leg(legs_of(call)[0]);
}

// The call is the next free one, if it is free and the lcore's. Calls come in the order of their
// numbers: those between them go to the end once. Whether it is.
bool CallBook::keep_number(uint32_t core, CallNumber call) {
  if (core_of(call) != core) return false;
  std::deque<CallNumber>& free = free_calls_[core];
  for (size_t left = free.size(); left > 0 && free.front() < call; --left) {
    free.push_back(free.front());
    free.pop_front();
  }
  return !free.empty() && free.front() == call;
}

// The setups as they were, on the interfaces of the same name.
std::string CallBook::plan_left(const LeftCall& left, std::array<LegSetup, 2>& setups) const {
  for (size_t i = 0; i < 2; ++i) {
    LegSetup& setup = setups[i] = left.legs[i].leg.setup;
    const auto interface =
        std::find_if(interfaces_.begin(), interfaces_.end(),
                     [&](const BookInterface& each) { return each.name == left.interfaces[i]; });
    if (interface == interfaces_.end()) return "there is no interface " + left.interfaces[i];
    setup.port = static_cast<uint16_t>(interface - interfaces_.begin());
    if (static_cast<size_t>(setup.media_class) >= kMediaClasses) return "it is damaged";
    const PortFilter& filter = board_.ports()[setup.port].filter;
    const auto* address = find_address(filter, setup.local);
    const uint16_t rtp = setup.local_port[0];
    const bool in_range = rtp >= filter.first_port && rtp < filter.last_port && rtp % 2 == 0;
    if (address == nullptr || !in_range || setup.local_port[1] != rtp + 1)
      return "its address or port is not ours any more";
    setup.address_index = static_cast<uint16_t>(address->index);
    for (SocketAddress& remote : setup.remote) {
      if (!remote.is_none() && remote.ip.family != setup.local.family) remote = {};
    }
  }
  return {};
}

// One that lends one of its ports, if it has legs free, else where most are free.
std::optional<uint32_t> CallBook::core_for_left(const std::array<LegSetup, 2>& setups) const {
  for (const LegSetup& setup : setups) {
    const uint32_t lender = ports_.lender(setup.address_index, setup.local_port[0]);
    if (!free_calls_[lender].empty()) return lender;
  }
  const auto most = std::max_element(
      free_calls_.begin(), free_calls_.end(),
      [](const auto& one, const auto& other) { return one.size() < other.size(); });
  if (most->empty()) return std::nullopt;
  return static_cast<uint32_t>(most - free_calls_.begin());
}

Answer<control::CallReport> CallBook::resume(const control::CallAdd& request, CallNumber call) {
  const auto now = ask_about(call);
  if (now.empty()) return core_busy();
  std::array<control::LegUpdate, 2> updates;
  for (size_t i = 0; i < 2; ++i) {
    const LegSetup& setup = now[i].leg.setup;
    const control::LegSpec& spec = request.legs[i];
    const bool same = interface_of(now[i].index) == spec.interface &&
                      spec.payload == payload_of(setup) &&
                      (spec.local_port == 0 || spec.local_port == setup.local_port[0]) &&
                      (!spec.local_address || *spec.local_address == setup.local) &&
                      (spec.family == 0 || spec.family == setup.local.family);
    if (!same) {
      return Error{ErrorCode::kCallExists,
                   "call " + request.call +
                       " exists, on another interface, family or port, or of another payload"};
    }
    updates[i] = difference(now[i].index, setup, spec);
  }
  for (size_t i = 0; i < 2; ++i) {
    const auto updated = update(updates[i], request.legs[i].srtp_checkpoint);
    if (!updated) return updated.error();
  }
  const auto snapshots = ask_about(call);
  if (snapshots.empty()) return core_busy();
  return report_of(call, snapshots);
}

}  // namespace holdfast::dataplane
