// SPDX-License-Identifier: Apache-2.0
// The slow thread's line to one lcore: asks, waits for the answer (microseconds), gives up after a
// second. Before the lcore runs the slow thread can do the work itself.
#pragma once

#include <span>
#include <vector>

#include "dataplane/relay/core_request.hh"
#include "dataplane/relay/relay_core.hh"
#include "dataplane/runtime/doorbell.hh"

namespace holdfast::dataplane {

// Slow thread only. An lcore that does not answer in time keeps the request; until it gives it
// back, everything asked of it fails at once, so that one stuck lcore cannot stall the slow thread.
class CoreLine {
 public:
  CoreLine(RelayCore& relay, Doorbell& bell);

  // Whether what is asked is carried out here, by the asker. Only while the lcore does not run.
  void serve_here(bool here) { served_here_ = here; }

  // `left`, `srtp`, `srtp_is_there`: as CoreRequest has them; copied, and the copy is wiped.
  bool install(LegIndex leg, const LegSetup& setup, const LegSnapshot* left = nullptr,
               const SrtpChange* srtp = nullptr, bool srtp_is_there = false);
  bool update(LegIndex leg, const LegSetup& setup, bool relearn, bool unset,
              const SrtpChange* srtp = nullptr);
  size_t next_hops(
      std::span<const NextHopUpdate> updates);  // any number; returns how many were carried out
  // As CoreRequest has it; null ends the copying.
  bool capture(std::span<const LegIndex> legs, CaptureRing* ring);
  // One for each of at most CoreRequest::kMaxRequestItems legs, valid until the next question;
  // empty on failure.
  std::span<const media::SrtpLegCheckpoint> checkpoints(std::span<const LegIndex> legs);
  // False while the lcore still has a request that nobody waits for any more: everything asked now
  // fails at once.
  bool is_free();
  // At most CoreRequest::kMaxRequestItems legs; the answer is valid until the next question, empty
  // on failure.
  std::span<const LegSnapshot> snapshot(std::span<const LegIndex> legs,
                                        bool begin_interval = false);
  // Asked again after it failed, it gives the last counts of the first time, if the lcore came
  // round since.
  std::span<const LegSnapshot> remove(std::span<const LegIndex> legs);

 private:
  bool ask();
  SrtpChange* keep(const SrtpChange* srtp);
  std::span<const LegSnapshot> ask_for(CoreRequest::Kind kind, std::span<const LegIndex> legs);

  RelayCore& relay_;
  Doorbell& bell_;
  CoreRequest request_;
  bool served_here_ = false;
  bool lent_ = false;     // the lcore still has request_
  bool gave_up_ = false;  // ... and nobody waits for it any more
  LegSnapshot left_;
  SrtpChange srtp_;
  std::vector<LegSnapshot> snapshots_;
  std::vector<NextHopUpdate> updates_;
  std::vector<LegIndex> captured_;
  std::vector<LegIndex> checked_;
  std::vector<media::SrtpLegCheckpoint> checkpoints_;
  std::vector<LegSnapshot> late_;  // removed by a request that nobody waited for
};

}  // namespace holdfast::dataplane
