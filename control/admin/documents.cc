// SPDX-License-Identifier: Apache-2.0
// Status, registrations, upstreams and calls as JSON.
#include "control/admin/documents.hh"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace holdfast::admin {
namespace {

using nlohmann::json;

json optional_time(const std::optional<int64_t>& unix_ms) {
  return unix_ms ? json(iso_time(*unix_ms)) : json();
}

uint64_t seconds_since(uint64_t now_ms, uint64_t then_ms) {
  return now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;
}

json counts_json(const std::vector<control::NamedCount>& counts) {
  json document = json::object();
  for (const auto& [name, count] : counts) {
    if (count != 0) document[name] = count;
  }
  return document;
}

json counts_json(const std::map<std::string, uint64_t>& counts) {
  json document = json::object();
  for (const auto& [name, count] : counts) {
    if (count != 0) document[name] = count;
  }
  return document;
}

json store_json(const store::StoreStatus& store) {
  return {{"state", store.trouble == Trouble::kNone ? "good" : name_of(store.trouble)},
          {"text", store.text},
          {"path", store.path},
          {"moved_aside", store.moved_aside},
          {"queued", store.queued},
          {"written", store.written},
          {"dropped", store.dropped},
          {"refused", store.refused},
          {"commits", store.commits},
          {"failures", store.failures},
          {"run", store.run}};
}

json names_json(const names::ResolverStatus& names) {
  json list = json::array();
  for (const auto& name : names.names) {
    list.push_back({{"name", name.name},
                    {"type", name.type},
                    {"answers", name.answers},
                    {"age_s", name.age_s ? json(*name.age_s) : json()},
                    {"from_disk", name.from_disk},
                    {"error", name.error}});
  }
  return {{"names", std::move(list)},
          {"ourselves", names.ourselves},
          {"rounds", names.rounds},
          {"failed_rounds", names.failed_rounds},
          {"next_round_in_s", names.next_round_in_s}};
}

json upstream_json(const sip::Upstream& upstream) {
  return {{"host", upstream.host},
          {"address", upstream.address.to_string()},
          {"transport", sip::name_of(upstream.transport)},
          {"priority", upstream.priority}};
}

std::string text_of(sip::HealthState state) {
  switch (state) {
    case sip::HealthState::online:
      return "the centre is there";
    case sip::HealthState::suspect:
      return "no server of the centre is known to be up";
    case sip::HealthState::survival:
      return "the centre is lost, and the branch works without it";
    case sip::HealthState::recovering:
      return "the centre is back, and has not confirmed all phones yet";
  }
  return {};
}

// What an operator should look at, in plain words.
json warnings_of(const SipSnapshot& sip, const store::StoreStatus& store,
                 const names::ResolverStatus& names) {
  json warnings = json::array();
  if (sip.proxy.health != sip::HealthState::online)
    warnings.push_back(text_of(sip.proxy.health) + " (state " +
                       std::string(name_of(sip.proxy.health)) + ")");
  for (const auto& server : sip.proxy.upstreams)
    if (server.state != sip::MemberState::up && !server.why.empty())
      warnings.push_back("server " + server.upstream.host + " (" +
                         std::string(sip::name_of(server.upstream.transport)) + " " +
                         server.upstream.address.to_string() + ") is " +
                         std::string(name_of(server.state)) + ": " + server.why);
  for (const std::string& line : names.ourselves)
    warnings.push_back(line + ": " + std::string(names::kNotTaken));
  if (sip.proxy.upstreams.empty())
    warnings.push_back(names.ourselves.empty()
                           ? "no address of the centre is known: its name has never been resolved"
                           : "no address of the centre is known but our own");
  for (const auto& gateway : sip.proxy.gateways)
    if (!gateway.why.empty())
      warnings.push_back(
          "gateway " + gateway.name + " (" + std::string(sip::name_of(gateway.transport)) + " " +
          gateway.address.to_string() + ") could not be reached by the last request, " +
          std::to_string(seconds_since(sip.proxy.now_ms, gateway.failed_ms)) +
          " s ago: " + gateway.why);
  for (const std::string& complaint : sip.proxy.certificate_complaints)
    warnings.push_back(complaint);
  if (sip.anchor.state != sip::AnchorState::up)
    warnings.push_back(sip.anchor.state == sip::AnchorState::syncing
                           ? "holdfast-dataplane is back, and its calls are being read"
                       : sip.anchor.last_failure.empty()
                           ? "holdfast-dataplane is away: new calls go unanchored"
                           : sip.anchor.last_failure + "; new calls go unanchored");
  const auto one_way = std::count_if(
      sip.proxy.calls.begin(), sip.proxy.calls.end(),
      [](const sip::CallStatus& call) { return call.is_missing[0] || call.is_missing[1]; });
  if (one_way > 0)
    warnings.push_back(std::to_string(one_way) +
                       " calls hear one side only: `holdfast calls` tells which");
  if (store.trouble != Trouble::kNone)
    warnings.push_back("records cannot be written: " + store.text);
  if (store.dropped > 0)
    warnings.push_back(std::to_string(store.dropped) + " items of records were lost");
  if (!store.moved_aside.empty())
    warnings.push_back("the database was damaged and is kept as " + store.moved_aside);
  for (const auto& name : names.names) {
    const bool needed = !name.error.empty() &&
                        (name.answers.empty() || name.from_disk || name.age_s.value_or(0) > 0);
    if (needed && name.type != "AAAA")
      warnings.push_back("DNS " + name.type + " " + name.name + ": " + name.error +
                         (name.answers.empty() ? "" : "; the last good answer is in use"));
  }
  return warnings;
}

json links_json(const std::vector<sip::LinkStatus>& links) {
  json list = json::array();
  for (const auto& link : links) {
    const bool overflows = link.limits.when_full == sip::WhenFull::gateway;
    list.push_back({{"name", link.name},
                    {"calls", link.calls},
                    {"max_calls", link.limits.max_calls},
                    {"kbit", link.kbit},
                    {"max_kbit", link.limits.max_kbit},
                    {"peak_calls", link.peak_calls},
                    {"peak_kbit", link.peak_kbit},
                    {"when_full", overflows ? "gateway" : "refuse"},
                    {"refused", link.refused},
                    {"overflowed", link.overflowed},
                    {"exempt", link.exempt},
                    {"over", link.over}});
  }
  return list;
}

// The remarks that a record would have now.
json remarks_json(const sip::CallStatus& call) {
  json remarks = json::array();
  for (const auto remark :
       {sip::CallRemark::no_media_from_caller, sip::CallRemark::no_media_from_callee}) {
    if (call.was_missing[static_cast<size_t>(remark)]) remarks.push_back(name_of(remark));
  }
  if (call.unanchored) remarks.push_back(name_of(sip::CallRemark::unanchored));
  return remarks;
}

// Who sends nothing though the other side does and nobody holds.
json missing_json(const sip::CallStatus& call) {
  json sides = json::array();
  if (call.is_missing[0]) sides.push_back("caller");
  if (call.is_missing[1]) sides.push_back("callee");
  return sides;
}

json live_call_json(const sip::CallStatus& call, uint64_t now_ms) {
  json document = {{"call", key_text(call.call_key)},
                   {"call_id", call.call_id},
                   {"from", call.from},
                   {"to", call.to},
                   {"dialled", call.dialled},
                   {"caller", sip::name_of(call.caller)},
                   {"source", call.origin.address.is_none() ? "" : call.origin.address.to_string()},
                   {"transport", sip::name_of(call.origin.transport)},
                   {"interface", call.origin.interface},
                   {"decision", call.decision},
                   {"answered_decision", call.answered_decision},
                   {"phase", sip::name_of(call.phase)},
                   {"age_s", seconds_since(now_ms, call.began_ms)},
                   {"survival", call.survival},
                   {"emergency", call.emergency},
                   {"from_before_restart", call.from_before_restart},
                   {"remarks", remarks_json(call)},
                   {"not_heard", missing_json(call)}};
  document["talking_s"] =
      call.answered_ms ? json(seconds_since(now_ms, *call.answered_ms)) : json();
  return document;
}

// A call that is known from its record alone, or, without one, from the dataplane's legs.
json silent_call_json(uint64_t call_key, const store::CallRecord* record, int64_t now_ms) {
  json document = record_json(record != nullptr ? *record : store::CallRecord{});
  const auto ago = [&](const std::optional<int64_t>& then) {
    return then ? json(std::max<int64_t>(0, now_ms - *then) / 1000) : json();
  };
  for (const char* of_records_alone :
       {"began", "answered", "ended", "talk_ms", "end", "status", "detail", "callee", "hop",
        "hop_transport", "hop_interface", "user_agent"})
    document.erase(of_records_alone);
  const bool answered = record != nullptr && record->answered_ms;
  document.update({{"call", key_text(call_key)},
                   {"phase", answered ? json(sip::name_of(sip::CallPhase::answered)) : json()},
                   {"age_s", record != nullptr ? ago(record->began_ms) : json()},
                   {"talking_s", record != nullptr ? ago(record->answered_ms) : json()},
                   {"from_before_restart", true},
                   {"not_heard", json::array()}});
  return document;
}

}  // namespace

std::vector<uint64_t> silent_calls(const SipSnapshot& sip) {
  std::set<uint64_t> shown;
  for (const auto& call : sip.proxy.calls) shown.insert(call.call_key);
  std::vector<uint64_t> silent;
  std::copy_if(sip.anchor.adopted.begin(), sip.anchor.adopted.end(), std::back_inserter(silent),
               [&](uint64_t key) { return !shown.contains(key); });
  return silent;
}

std::string iso_time(int64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char date[32], text[48];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text, sizeof text, "%s.%03dZ", date, static_cast<int>(unix_ms % 1000));
  return text;
}

std::string key_text(uint64_t call_key) {
  char text[24];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(call_key));
  return text;
}

json status_document(const SipSnapshot& sip, const store::StoreStatus& store,
                     const records::MinuteStatus& minutes, const names::ResolverStatus& names,
                     const Now& now) {
  size_t up = 0;
  for (const auto& upstream : sip.proxy.upstreams) up += upstream.state == sip::MemberState::up;
  return {{"version", control::kVersion},
          {"pid", ::getpid()},
          {"time", iso_time(now.unix_ms)},
          {"uptime_s", seconds_since(static_cast<uint64_t>(now.unix_ms), now.started_ms)},
          {"state", name_of(sip.proxy.health)},
          {"state_since_s", seconds_since(sip.proxy.now_ms, sip.proxy.health_since_ms)},
          {"draining", sip.proxy.draining},
          {"upstreams", {{"up", up}, {"known", sip.proxy.upstreams.size()}}},
          {"registrations", sip.proxy.bindings.size()},
          {"calls", sip.proxy.calls.size() + silent_calls(sip).size()},
          {"links", links_json(sip.proxy.links)},
          {"transactions", sip.proxy.transactions},
          {"tcp_connections", sip.proxy.tcp_connections},
          {"media",
           {{"state", name_of(sip.anchor.state)},
            {"dataplane_version", sip.anchor.dataplane_version},
            {"last_failure", sip.anchor.last_failure},
            {"calls_anchored", sip.anchor.calls_anchored},
            {"calls_unanchored", sip.anchor.calls_unanchored},
            {"calls_adopted", sip.anchor.adopted.size()},
            {"streams", sip.anchor.streams},
            {"streams_joined", sip.anchor.streams_joined},
            {"messages_waiting", sip.anchor.messages_waiting},
            {"counters", counts_json(sip.anchor.counters)}}},
          {"records", store_json(store)},
          {"minutes",
           {{"rows", minutes.rows},
            {"not_of_calls", minutes.not_of_calls},
            {"missed", minutes.missed},
            {"last_error", minutes.last_error}}},
          {"names", names_json(names)},
          {"decisions", counts_json(sip.proxy.decisions)},
          {"drops", counts_json(sip.proxy.drops)},
          {"counters", counts_json(sip.proxy.counters)},
          {"warnings", warnings_of(sip, store, names)}};
}

json registrations_document(const SipSnapshot& sip) {
  json list = json::array();
  const uint64_t now_ms = sip.proxy.now_ms;
  for (const auto& b : sip.proxy.bindings) {
    json path = json::array();
    for (const auto& uri : b.path) path.push_back(uri.to_string());
    list.push_back(
        {{"aor", b.aor.to_string()},
         {"contact", b.contact.to_string()},
         {"source", b.source.address.to_string()},
         {"transport", sip::name_of(b.source.transport)},
         {"interface", b.source.interface},
         {"expires_in_s", b.expires_at_ms > now_ms ? (b.expires_at_ms - now_ms) / 1000 : 0},
         {"confirmed_s_ago",
          b.confirmed_at_ms ? json(seconds_since(now_ms, *b.confirmed_at_ms)) : json()},
         {"instance", b.instance},
         {"q", b.q_milli / 1000.0},
         {"path", std::move(path)}});
  }
  return {{"registrations", std::move(list)}};
}

json upstreams_document(const SipSnapshot& sip, const names::ResolverStatus& names,
                        const Now& now) {
  json servers = json::array();
  for (const auto& upstream : sip.proxy.upstreams) {
    json server = upstream_json(upstream.upstream);
    server["state"] = name_of(upstream.state);
    server["why"] = upstream.why.empty() ? json() : json(upstream.why);
    servers.push_back(std::move(server));
  }
  json transitions = json::array();
  for (const auto& t : sip.proxy.transitions) {
    const auto ago =
        static_cast<int64_t>(sip.proxy.now_ms > t.at_ms ? sip.proxy.now_ms - t.at_ms : 0);
    transitions.push_back({{"time", iso_time(now.unix_ms - ago)},
                           {"ago_s", ago / 1000},
                           {"from", name_of(t.from)},
                           {"to", name_of(t.to)},
                           {"reason", name_of(t.reason)},
                           {"text", text_of(t.reason)}});
  }
  json evidence = json::object();
  const auto& health = sip.proxy.health_counters;
  for (size_t i = 0; i < health.evidence.size(); ++i) {
    if (health.evidence[i] != 0)
      evidence[std::string(name_of(static_cast<sip::Evidence>(i)))] = health.evidence[i];
  }
  return {{"state", name_of(sip.proxy.health)},
          {"state_since_s", seconds_since(sip.proxy.now_ms, sip.proxy.health_since_ms)},
          {"servers", std::move(servers)},
          {"links", links_json(sip.proxy.links)},
          {"transitions", std::move(transitions)},
          {"probes_sent", health.probes_sent},
          {"evidence", std::move(evidence)},
          {"names", names_json(names)}};
}

json waiting_json(const store::StoreStatus& store) {
  return {{"items", store.queued},
          {"state", store.trouble == Trouble::kNone ? "good" : name_of(store.trouble)},
          {"text", store.text}};
}

json record_json(const store::CallRecord& r) {
  return {{"call", key_text(r.call_key)},
          {"began", optional_time(r.began_ms)},
          {"answered", optional_time(r.answered_ms)},
          {"ended", optional_time(r.ended_ms)},
          {"talk_ms", r.talk_ms ? json(*r.talk_ms) : json()},
          {"end", r.end.empty() ? json() : json(r.end)},
          {"status", r.status},
          {"detail", r.detail},
          {"remarks", r.remarks},
          {"call_id", r.call_id},
          {"from", r.from},
          {"to", r.to},
          {"dialled", r.dialled},
          {"caller", r.caller},
          {"source", r.source},
          {"transport", r.transport},
          {"interface", r.interface},
          {"decision", r.decision},
          {"callee", r.callee},
          {"hop", r.hop},
          {"hop_transport", r.hop_transport},
          {"hop_interface", r.hop_interface},
          {"answered_decision", r.answered_decision},
          {"survival", r.survival},
          {"emergency", r.emergency},
          {"user_agent", r.user_agent}};
}

json events_document(const SipSnapshot& sip, const Now& now) {
  json list = json::array();
  for (auto e = sip.proxy.media_events.rbegin(); e != sip.proxy.media_events.rend(); ++e) {
    const auto ago =
        static_cast<int64_t>(sip.proxy.now_ms > e->at_ms ? sip.proxy.now_ms - e->at_ms : 0);
    list.push_back({{"time", iso_time(now.unix_ms - ago)},
                    {"ago_s", ago / 1000},
                    {"call", key_text(e->call_key)},
                    {"event", name_of(e->kind)},
                    {"text", text_of(e->kind)}});
  }
  return {{"events", std::move(list)}};
}

json calls_document(const SipSnapshot& sip, const std::vector<store::CallRecord>& records,
                    const std::vector<store::CallRecord>& open, size_t limit, const Now& now) {
  json live = json::array(), list = json::array();
  std::map<uint64_t, const store::CallRecord*> known;
  for (const auto& record : open) known.emplace(record.call_key, &record);
  for (const uint64_t key : silent_calls(sip)) {
    const auto record = known.find(key);
    live.push_back(
        silent_call_json(key, record == known.end() ? nullptr : record->second, now.unix_ms));
  }
  for (const auto& call : sip.proxy.calls) live.push_back(live_call_json(call, sip.proxy.now_ms));
  for (const auto& record : records) list.push_back(record_json(record));
  json document = {{"live", std::move(live)}, {"records", std::move(list)}};
  if (records.size() == limit && limit > 0) document["next"] = records.back().seq;
  return document;
}

}  // namespace holdfast::admin
