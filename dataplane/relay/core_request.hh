// SPDX-License-Identifier: Apache-2.0
// What the slow thread asks of an lcore, and what an lcore tells the slow thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "dataplane/relay/leg.hh"
#include "dataplane/relay/srtp_leg.hh"

namespace holdfast::dataplane {

class CaptureRing;

// A next hop for one path. Ignored when the path no longer sends to the address that was asked
// about.
struct NextHopUpdate {
  LegIndex leg = kNoLeg;
  PathKind path = PathKind::rtp;
  bool reachable = false;
  IpAddress destination;
  MacAddress mac;
};

// A path of a leg now sends to a new address: the slow thread should look for its next hop.
struct PathEvent {
  uint64_t call = 0;  // as in LegSetup: tells an old event from one of the leg's next call
  LegIndex leg = kNoLeg;
  PathKind path = PathKind::rtp;
  SocketAddress destination;
};

// Owned by the slow thread, carried out by the lcore between two bursts. After `done` the lcore
// does not touch it. Spans have at most kMaxRequestItems items, so that no request holds up the
// packets for long.
struct CoreRequest {
  enum class Kind : uint8_t { install, update, remove, next_hops, snapshot, capture, checkpoints };
  static constexpr size_t kMaxRequestItems = 32;

  Kind kind = Kind::snapshot;
  LegIndex leg = kNoLeg;              // install, update
  LegSetup setup;                     // install, update
  const LegSnapshot* left = nullptr;  // install: what another life left, to go on with
  SrtpChange* srtp = nullptr;         // install, update: none: as it is; wiped by the asker
  bool srtp_is_there = false;         // install: in the leg's place, as another life left it
  bool relearn = false;               // update: forget the learned sources
  bool begin_interval = false;        // snapshot: the streams' maxima begin anew after it
  bool unset = false;  // update: with relearn, send nowhere that `setup.remote` does not name
  std::span<const NextHopUpdate> next_hops;
  std::span<LegSnapshot>
      snapshots;  // snapshot, remove: `index` filled in by the asker, the rest by the lcore
  // capture: frames of these legs are copied into `capture` from now on; null: no more, and the
  // lcore forgets the ring.
  std::span<const LegIndex> captured_legs;
  CaptureRing* capture = nullptr;
  // checkpoints: of these legs, where they have SRTP.
  std::span<const LegIndex> checked_legs;
  std::span<media::SrtpLegCheckpoint> checkpoints;
  std::atomic<bool> done{false};
};

}  // namespace holdfast::dataplane
