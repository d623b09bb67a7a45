// SPDX-License-Identifier: Apache-2.0
// Differences of totals, minute by minute.
#include "dataplane/calls/minute_book.hh"

#include <algorithm>

namespace holdfast::dataplane {
namespace {

// What a total grew by. A late packet takes a loss back that was told already: then nothing is told
// until the total has grown past it, so that the records add up.
uint64_t grown(uint64_t now, uint64_t& before) {
  if (now <= before) return 0;
  const uint64_t growth = now - before;
  before = now;
  return growth;
}

void set_growth(const control::FoldedStreams& now, control::FoldedStreams& before,
                control::MinuteRecord& record) {
  record.expected = grown(now.expected, before.expected);
  record.received = grown(now.received, before.received);
  record.lost = grown(now.lost, before.lost);
  record.duplicates = grown(now.duplicates, before.duplicates);
  record.lost_by_us = grown(now.lost_by_us, before.lost_by_us);
}

control::FoldedStreams sums_of(const media::StreamReport& now) {
  return {1, now.expected, now.received, now.lost, now.duplicates, now.lost_by_us, 0, 0};
}
control::FoldedStreams sums_of(const FoldedStreams& now) {
  return {now.streams, now.expected, now.received, now.lost, now.duplicates, now.lost_by_us, 0, 0};
}

bool is_empty(const control::MinuteRecord& record) {
  return record.expected == 0 && record.received == 0 && record.lost == 0 && record.duplicates == 0;
}

uint32_t count_of(uint32_t length, std::span<const media::LossRun> runs) {
  const auto found = std::find_if(runs.begin(), runs.end(),
                                  [&](const media::LossRun& run) { return run.length == length; });
  return found == runs.end() ? 0 : found->count;
}

// The longest run of which there are more now. Runs that found no room in the table have no length.
uint32_t longest_new(const media::StreamReport& now, const std::vector<media::LossRun>& before) {
  uint32_t longest = 0;
  for (const media::LossRun& run : now.loss_runs()) {
    if (run.count > count_of(run.length, before)) longest = std::max(longest, run.length);
  }
  return longest;
}

}  // namespace

MinuteBook::Shown& MinuteBook::shown(LegShown& leg, const media::StreamReport& now) {
  const auto found = std::find_if(leg.streams.begin(), leg.streams.end(), [&](const Shown& before) {
    return before.ssrc == now.ssrc && before.first_arrival_ns == now.first_arrival_ns;
  });
  if (found != leg.streams.end()) return *found;
  Shown fresh;
  fresh.ssrc = now.ssrc;
  fresh.first_arrival_ns = now.first_arrival_ns;
  return leg.streams.emplace_back(std::move(fresh));
}

void MinuteBook::show(const std::string& call, const std::string& interface, const LegSnapshot& leg,
                      uint64_t minute_s) {
  LegShown& before = legs_[leg.index];
  for (Shown& stream : before.streams) stream.here = false;
  control::MinuteRecord place;
  place.call = call;
  place.leg = leg.index;
  place.interface = interface;
  place.minute_s = minute_s;
  for (uint32_t i = 0; i < leg.stream_count; ++i) {
    const StreamSlot& slot = leg.streams[i];
    const media::StreamReport now = slot.account.report();
    Shown& stream = shown(before, now);
    stream.here = true;
    control::MinuteRecord record = place;
    record.ssrc = now.ssrc;
    set_growth(sums_of(now), stream.sums, record);
    if (is_empty(record)) continue;
    if (record.lost > 0) record.longest_loss_run = longest_new(now, stream.runs);
    stream.runs.assign(now.loss_runs().begin(), now.loss_runs().end());
    record.jitter_max = now.jitter_interval_max_ticks;
    record.clock_hz = slot.clock_hz;
    keep(std::move(record));
  }
  show_folded(before, leg.leg.folded, std::move(place));
}

// Streams that gave their place up since the last time are known by the leg's sums only. What they
// had been shown with is not told twice.
void MinuteBook::show_folded(LegShown& before, const FoldedStreams& now,
                             control::MinuteRecord record) {
  for (const Shown& gone : before.streams) {
    if (gone.here) continue;
    before.folded.expected += gone.sums.expected;
    before.folded.received += gone.sums.received;
    before.folded.lost += gone.sums.lost;
    before.folded.duplicates += gone.sums.duplicates;
    before.folded.lost_by_us += gone.sums.lost_by_us;
  }
  std::erase_if(before.streams, [](const Shown& stream) { return !stream.here; });
  set_growth(sums_of(now), before.folded, record);
  if (!is_empty(record)) keep(std::move(record));
}

void MinuteBook::adopt(LegIndex leg, const LegSnapshot& left) {
  LegShown& before = legs_[leg];
  before.folded = sums_of(left.leg.folded);
  for (uint32_t i = 0; i < left.stream_count; ++i) {
    media::StreamAccount account = left.streams[i].account;
    account.on_resume();  // as the lcore makes it whole
    const media::StreamReport now = account.report();
    Shown& stream = shown(before, now);
    stream.sums = sums_of(now);
    stream.runs.assign(now.loss_runs().begin(), now.loss_runs().end());
  }
}

void MinuteBook::keep(control::MinuteRecord record) {
  record.number = ++newest_;
  records_.push_back(std::move(record));
  if (records_.size() > kept_) records_.pop_front();
}

control::MinutePage MinuteBook::list(const control::MinuteList& request) const {
  control::MinutePage page;
  page.epoch = epoch_;
  const bool same_life = !request.epoch || *request.epoch == epoch_;
  const uint64_t after = same_life ? std::min(request.after, newest_) : 0;
  const uint64_t gone = newest_ - records_.size();  // number of the newest that was dropped
  page.missed = gone > after ? gone - after : 0;
  page.next = std::max(after, gone);
  for (size_t i = page.next - gone; i < records_.size(); ++i) {
    if (page.records.size() == request.limit) {
      page.more = true;
      break;
    }
    page.records.push_back(records_[i]);
    page.next = records_[i].number;
  }
  return page;
}

}  // namespace holdfast::dataplane
