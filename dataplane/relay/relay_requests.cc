// SPDX-License-Identifier: Apache-2.0
// What the slow thread asks of this lcore, carried out between bursts.
#include "dataplane/relay/relay_core.hh"

namespace holdfast::dataplane {
namespace {

constexpr unsigned kRequestsPerPoll = 4;  // each is bounded, so this bounds how long packets wait

}  // namespace

unsigned RelayCore::serve_requests() {
  unsigned served = 0;
  CoreRequest* request = nullptr;
  while (served < kRequestsPerPoll && requests_.pop(request)) {
    serve(*request);
    request->done.store(
        true, std::memory_order_release);  // from here on it belongs to the slow thread again
    ++served;
  }
  return served;
}

void RelayCore::serve(CoreRequest& request) {
  switch (request.kind) {
    case CoreRequest::Kind::install:
      install(request);
      if (request.left != nullptr) restore(*leg_of(request.leg), *request.left);
      break;
    case CoreRequest::Kind::update:
      update(request);
      break;
    case CoreRequest::Kind::remove:
      remove(request.snapshots);
      break;
    case CoreRequest::Kind::next_hops:
      for (const NextHopUpdate& update : request.next_hops) apply(update);
      break;
    case CoreRequest::Kind::capture:
      capture(request);
      break;
    case CoreRequest::Kind::checkpoints:
      check(request.checked_legs, request.checkpoints);
      break;
    case CoreRequest::Kind::snapshot:
      for (LegSnapshot& snapshot : request.snapshots) {
        const Leg* leg = leg_of(snapshot.index);
        if (leg == nullptr) continue;
        this->snapshot(*leg, snapshot);
        if (request.begin_interval) streams_.begin_interval(*leg);
      }
      break;
  }
}

void RelayCore::snapshot(const Leg& leg, LegSnapshot& out) {
  streams_.snapshot(leg, out);
  out.srtp = leg.setup.payload == PayloadKind::srtp ? summary_of(srtp_of(leg)) : SrtpLegSummary{};
}

void RelayCore::install(const CoreRequest& request) {
  const LegIndex index = request.leg;
  const LegSetup& setup = request.setup;
  Leg& leg = *leg_of(index);
  leg = Leg{};
  leg.in_use = true;
  leg.setup = setup;
  leg.marks = marks_of(setup);
  for (const PathKind kind : {PathKind::rtp, PathKind::rtcp}) {
    const auto path = static_cast<size_t>(kind);
    point(leg, kind, setup.remote[path]);
    lock(leg, kind);
  }
  board_.seat(setup.address_index, setup.local_port[0], index);
  if (request.srtp != nullptr) change_srtp(leg, *request.srtp);
  if (request.srtp_is_there) adopt_srtp(leg);
  legs_in_use_.add(1);
}

// Sources that were learned stay learned, and packets go the way they went until the kernel has
// been asked again.
void RelayCore::restore(Leg& leg, const LegSnapshot& left) {
  leg.counters = left.leg.counters;
  leg.folded = left.leg.folded;
  for (const PathKind kind : {PathKind::rtp, PathKind::rtcp}) {
    const Path& before = left.leg.paths[static_cast<size_t>(kind)];
    Path& path = leg.paths[static_cast<size_t>(kind)];
    const auto fits = [&leg](const SocketAddress& a) {
      return !a.is_none() && a.ip.family == leg.setup.local.family;
    };
    if (fits(before.destination)) {
      point(leg, kind, before.destination);
      if (before.out.is_ready()) build_header(leg, kind, before.out.destination_mac());
    }
    if (fits(before.source)) {
      path.source = before.source;
      path.source_is_ours = before.source_is_ours;
    }
  }
  streams_.restore(leg, {left.streams.data(), left.stream_count});
}

// What the interface has for the leg's class, but for a DSCP of the leg's own.
Marks RelayCore::marks_of(const LegSetup& setup) const {
  const Marks& of_class = board_.ports()[setup.port].marks[static_cast<size_t>(setup.media_class)];
  if (setup.dscp == kClassDscp) return of_class;
  return {Mark::of(setup.dscp, of_class.media.pcp()), Mark::of(setup.dscp, of_class.rtcp.pcp())};
}

// Address, ports and peer of a leg never change; who it talks to and how its packets are marked do.
void RelayCore::update(const CoreRequest& request) {
  Leg& leg = *leg_of(request.leg);
  const LegSetup& setup = request.setup;
  const bool relearn = request.relearn;
  const LegSetup before = leg.setup;
  if (setup.payload != PayloadKind::srtp) end_srtp(leg);
  leg.setup = setup;
  leg.marks = marks_of(setup);
  if (request.srtp != nullptr) change_srtp(leg, *request.srtp);
  streams_.learn_clock_rates(leg);
  for (const PathKind kind : {PathKind::rtp, PathKind::rtcp}) {
    Path& target = leg.paths[static_cast<size_t>(kind)];
    const SocketAddress& remote = setup.remote[static_cast<size_t>(kind)];
    // Without a new remote the last known address stays good until another one is learned, unless
    // it is to be forgotten.
    const bool named = request.unset || sends_to_remote(before, setup, static_cast<size_t>(kind));
    const bool moved = relearn && named && !(target.destination == remote);
    if (moved) point(leg, kind, remote);  // the slow thread sends the next hop right after this
    if (relearn) lock(leg, kind);
  }
}

// All legs of a call go in one request, so that no leg ever points at a successor of its peer.
void RelayCore::remove(std::span<LegSnapshot> legs) {
  for (LegSnapshot& last : legs) {
    Leg& leg = *leg_of(last.index);
    if (!leg.in_use) continue;  // never installed, or removed by a request that nobody waited for
    snapshot(leg, last);
    end_srtp(leg);
    board_.seat(leg.setup.address_index, leg.setup.local_port[0], kEndedLeg);
    streams_.release_all(leg);
    leg = Leg{};
    legs_in_use_.add(UINT64_MAX);  // one less
  }
}

void RelayCore::apply(const NextHopUpdate& update) {
  Leg* leg = leg_of(update.leg);
  if (leg == nullptr || !leg->in_use) return;
  Path& path = leg->paths[static_cast<size_t>(update.path)];
  // It moved on while the kernel was asked.
  if (path.own_port != kNotOurs || !(path.destination.ip == update.destination)) return;
  if (update.reachable) {
    build_header(*leg, update.path, update.mac);
  } else if (path.source.is_none()) {
    path.out = HeaderTemplate{};
  }
  // A learned source keeps the way its packets came by, whatever the kernel thinks of the address.
}

}  // namespace holdfast::dataplane
