// SPDX-License-Identifier: Apache-2.0
// Differences of totals, minute by minute.
#include "dataplane/calls/minute_book.hh"

#include <algorithm>

namespace holdfast::dataplane {
namespace {

// What a total grew by. A late packet takes a loss back that was told already: then nothing is told
// until the total has grown past it, so that the records add up.
uint32_t grown(uint32_t now, uint32_t& before) {
  const uint32_t growth = now - before;
  if (static_cast<int32_t>(growth) <= 0) return 0;
  before = now;
  return growth;
}

uint32_t low(uint64_t total) {
  return static_cast<uint32_t>(total);
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

MinuteBook::Sums MinuteBook::sums_of(const media::StreamReport& now) {
  return {low(now.expected), low(now.received), low(now.lost), low(now.duplicates),
          low(now.lost_by_us)};
}

MinuteBook::Sums MinuteBook::sums_of(const FoldedStreams& now) {
  return {low(now.expected()), low(now.received), low(now.lost), low(now.duplicates),
          low(now.lost_by_us)};
}

MinuteBook::Sums MinuteBook::growth(const Sums& now, Sums& before) {
  return {grown(now.expected, before.expected), grown(now.received, before.received),
          grown(now.lost, before.lost), grown(now.duplicates, before.duplicates),
          grown(now.lost_by_us, before.lost_by_us)};
}

void MinuteBook::add(Sums& sum, const Sums& more) {
  sum.expected += more.expected;
  sum.received += more.received;
  sum.lost += more.lost;
  sum.duplicates += more.duplicates;
  sum.lost_by_us += more.lost_by_us;
}

MinuteBook::Shown& MinuteBook::shown(LegShown& leg, const media::StreamReport& now) {
  const uint32_t first_arrival = low(now.first_arrival_ns);
  const auto found = std::find_if(leg.streams.begin(), leg.streams.end(), [&](const Shown& before) {
    return before.ssrc == now.ssrc && before.first_arrival == first_arrival;
  });
  if (found != leg.streams.end()) return *found;
  Shown fresh;
  fresh.ssrc = now.ssrc;
  fresh.first_arrival = first_arrival;
  return leg.streams.emplace_back(std::move(fresh));
}

void MinuteBook::show(const std::string& call, const std::string& interface, const LegSnapshot& leg,
                      uint64_t minute_s) {
  LegShown& before = legs_[leg.index];
  for (Shown& stream : before.streams) stream.here = false;
  Record place{};
  place.leg = leg.index;
  place.interface = interface_of(interface);
  place.minute_s = static_cast<uint32_t>(minute_s);
  for (uint32_t i = 0; i < leg.stream_count; ++i) {
    const StreamSlot& slot = leg.streams[i];
    const media::StreamReport now = slot.account.report();
    Shown& stream = shown(before, now);
    stream.here = true;
    Record record = place;
    record.has_ssrc = true;
    record.ssrc = now.ssrc;
    record.sums = growth(sums_of(now), stream.sums);
    if (record.sums.lost > 0) record.longest_loss_run = longest_new(now, stream.runs);
    stream.runs.assign(now.loss_runs().begin(), now.loss_runs().end());
    record.jitter_max = now.jitter_interval_max_ticks;
    record.clock_hz = slot.clock_hz();
    keep(record, call);
  }
  show_folded(before, leg.leg.folded, place, call);
}

// Streams that gave their place up since the last time are known by the leg's sums only. What they
// had been shown with is not told twice.
void MinuteBook::show_folded(LegShown& before, const FoldedStreams& now, Record record,
                             const std::string& call) {
  if (now.streams == 0) return;
  if (!before.folded) before.folded = std::make_unique<Sums>();
  for (const Shown& gone : before.streams) {
    if (!gone.here) add(*before.folded, gone.sums);
  }
  std::erase_if(before.streams, [](const Shown& stream) { return !stream.here; });
  record.sums = growth(sums_of(now), *before.folded);
  keep(record, call);
}

void MinuteBook::adopt(LegIndex leg, const LegSnapshot& left) {
  LegShown& before = legs_[leg];
  before.folded = std::make_unique<Sums>(sums_of(left.leg.folded));
  for (uint32_t i = 0; i < left.stream_count; ++i) {
    media::StreamAccount account = left.streams[i].account;
    account.on_resume();  // as the lcore makes it whole
    const media::StreamReport now = account.report();
    Shown& stream = shown(before, now);
    stream.sums = sums_of(now);
    stream.runs.assign(now.loss_runs().begin(), now.loss_runs().end());
  }
}

// Nothing is kept of a stream that was silent.
void MinuteBook::keep(Record record, const std::string& call) {
  const Sums& sums = record.sums;
  if (sums.expected == 0 && sums.received == 0 && sums.lost == 0 && sums.duplicates == 0) return;
  record.key = take_key(call);
  ++newest_;
  records_.push_back(record);
  if (records_.size() <= kept_) return;
  give_back_key(records_.front().key);
  records_.pop_front();
}

uint16_t MinuteBook::interface_of(const std::string& name) {
  auto found = std::find(interfaces_.begin(), interfaces_.end(), name);
  if (found == interfaces_.end()) found = interfaces_.insert(found, name);
  return static_cast<uint16_t>(found - interfaces_.begin());
}

uint32_t MinuteBook::take_key(const std::string& call) {
  if (last_key_ < keys_.size() && keys_[last_key_].records > 0 && keys_[last_key_].text == call) {
    ++keys_[last_key_].records;
    return last_key_;
  }
  if (free_keys_.empty()) {
    last_key_ = static_cast<uint32_t>(keys_.size());
    keys_.emplace_back();
  } else {
    last_key_ = free_keys_.back();
    free_keys_.pop_back();
  }
  keys_[last_key_] = {call, 1};
  return last_key_;
}

void MinuteBook::give_back_key(uint32_t key) {
  if (--keys_[key].records > 0) return;
  keys_[key].text = {};
  free_keys_.push_back(key);
}

control::MinuteRecord MinuteBook::told(size_t place) const {
  const Record& kept = records_[place];
  control::MinuteRecord record;
  record.number = newest_ - records_.size() + place + 1;
  record.call = keys_[kept.key].text;
  record.leg = kept.leg;
  record.interface = interfaces_[kept.interface];
  if (kept.has_ssrc) record.ssrc = kept.ssrc;
  record.minute_s = kept.minute_s;
  record.expected = kept.sums.expected;
  record.received = kept.sums.received;
  record.lost = kept.sums.lost;
  record.duplicates = kept.sums.duplicates;
  record.lost_by_us = kept.sums.lost_by_us;
  record.jitter_max = kept.jitter_max;
  record.clock_hz = kept.clock_hz;
  record.longest_loss_run = kept.longest_loss_run;
  return record;
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
    page.records.push_back(told(i));
    page.next = page.records.back().number;
  }
  return page;
}

}  // namespace holdfast::dataplane
