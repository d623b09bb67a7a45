// SPDX-License-Identifier: Apache-2.0
// Adds, changes, lists and ends calls.
#include "dataplane/calls/call_book.hh"

#include <algorithm>
#include <cassert>

#include "dataplane/calls/clock.hh"
#include "dataplane/calls/leg_report.hh"

namespace holdfast::dataplane {
namespace {

using control::Error;
using control::ErrorCode;

uint32_t token_of(LegIndex leg, PathKind path) {
  return leg * uint32_t{kPaths} + static_cast<uint32_t>(path);
}

}  // namespace

control::Error core_busy() {
  return {ErrorCode::kBusy, "the packet loop did not answer within a second"};
}

CallBook::CallBook(Switchboard& board, std::vector<CoreLine*> lines,
                   std::vector<BookInterface> interfaces, uint32_t max_legs,
                   std::span<SavedCall> saved, PortRest rest)
    : board_(board),
      lines_(std::move(lines)),
      interfaces_(std::move(interfaces)),
      legs_(size_t{board.legs_per_core()} * board.cores() + 1),
      free_legs_(board.cores()),
      saved_(saved),
      ports_(board, std::move(rest)),
      minutes_(unix_ms()) {
  assert(board_.cores() > 0);
  for (LegIndex leg = 1; leg <= max_legs; ++leg)
    free_legs_[board_.owner_of_leg(leg)].push_back(leg);
}

// All of a leg but its address, of which only the family is settled, and its port: they are of the
// lcore's slice.
Answer<LegSetup> CallBook::plan_leg(const control::LegSpec& spec) const {
  const auto found = std::find_if(interfaces_.begin(), interfaces_.end(),
                                  [&](const BookInterface& i) { return i.name == spec.interface; });
  if (found == interfaces_.end()) {
    return Error{ErrorCode::kUnknownInterface, "no interface is named " + spec.interface};
  }
  const uint16_t port = static_cast<uint16_t>(found - interfaces_.begin());
  const PortFilter& filter = board_.ports()[port].filter;
  const uint8_t family = spec.family != 0 ? spec.family
                         : spec.remote    ? spec.remote->ip.family
                                          : uint8_t{0};
  const auto address =
      std::find_if(filter.addresses.begin(), filter.addresses.end(), [&](const auto& each) {
        return (family == 0 || each.ip.family == family) &&
               (!spec.local_address || each.ip == *spec.local_address);
      });
  if (address == filter.addresses.end()) {
    return Error{ErrorCode::kNoSuchFamily,
                 "interface " + spec.interface + " has no media address " +
                     (spec.local_address ? spec.local_address->to_string()
                                         : "of IPv" + std::to_string(family))};
  }
  LegSetup setup;
  setup.port = port;
  setup.address_index = address->index;
  setup.local = address->ip;
  if (auto wrong = apply_spec(spec, setup)) return *wrong;
  const uint16_t wanted = spec.local_port;
  if (wanted != 0 && (wanted < filter.first_port || wanted >= filter.last_port)) {
    return Error{ErrorCode::kBadLocalPort,
                 "port " + std::to_string(wanted) + " is not in the media range"};
  }
  return setup;
}

// A port that is asked for belongs to one lcore, and so does its call. Else the call goes where
// most legs are free, among those that have ports for both of its legs. Settles the addresses.
Answer<uint32_t> CallBook::choose_core(const control::CallAdd& request,
                                       std::array<LegSetup, 2>& setups) {
  std::optional<uint32_t> owner, most;
  for (size_t i = 0; i < 2; ++i) {
    const uint16_t wanted = request.legs[i].local_port;
    if (wanted == 0) continue;
    const uint32_t of_port = board_.owner_of_port(board_.ports()[setups[i].port].filter, wanted);
    if (owner && *owner != of_port) {
      return Error{ErrorCode::kBadLocalPort, "port " + std::to_string(wanted) +
                                                 " belongs to another lcore than that of the other "
                                                 "leg"};
    }
    owner = of_port;
  }
  bool legs_free = false;
  bool rest_only = false;  // an lcore could take it, if it were not for ports that rest
  for (uint32_t core = 0; core < board_.cores(); ++core) {
    if ((owner && core != *owner) || free_legs_[core].size() < 2) continue;
    legs_free = true;
    if (!ports_.choose_addresses(request, setups, core, false)) {
      rest_only = rest_only || ports_.choose_addresses(request, setups, core, true);
    } else if (!most || free_legs_[core].size() > free_legs_[*most].size()) {
      most = core;
    }
  }
  if (most) {
    ports_.choose_addresses(request, setups, *most, false);
    return *most;
  }
  if (!legs_free) return Error{ErrorCode::kNoFreeLeg, "max-legs are in use"};
  const std::string where = request.legs[0].interface + " and " + request.legs[1].interface;
  if (rest_only) {
    return Error{ErrorCode::kPortsResting,
                 "the media ports of " + where + " that are free rest from their last call"};
  }
  return Error{ErrorCode::kNoFreePort, "no lcore with free legs has media ports free on " + where};
}

Answer<control::CallReport> CallBook::add(const control::CallAdd& request) {
  auto report = try_add(request);
  if (!report) ++refused_[static_cast<size_t>(report.error().code)];
  return report;
}

Answer<control::CallReport> CallBook::try_add(const control::CallAdd& request) {
  if (const auto known = by_key_.find(request.call); known != by_key_.end()) {
    if (request.resume) return resume(request, calls_.at(known->second));
    return Error{ErrorCode::kCallExists, "call " + request.call + " exists"};
  }
  std::array<LegSetup, 2> setups;
  for (size_t i = 0; i < 2; ++i) {
    auto planned = plan_leg(request.legs[i]);
    if (!planned) return planned.error();
    setups[i] = *planned;
  }
  const auto core = choose_core(request, setups);
  if (!core) return core.error();
  if (auto refused = ports_.take(request, *core, setups)) return *refused;
  const uint64_t now_ms = unix_ms();
  if (minute_ == 0) take_minutes(now_ms);
  const BookCall* call = seat(*core, request.call, now_ms, setups, nullptr);
  if (call == nullptr) return core_busy();
  const auto snapshots = lines_[*core]->snapshot(call->legs);
  if (snapshots.empty()) return core_busy();
  return report_of(*call, snapshots);
}

// `setups` have their ports; the rest of the call's places are taken here. Null when the lcore does
// not answer.
const CallBook::BookCall* CallBook::seat(uint32_t core, const std::string& key, uint64_t started_ms,
                                         std::array<LegSetup, 2>& setups, const LeftCall* left) {
  BookCall call{.key = key, .started_ms = started_ms};
  const uint64_t serial = next_serial_++;
  for (LegIndex& leg : call.legs) {
    leg = free_legs_[core].front();
    free_legs_[core].pop_front();
  }
  for (size_t i = 0; i < 2; ++i) {
    setups[i].call = serial;
    setups[i].peer = call.legs[1 - i];
    legs_[call.legs[i]] = {.call = serial, .setup = setups[i], .destination = {}, .next_hop = {}};
  }
  for (size_t i = 0; i < 2; ++i) {
    const LegSnapshot* before = left == nullptr ? nullptr : &left->legs[i];
    if (lines_[core]->install(call.legs[i], setups[i], before)) continue;
    for (const LegIndex leg : call.legs) legs_[leg].call = 0;
    doubtful_.push_back(call.legs);
    return nullptr;
  }
  legs_in_use_ += 2;
  by_key_[key] = serial;
  const BookCall& stored = calls_.emplace(serial, std::move(call)).first->second;
  for (size_t i = 0; i < 2; ++i) {
    for (const PathKind path : {PathKind::rtp, PathKind::rtcp}) {
      const auto at = static_cast<size_t>(path);
      watch(stored.legs[i], path,
            left == nullptr ? setups[i].remote[at] : left->legs[i].leg.paths[at].destination);
    }
  }
  flush();
  save(stored);
  return &stored;
}

Answer<control::LegReport> CallBook::update(const control::LegUpdate& request) {
  if (request.leg == kNoLeg || request.leg >= legs_.size() || legs_[request.leg].call == 0) {
    return Error{ErrorCode::kUnknownLeg, "no leg " + std::to_string(request.leg)};
  }
  BookLeg& leg = legs_[request.leg];
  const auto change = plan_update(leg.setup, request);
  if (!change) return change.error();
  const LegSetup& setup = change->setup;
  CoreLine& line = *lines_[board_.owner_of_leg(request.leg)];
  if (!line.update(request.leg, setup, change->relearn, change->unset)) return core_busy();
  leg.setup = setup;
  for (const PathKind path : {PathKind::rtp, PathKind::rtcp}) {
    const auto i = static_cast<size_t>(path);
    if (change->relearn && (change->unset || !setup.remote[i].is_none()))
      watch(request.leg, path, setup.remote[i]);
  }
  flush();
  const LegIndex both[] = {request.leg, setup.peer};
  const auto snapshots = line.snapshot(both);
  if (snapshots.empty()) return core_busy();
  return leg_report(snapshots[0], snapshots[1], interfaces_[leg.setup.port].name, leg.next_hop[0]);
}

Answer<control::CallReport> CallBook::remove(const std::string& call) {
  const auto key = by_key_.find(call);
  if (key == by_key_.end()) return Error{ErrorCode::kUnknownCall, "no call " + call};
  const auto entry = calls_.find(key->second);
  const BookCall& ended = entry->second;
  unsave(ended);
  const auto snapshots = lines_[board_.owner_of_leg(ended.legs[0])]->remove(ended.legs);
  if (snapshots.empty()) return core_busy();
  control::CallReport last = report_of(ended, snapshots);
  last.ended_ms = unix_ms();
  show_last(entry->first, ended, snapshots);
  for (const LegIndex leg : entry->second.legs) {
    unwatch(leg);
    free_leg(leg);
  }
  legs_in_use_ -= 2;
  finished_.emplace_back(next_finished_++, last);
  if (finished_.size() > kFinishedCalls) finished_.pop_front();
  calls_.erase(entry);
  by_key_.erase(key);
  return last;
}

void CallBook::watch(LegIndex leg, PathKind path, const SocketAddress& destination) {
  const auto i = static_cast<size_t>(path);
  BookLeg& entry = legs_[leg];
  entry.destination[i] = destination;
  entry.next_hop[i] = {};
  const bool ours = board_.own_port(destination) != kNotOurs;
  if (ours) entry.next_hop[i].state = NextHopState::local;
  if (next_hops_ == nullptr) return;
  if (ours || destination.is_none()) return next_hops_->unwatch(token_of(leg, path));
  next_hops_->watch(token_of(leg, path), interfaces_[entry.setup.port].ifindex, destination.ip);
}

void CallBook::unwatch(LegIndex leg) {
  if (next_hops_ == nullptr) return;
  for (const PathKind path : {PathKind::rtp, PathKind::rtcp})
    next_hops_->unwatch(token_of(leg, path));
}

void CallBook::on_next_hop(uint32_t token, const NextHop& hop) {
  const LegIndex leg = token / kPaths;
  const auto path = static_cast<PathKind>(token % kPaths);
  BookLeg& entry = legs_[leg];
  const auto i = static_cast<size_t>(path);
  entry.next_hop[i] = hop;
  if (hop.state == NextHopState::resolving) return;
  updates_[token] = {.leg = leg,
                     .path = path,
                     .reachable = hop.state == NextHopState::resolved,
                     .destination = entry.destination[i],
                     .mac = hop.mac};
}

void CallBook::on_path_event(const PathEvent& event) {
  if (legs_[event.leg].call != event.call) return;  // the call ended meanwhile
  watch(event.leg, event.path, event.destination);
}

// Tokens rise with the leg, and a core's legs lie together: each core gets one run of the map. What
// a core does not take now is offered again.
void CallBook::flush() {
  if (!doubtful_.empty()) settle_doubtful();
  std::vector<NextHopUpdate> run;
  for (auto first = updates_.begin(); first != updates_.end();) {
    const uint32_t core = board_.owner_of_leg(first->second.leg);
    run.clear();
    auto last = first;
    for (; last != updates_.end() && board_.owner_of_leg(last->second.leg) == core; ++last) {
      run.push_back(last->second);
    }
    const size_t carried = lines_[core]->next_hops(run);
    updates_.erase(first, std::next(first, static_cast<ptrdiff_t>(carried)));
    first = last;
  }
}

void CallBook::free_leg(LegIndex leg) {
  const uint32_t core = board_.owner_of_leg(leg);
  const LegSetup& setup = legs_[leg].setup;
  ports_.give_back(setup.address_index, core, setup.local_port[0]);
  legs_[leg] = {};
  free_legs_[core].push_back(leg);
}

void CallBook::settle_doubtful() {
  std::erase_if(doubtful_, [this](const std::array<LegIndex, 2>& legs) {
    CoreLine& line = *lines_[board_.owner_of_leg(legs[0])];
    if (!line.is_free() || line.remove(legs).empty()) return false;
    for (const LegIndex leg : legs) free_leg(leg);
    return true;
  });
}

}  // namespace holdfast::dataplane
