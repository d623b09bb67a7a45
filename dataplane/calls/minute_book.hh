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
  // Totals, their low 32 bits: between two showings none grows by half as much.
  struct Sums {
    uint32_t expected = 0, received = 0, lost = 0, duplicates = 0, lost_by_us = 0;
  };
  // A stream's totals when it was shown last.
  struct Shown {
    uint32_t ssrc = 0;
    uint32_t first_arrival = 0;  // its low bits; with the SSRC: which stream it is, should the SSRC
                                 // come again
    Sums sums;
    bool here = false;  // among the leg's streams this time
    std::vector<media::LossRun> runs;
  };
  struct LegShown {
    std::vector<Shown> streams;
    std::unique_ptr<Sums> folded;  // none: no stream has given up its place
  };
  // A call's key, once for all of its records.
  struct Key {
    std::string text;
    uint32_t records = 0;  // 0: the place is free
  };
  // control::MinuteRecord as it waits; its number follows from its place.
  struct Record {
    uint32_t key, leg, ssrc;
    uint16_t interface;
    bool has_ssrc;
    uint32_t minute_s;  // until 2106
    Sums sums;
    uint32_t jitter_max, clock_hz, longest_loss_run;
  };
  static_assert(sizeof(Record) == 52);

  static Sums sums_of(const media::StreamReport& now);
  static Sums sums_of(const FoldedStreams& now);
  static Sums growth(const Sums& now, Sums& before);
  static void add(Sums& sum, const Sums& more);
  Shown& shown(LegShown& leg, const media::StreamReport& now);
  void show_folded(LegShown& before, const FoldedStreams& now, Record record,
                   const std::string& call);
  void keep(Record record, const std::string& call);
  control::MinuteRecord told(size_t place) const;
  uint16_t interface_of(const std::string& name);
  uint32_t take_key(const std::string& call);
  void give_back_key(uint32_t key);

  uint64_t epoch_;
  size_t kept_;
  uint64_t newest_ = 0;  // number of the newest record
  std::deque<Record> records_;
  std::unordered_map<LegIndex, LegShown> legs_;
  std::vector<std::string> interfaces_;  // names, as they came up
  std::deque<Key> keys_;
  std::vector<uint32_t> free_keys_;
  uint32_t last_key_ = 0;  // of the record before: that of the call's other leg, most often
};

}  // namespace holdfast::dataplane
