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

uint64_t hash_of(std::string_view key) {
  return std::hash<std::string_view>()(key);
}

}  // namespace

control::Error core_busy() {
  return {ErrorCode::kBusy, "the packet loop did not answer within a second"};
}

CallBook::CallBook(Switchboard& board, std::vector<CoreLine*> lines,
                   std::vector<BookInterface> interfaces, uint32_t max_legs,
                   std::span<SavedCall> saved, PortRest rest, uint32_t legs_beside)
    : board_(board),
      lines_(std::move(lines)),
      interfaces_(std::move(interfaces)),
      max_legs_(max_legs),
      legs_(size_t{board.legs_per_core()} * board.cores() + 1),
      serials_(legs_.size() / 2),
      free_calls_(board.cores()),
      own_saved_(saved.empty() ? serials_.size() : 0),
      saved_(saved.empty() ? std::span<SavedCall>(own_saved_) : saved),
      ports_(board, std::move(rest)),
      minutes_(unix_ms()) {
  assert(board_.cores() > 0);
  // By turns: an lcore has at most one call more than another.
  const CallNumber per_core = board_.legs_per_core() / 2;
  for (CallNumber call = 0; call < (max_legs + legs_beside) / 2; ++call) {
    const uint32_t core = call % board_.cores();
    free_calls_[core].push_back(core * per_core + call / board_.cores());
  }
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
  setup.address_index = static_cast<uint16_t>(address->index);
  setup.local = address->ip;
  if (auto wrong = apply_spec(spec, setup)) return *wrong;
  const uint16_t wanted = spec.local_port;
  if (wanted != 0 && (wanted < filter.first_port || wanted >= filter.last_port)) {
    return Error{ErrorCode::kBadLocalPort,
                 "port " + std::to_string(wanted) + " is not in the media range"};
  }
  return setup;
}

// Where the call is best placed if it asks for a port: at the lcore that lends it.
std::optional<uint32_t> CallBook::core_asked_for(const control::CallAdd& request,
                                                 const std::array<LegSetup, 2>& setups) const {
  for (size_t i = 0; i < 2; ++i) {
    const uint16_t wanted = request.legs[i].local_port;
    if (wanted != 0) return ports_.lender(setups[i].address_index, wanted);
  }
  return std::nullopt;
}

// Else the call goes where most legs are free, among the lcores that have ports for both of its
// legs; a call for help, where there are none, to the ports that have rested longest. Settles the
// addresses.
Answer<uint32_t> CallBook::choose_core(const control::CallAdd& request,
                                       std::array<LegSetup, 2>& setups) {
  const std::optional<uint32_t> asked_for = core_asked_for(request, setups);
  if (!request.emergency && legs_in_use_ + 2 > max_legs_)
    return Error{ErrorCode::kNoFreeLeg, "max-legs are in use"};
  std::optional<uint32_t> most;
  struct Tired {  // could take it, if it were not for ports that rest since then
    uint32_t core;
    uint64_t ended_ns;
  };
  std::optional<Tired> tired;
  bool legs_free = false;
  for (uint32_t core = 0; core < board_.cores(); ++core) {
    if (free_calls_[core].empty()) continue;
    legs_free = true;
    if (ports_.choose_addresses(request, setups, core)) {
      const bool is_freer =
          !most || (most != asked_for && free_calls_[core].size() > free_calls_[*most].size());
      if (is_freer || core == asked_for) most = core;
    } else if (const auto ended_ns = ports_.choose_tired(request, setups, core)) {
      if (!tired || *ended_ns < tired->ended_ns) tired = {core, *ended_ns};
    }
  }
  if (most) {
    ports_.choose_addresses(request, setups, *most);
    return *most;
  }
  if (tired && request.emergency) {
    ports_.choose_tired(request, setups, tired->core);
    return tired->core;
  }
  if (!legs_free) return Error{ErrorCode::kNoFreeLeg, "max-legs are in use"};
  const std::string where = request.legs[0].interface + " and " + request.legs[1].interface;
  if (tired) {
    return Error{ErrorCode::kPortsResting,
                 "the media ports of " + where + " that are free rest from their last call"};
  }
  return Error{ErrorCode::kNoFreePort, "no lcore with free legs has media ports free on " + where};
}

std::optional<CallNumber> CallBook::find(std::string_view key) const {
  const uint32_t found =
      by_key_.find(hash_of(key), [&](CallNumber call) { return saved_[call].name() == key; });
  if (found == ChainIndex::kNone) return std::nullopt;
  return found;
}

Answer<control::CallReport> CallBook::add(const control::CallAdd& request) {
  auto report = try_add(request);
  if (!report) ++refused_[report.error().code];
  return report;
}

Answer<control::CallReport> CallBook::try_add(const control::CallAdd& request) {
  if (const auto known = find(request.call)) {
    if (request.resume) return resume(request, *known);
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
  SrtpChanges srtp;
  for (size_t i = 0; i < 2; ++i) {
    const LegIndex leg = legs_of(free_calls_[*core].front())[i];
    auto planned = plan_srtp(leg, {}, request.legs[i].srtp, request.legs[i].srtp_checkpoint);
    if (!planned) return planned.error();
    srtp[i] = std::move(planned).value();
  }
  if (auto refused = ports_.take(request, *core, setups)) return *refused;
  const uint64_t now_ms = unix_ms();
  if (minute_ == 0) take_minutes(now_ms);
  const auto call = seat(*core, request.call, now_ms, setups, nullptr, std::move(srtp));
  if (!call) return core_busy();
  const auto snapshots = ask_about(*call);
  if (snapshots.empty()) return core_busy();
  return report_of(*call, snapshots);
}

// `setups` have their ports; the rest of the call's places are taken here. None when the lcore does
// not answer.
std::optional<CallNumber> CallBook::seat(uint32_t core, std::string_view key, uint64_t started_ms,
                                         std::array<LegSetup, 2>& setups, const LeftCall* left,
                                         SrtpChanges srtp) {
  const CallNumber call = free_calls_[core].front();
  free_calls_[core].pop_front();
  const uint64_t serial = next_serial_++;
  const std::array<LegIndex, 2> legs = legs_of(call);
  for (size_t i = 0; i < 2; ++i) {
    setups[i].call = serial;
    setups[i].peer = legs[1 - i];
    legs_[legs[i]] = {setups[i].address_index, setups[i].local_port[0],
                      static_cast<uint8_t>(setups[i].port), setups[i].payload == PayloadKind::srtp};
  }
  write_down(call, key, started_ms);
  for (size_t i = 0; i < 2; ++i) {
    const LegSnapshot* before = left == nullptr ? nullptr : &left->legs[i];
    const bool is_there = left != nullptr && legs_[legs[i]].srtp && srtp[i] == nullptr;
    const bool installed =
        lines_[core]->install(legs[i], setups[i], before, srtp[i].get(), is_there);
    if (srtp[i]) wipe(*srtp[i]);
    if (installed) continue;
    doubtful_.push_back(call);
    return std::nullopt;
  }
  legs_in_use_ += 2;
  serials_[call] = serial;
  by_key_.insert(call, [this](CallNumber each) { return hash_of(saved_[each].name()); });
  for (size_t i = 0; i < 2; ++i) {
    for (const PathKind path : {PathKind::rtp, PathKind::rtcp}) {
      const auto at = static_cast<size_t>(path);
      if (left == nullptr) {
        watch(legs[i], path, setups[i].remote[at]);
      } else {
        const Path& before = left->legs[i].leg.paths[at];
        watch(legs[i], path, before.destination, before.out.is_ready());
      }
    }
  }
  flush();
  set_valid(call, true);
  return call;
}

Answer<control::LegReport> CallBook::update(const control::LegUpdate& request) {
  return update(request, {});
}

Answer<control::LegReport> CallBook::update(const control::LegUpdate& request,
                                            std::string_view srtp_checkpoint) {
  if (request.leg == kNoLeg || !is_there(call_of(request.leg)))
    return Error{ErrorCode::kUnknownLeg, "no leg " + std::to_string(request.leg)};
  CoreLine& line = *lines_[board_.owner_of_leg(request.leg)];
  const auto now = line.snapshot({&request.leg, 1});
  if (now.empty()) return core_busy();
  const LegSetup before = now[0].leg.setup;
  const auto change = plan_update(before, request);
  if (!change) return change.error();
  const LegSetup& setup = change->setup;
  const auto srtp = plan_srtp(request.leg, now[0].srtp, request.srtp, srtp_checkpoint);
  if (!srtp) return srtp.error();
  legs_[request.leg].srtp = setup.payload == PayloadKind::srtp;
  const bool updated = line.update(request.leg, setup, change->relearn, change->unset, srtp->get());
  if (*srtp) wipe(**srtp);
  if (!updated) return core_busy();
  for (const PathKind path : {PathKind::rtp, PathKind::rtcp}) {
    const auto i = static_cast<size_t>(path);
    if (change->relearn && (change->unset || sends_to_remote(before, setup, i)))
      watch(request.leg, path, setup.remote[i]);
  }
  flush();
  const CallNumber call = call_of(request.leg);
  const auto snapshots = ask_about(call);
  if (snapshots.empty()) return core_busy();
  return report_of(snapshots, request.leg == legs_of(call)[0] ? 0 : 1);
}

Answer<control::CallReport> CallBook::remove(const std::string& key) {
  const auto found = find(key);
  if (!found) return Error{ErrorCode::kUnknownCall, "no call " + key};
  const CallNumber call = *found;
  const std::array<LegIndex, 2> legs = legs_of(call);
  set_valid(call, false);
  const auto snapshots = lines_[board_.owner_of_leg(legs[0])]->remove(legs);
  if (snapshots.empty()) return core_busy();
  control::CallReport last = report_of(call, snapshots);
  last.ended_ms = unix_ms();
  show_last(call, snapshots);
  for (const LegIndex leg : legs) unwatch(leg);
  by_key_.erase(call, hash_of(key));
  serials_[call] = 0;
  free_call(call);
  legs_in_use_ -= 2;
  finished_.emplace_back(next_finished_++, last);
  if (finished_.size() > kFinishedCalls) finished_.pop_front();
  return last;
}

void CallBook::watch(LegIndex leg, PathKind path, const SocketAddress& destination, bool goes_on) {
  if (next_hops_ == nullptr) return;
  const uint32_t token = token_of(leg, path);
  if (destination.is_none() || board_.own_port(destination) != kNotOurs)
    return next_hops_->unwatch(token);
  const unsigned ifindex = interfaces_[legs_[leg].interface].ifindex;
  if (goes_on) {
    next_hops_->watch_later(token, ifindex, destination.ip);
  } else {
    next_hops_->watch(token, ifindex, destination.ip);
  }
}

void CallBook::unwatch(LegIndex leg) {
  if (next_hops_ == nullptr) return;
  for (const PathKind path : {PathKind::rtp, PathKind::rtcp})
    next_hops_->unwatch(token_of(leg, path));
}

void CallBook::on_next_hop(uint32_t token, const NextHop& hop) {
  if (hop.state == NextHopState::resolving) return;
  const auto asked = next_hops_->answer(token);
  if (!asked) return;
  updates_[token] = {.leg = token / uint32_t{kPaths},
                     .path = static_cast<PathKind>(token % kPaths),
                     .reachable = hop.state == NextHopState::resolved,
                     .destination = asked->destination,
                     .mac = hop.mac};
}

void CallBook::on_path_event(const PathEvent& event) {
  if (!is_there(call_of(event.leg)) || serials_[call_of(event.leg)] != event.call)
    return;  // the call ended meanwhile
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

void CallBook::free_call(CallNumber call) {
  const uint32_t core = board_.owner_of_leg(legs_of(call)[0]);
  for (const LegIndex leg : legs_of(call))
    ports_.give_back(legs_[leg].address_index, legs_[leg].rtp_port);
  free_calls_[core].push_back(call);
}

void CallBook::settle_doubtful() {
  std::erase_if(doubtful_, [this](CallNumber call) {
    const std::array<LegIndex, 2> legs = legs_of(call);
    CoreLine& line = *lines_[board_.owner_of_leg(legs[0])];
    if (!line.is_free() || line.remove(legs).empty()) return false;
    free_call(call);
    return true;
  });
}

}  // namespace holdfast::dataplane
