// SPDX-License-Identifier: Apache-2.0
// The loss report: per call, per stream and per minute, and for each number who counted it.
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "control/admin/documents.hh"
#include "sip/anchor/media_anchor.hh"

namespace holdfast::admin {
namespace {

using nlohmann::json;

// Who counted a loss.
constexpr std::string_view kHere = "us";              // at our port: lost on the way to us
constexpr std::string_view kFarEnd = "far end";       // its RTCP: lost beyond our port
constexpr std::string_view kFarEndXr = "far end XR";  // its extended reports (RFC 3611)

std::string ssrc_text(uint32_t ssrc) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", ssrc);
  return text;
}

// Of packets that came to a call's port from another source than its media: no loss of ours.
constexpr std::string_view kWrongSource = "wrong_source";

double percent(uint64_t lost, uint64_t expected) {
  return expected == 0 ? 0 : 100.0 * static_cast<double>(lost) / static_cast<double>(expected);
}

json ticks_to_ms(uint32_t ticks, uint32_t clock_hz) {
  return clock_hz == 0 ? json() : json(1000.0 * ticks / clock_hz);
}

struct Totals {
  uint64_t streams = 0, expected = 0, received = 0, lost = 0, lost_beyond = 0, dropped_by_us = 0;
  uint64_t lost_by_us = 0, wrong_source = 0;

  // Of no stream there is no loss to tell: null, not 0.
  json to_json() const {
    return {{"streams", streams},
            {"expected", expected},
            {"received", received},
            {"lost", lost},
            {"loss_percent", streams == 0 ? json() : json(percent(lost, expected))},
            {"lost_beyond", lost_beyond},
            {"dropped_by_us", dropped_by_us},
            {kWrongSource, wrong_source},
            {"lost_by_us", lost_by_us}};
  }
  void add(const Totals& other) {
    streams += other.streams;
    expected += other.expected;
    received += other.received;
    lost += other.lost;
    lost_beyond += other.lost_beyond;
    dropped_by_us += other.dropped_by_us;
    wrong_source += other.wrong_source;
    lost_by_us += other.lost_by_us;
  }
};

struct CallMedia {
  json streams = json::array(), beyond = json::array(), xr = json::array(), drops = json::array();
  Totals totals;

  void add(const std::string& name, const control::LegReport& leg);
};

json xr_row(const control::FarEndReport& said) {
  json row = said.voip ? control::to_json(*said.voip) : json::object();
  if (said.statistics) row["statistics"] = control::to_json(*said.statistics);
  row["measured_by"] = kFarEndXr;
  return row;
}

void CallMedia::add(const std::string& name, const control::LegReport& leg) {
  const json where = {{"stream", name}, {"leg", leg.leg}, {"interface", leg.interface}};
  const auto source = leg.learned_source ? leg.learned_source : leg.remote;
  const json expected = leg.mark.dscp ? json(*leg.mark.dscp) : json();
  for (const auto& s : leg.streams) {
    json runs = json::object();
    for (const auto& run : s.loss_runs) runs[run.name] = run.count;
    json row = where;
    row.update({{"from", source ? json(source->to_string()) : json()},
                {"ssrc", ssrc_text(s.ssrc)},
                {"payload_type", s.payload_type},
                {"expected", s.expected},
                {"received", s.received},
                {"lost", s.lost},
                {"loss_percent", percent(s.lost, s.expected)},
                {"lost_by_us", s.lost_by_us},
                {"loss_runs", std::move(runs)},
                {"duplicates", s.duplicates},
                {"reordered", s.reordered},
                {"restarts", s.restarts},
                {"strays", s.strays},
                {"jitter_mean_ms", ticks_to_ms(s.jitter_mean, s.clock_hz)},
                {"jitter_max_ms", ticks_to_ms(s.jitter_max, s.clock_hz)},
                {"dscp_in", s.dscp_in},
                {"dscp_in_first", s.dscp_in_first},
                {"dscp_expected", expected},
                {"unmarked", s.unmarked},
                {"remarked", s.remarked},
                {"measured_by", kHere}});
    streams.push_back(std::move(row));
    ++totals.streams;
    totals.expected += s.expected;
    totals.received += s.received;
    totals.lost += s.lost;
    totals.lost_by_us += s.lost_by_us;
  }
  totals.streams += leg.folded.streams;
  totals.expected += leg.folded.expected;
  totals.received += leg.folded.received;
  totals.lost += leg.folded.lost;
  totals.lost_by_us += leg.folded.lost_by_us;
  for (const auto& f : leg.far_end) {
    json row = where;
    row.update({{"to", source ? json(source->to_string()) : json()}, {"ssrc", ssrc_text(f.ssrc)}});
    if (f.voip || f.statistics) {
      xr.push_back(row);
      xr.back().update(xr_row(f));
    }
    if (f.reports == 0) continue;
    row.update({{"lost_beyond", f.lost_beyond()},
                {"cumulative_lost", f.cumulative_lost},
                {"lost_before_us", f.lost_before},
                {"fraction_lost", f.fraction_lost},
                {"jitter_ms", f.jitter_ms ? json(*f.jitter_ms) : json()},
                {"round_trip_ms", f.round_trip_ms ? json(*f.round_trip_ms) : json()},
                {"round_trip_measured_by", kHere},
                {"round_trip_by", f.round_trip_by_xr ? "xr" : "sr"},
                {"reports", f.reports},
                {"measured_by", kFarEnd}});
    beyond.push_back(std::move(row));
    totals.lost_beyond += f.lost_beyond();
  }
  for (const auto& drop : leg.drops) {
    json row = where;
    row.update({{"reason", drop.name}, {"packets", drop.count}});
    drops.push_back(std::move(row));
    (drop.name == kWrongSource ? totals.wrong_source : totals.dropped_by_us) += drop.count;
  }
}

json minute_json(const store::MinuteRow& m) {
  return {{"minute", iso_time(m.minute * 60'000)},
          {"stream", m.stream},
          {"leg", m.leg},
          {"interface", m.interface},
          {"ssrc", m.ssrc ? json(ssrc_text(*m.ssrc)) : json()},
          {"expected", m.expected},
          {"received", m.received},
          {"lost", m.lost},
          {"lost_by_us", m.lost_by_us},
          {"duplicates", m.duplicates},
          {"jitter_max_ms", ticks_to_ms(m.jitter_max, m.clock_hz)},
          {"longest_loss_run", m.longest_loss_run},
          {"measured_by", kHere}};
}

}  // namespace

json loss_document(const SipSnapshot& sip, const LossInput& input, size_t limit) {
  std::map<uint64_t, CallMedia> media;
  std::map<uint64_t, json> minutes;
  std::set<uint64_t> recorded;
  for (const auto& leg : input.legs) {
    media[leg.call_key].add(leg.stream, leg.report);
    recorded.insert(leg.call_key);
  }
  // The list is seconds old: a call that has ended since then is told by its record, and would
  // count twice.
  for (const auto& call : sip.media) {
    const auto key = sip::call_key_of_stream(call.call);
    if (!key || call.ended_ms || recorded.contains(*key)) continue;
    for (const auto& leg : call.legs) media[*key].add(call.call, leg);
  }
  for (const auto& minute : input.minutes) {
    minutes.try_emplace(minute.call_key, json::array());
    minutes[minute.call_key].push_back(minute_json(minute));
  }
  Totals sum;
  json calls = json::array();
  for (const auto& record : input.calls) {
    json call = record_json(record);
    auto& found = media[record.call_key];
    call["live"] = record.end.empty();
    call["totals"] = found.totals.to_json();
    call["streams"] = std::move(found.streams);
    call["beyond"] = std::move(found.beyond);
    call["xr"] = std::move(found.xr);
    call["drops"] = std::move(found.drops);
    const auto per_minute = minutes.find(record.call_key);
    call["minutes"] = per_minute == minutes.end() ? json::array() : std::move(per_minute->second);
    sum.add(found.totals);
    calls.push_back(std::move(call));
  }
  json ends = json::object();
  for (const auto& [name, count] : input.ends) ends[name] = count;
  json document = {
      {"calls", std::move(calls)},
      {"totals", sum.to_json()},
      {"ends", std::move(ends)},
      {"sources",
       {{"lost", "counted at our port: lost on the way to us"},
        {"lost_beyond",
         "what the far end's RTCP reports of its way from us, less what had not come "
         "to us or was missed by us; nothing is known where the far end sends no reports"},
        {"xr",
         "what the far end says in RTCP XR of how it hears the stream: its own measurement, after "
         "its jitter buffer and from end to end"},
        {"dropped_by_us",
         "came to us for this call and went no further; drops has the reasons. Without "
         "wrong_source"},
        {kWrongSource,
         "came to the call's ports from another address or port than its media: dropped, and in no "
         "stream"},
        {"lost_by_us",
         "counted at our port: missed while the dataplane was down, between the last packet before "
         "and the first one after; what the network lost in that time cannot be told from it"}}}};
  if (input.calls.size() == limit && limit > 0) document["next"] = input.calls.back().seq;
  return document;
}

}  // namespace holdfast::admin
