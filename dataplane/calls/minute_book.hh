// SPDX-License-Identifier: Apache-2.0
// What each stream lost in each minute of the wall clock, kept for whoever asks later.
//
// Slow thread only. The book is shown every leg once a minute and at its end, and keeps what each
// stream did since it was shown last; so the records of a stream add up to its totals. It keeps the
// newest kKept, numbered without gaps: a reader that comes back asks for what follows the last
// number it has, and is told how many it missed.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/control/messages.hh"
#include "dataplane/relay/leg.hh"

namespace holdfast::dataplane {

class MinuteBook {
 public:
  static constexpr size_t kKept = 65'536;

  // `epoch` tells one life of the process from another, whose numbers begin anew.
  explicit MinuteBook(uint64_t epoch, size_t kept = kKept) : epoch_(epoch), kept_(kept) {}

  // A leg as it is now. Streams that did nothing since the last time get no record.
  void show(const std::string& call, const std::string& interface, const LegSnapshot& leg,
            uint64_t minute_s);
  // A leg that comes from another life: what it did there was that one's to tell.
  void adopt(LegIndex leg, const LegSnapshot& left);
  // The leg is gone: what is kept for its next record goes. Show its last state before.
  void forget(LegIndex leg) { legs_.erase(leg); }

  control::MinutePage list(const control::MinuteList& request) const;
  uint64_t kept() const { return records_.size(); }
  uint64_t dropped() const { return newest_ - records_.size(); }

 private:
  // A stream's totals when it was shown last.
  struct Shown {
    uint32_t ssrc = 0;
    uint64_t first_arrival_ns = 0;  // with the SSRC: which stream it is, should the SSRC come again
    control::FoldedStreams sums;    // `streams` and the marks are not used
    uint64_t other_runs = 0;
    std::vector<media::LossRun> runs;
    bool here = false;  // among the leg's streams this time
  };
  struct LegShown {
    std::vector<Shown> streams;
    control::FoldedStreams folded;
  };

  Shown& shown(LegShown& leg, const media::StreamReport& now);
  void show_folded(LegShown& before, const FoldedStreams& now, control::MinuteRecord record);
  void keep(control::MinuteRecord record);

  uint64_t epoch_;
  size_t kept_;
  uint64_t newest_ = 0;  // number of the newest record
  std::deque<control::MinuteRecord> records_;
  std::unordered_map<LegIndex, LegShown> legs_;
};

}  // namespace holdfast::dataplane
