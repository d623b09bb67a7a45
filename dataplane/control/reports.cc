// SPDX-License-Identifier: Apache-2.0
// Answers to JSON, each bounded so that it fits a frame.
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "dataplane/control/json_fields.hh"
#include "dataplane/control/messages.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;

constexpr size_t kMaxWarnings = 64;
// Room for {"id":...,"ok":true,"calls":[...],"next":...} around the calls of a page.
constexpr size_t kPageEnvelopeBytes = 256;

json to_json(const std::vector<NamedCount>& counts) {
  json j = json::object();
  for (const auto& [name, count] : counts) {
    if (j.size() == kMaxNamedCounts) break;
    j[name] = count;
  }
  return j;
}

json to_json(const PacketCount& count) {
  return {{"packets", count.packets}, {"octets", count.octets}};
}

json to_json(const PortStatus& p) {
  return {{"name", p.name},
          {"take", p.take},
          {"driver", p.driver},
          {"device", p.device},
          {"link", p.link},
          {"rx", p.rx},
          {"relayed", p.relayed},
          {"to_kernel", p.to_kernel},
          {"joined", p.joined},
          {"tx", p.tx},
          {"from_kernel", p.from_kernel},
          {"drops", to_json(p.drops)},
          {"tx_drops", to_json(p.tx_drops)},
          {"media_ports",
           {{"pairs", p.media_ports.pairs},
            {"lent", p.media_ports.lent},
            {"resting", p.media_ports.resting}}}};
}

json to_json(const LcoreStatus& l) {
  return {{"cpu", l.cpu},
          {"polls", l.polls},
          {"idle_ratio", std::isfinite(l.idle_ratio) ? l.idle_ratio : 0},
          {"heap_allocated_bytes", l.heap_allocated_bytes}};
}

std::string ssrc_text(uint32_t ssrc) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", ssrc);
  return text;
}

json to_json(const MarkReport& mark) {
  json j{{"pcp", mark.pcp}};
  if (mark.dscp) j["dscp"] = *mark.dscp;
  return j;
}

void set_if(json& j, const char* key, const std::optional<SocketAddress>& address) {
  if (address) j[key] = address->to_string();
}

}  // namespace

uint64_t PortStatus::dropped() const {
  uint64_t sum = 0;
  for (const auto& drop : drops) sum += drop.count;
  return sum;
}

json to_json(const StreamReport& s) {
  return {{"ssrc", ssrc_text(s.ssrc)},
          {"payload_type", s.payload_type},
          {"clock_hz", s.clock_hz},
          {"first_seq", s.first_seq},
          {"last_ext_seq", s.last_ext_seq},
          {"expected", s.expected},
          {"received", s.received},
          {"lost", s.lost},
          {"duplicates", s.duplicates},
          {"reordered", s.reordered},
          {"restarts", s.restarts},
          {"strays", s.strays},
          {"jitter_last", s.jitter_last},
          {"jitter_mean", s.jitter_mean},
          {"jitter_max", s.jitter_max},
          {"loss_runs", to_json(s.loss_runs)},
          {"dscp_in", s.dscp_in},
          {"dscp_in_first", s.dscp_in_first},
          {"unmarked", s.unmarked},
          {"remarked", s.remarked},
          {"active", s.active},
          {"lost_by_us", s.lost_by_us}};
}

json to_json(const VoipMetrics& v) {
  json j{{"loss_rate", v.loss_rate},
         {"discard_rate", v.discard_rate},
         {"burst_density", v.burst_density},
         {"gap_density", v.gap_density},
         {"burst_duration_ms", v.burst_duration_ms},
         {"gap_duration_ms", v.gap_duration_ms},
         {"jitter_buffer_ms", v.jitter_buffer_ms}};
  if (v.round_trip_ms) j["round_trip_ms"] = *v.round_trip_ms;
  if (v.r_factor) j["r_factor"] = *v.r_factor;
  if (v.mos_lq) j["mos_lq"] = *v.mos_lq;
  if (v.mos_cq) j["mos_cq"] = *v.mos_cq;
  return j;
}

json to_json(const StatisticsSums& s) {
  return {{"lost", s.lost}, {"duplicates", s.duplicates}};
}

json to_json(const FarEndReport& f) {
  json j{{"ssrc", ssrc_text(f.ssrc)},
         {"reports", f.reports},
         {"reported", f.reported_ms},
         {"fraction_lost", f.fraction_lost},
         {"cumulative_lost", f.cumulative_lost},
         {"lost_before", f.lost_before},
         {"lost_beyond", f.lost_beyond()},
         {"highest_ext_seq", f.highest_ext_seq},
         {"jitter", f.jitter}};
  if (f.jitter_ms) j["jitter_ms"] = *f.jitter_ms;
  if (f.round_trip_ms) {
    j["round_trip_ms"] = *f.round_trip_ms;
    j["round_trip_by"] = f.round_trip_by_xr ? "xr" : "sr";
  }
  if (f.voip) j["voip"] = to_json(*f.voip);
  if (f.statistics) j["statistics"] = to_json(*f.statistics);
  return j;
}

json to_json(const FoldedStreams& folded) {
  return {{"streams", folded.streams},       {"expected", folded.expected},
          {"received", folded.received},     {"lost", folded.lost},
          {"duplicates", folded.duplicates}, {"lost_by_us", folded.lost_by_us},
          {"unmarked", folded.unmarked},     {"remarked", folded.remarked}};
}

json to_json(const LegReport& leg) {
  json next_hop{{"state", leg.next_hop.state}};
  if (leg.next_hop.mac) next_hop["mac"] = leg.next_hop.mac->to_string();
  if (leg.next_hop.gateway) next_hop["gateway"] = leg.next_hop.gateway->to_string();
  json j{{"leg", leg.leg},
         {"interface", leg.interface},
         {"local", leg.local.to_string()},
         {"local_rtcp", leg.local_rtcp.to_string()},
         {"next_hop", std::move(next_hop)},
         {"media", to_string(leg.media)},
         {"mark", to_json(leg.mark)},
         {"rtcp_mark", to_json(leg.rtcp_mark)},
         {"rx", to_json(leg.rx)},
         {"tx", to_json(leg.tx)},
         {"rtcp", {{"received", leg.rtcp_received}, {"sent", leg.rtcp_sent}}},
         {"drops", to_json(leg.drops)}};
  if (leg.payload == Payload::kUdptl) j["payload"] = "udptl";
  if (leg.sealed) j["sealed"] = true;
  set_if(j, "remote", leg.remote);
  set_if(j, "remote_rtcp", leg.remote_rtcp);
  set_if(j, "learned_source", leg.learned_source);
  if (leg.strict_source) j["learn"] = "strict";
  json streams = json::array();
  uint64_t left_out = leg.streams_left_out;
  for (const auto& stream : leg.streams) {
    if (streams.size() < kMaxStreams) {
      streams.push_back(to_json(stream));
    } else {
      ++left_out;
    }
  }
  j["streams"] = std::move(streams);
  if (left_out > 0) j["streams_left_out"] = left_out;
  if (leg.joined_received > 0 || leg.joined_sent > 0)
    j["joined"] = {{"received", leg.joined_received}, {"sent", leg.joined_sent}};
  if (!leg.far_end.empty()) {
    json far_end = json::array();
    for (size_t i = 0; i < leg.far_end.size() && i < kMaxStreams; ++i)
      far_end.push_back(to_json(leg.far_end[i]));
    j["far_end"] = std::move(far_end);
  }
  if (!leg.far_end_ignored.empty()) j["far_end_ignored"] = to_json(leg.far_end_ignored);
  if (leg.srtp) j["srtp"] = to_json(*leg.srtp);
  if (leg.folded.streams > 0) j["folded"] = to_json(leg.folded);
  if (leg.unaccounted_packets > 0) j["unaccounted_packets"] = leg.unaccounted_packets;
  return j;
}

json to_json(const CallReport& report) {
  json j{{"call", report.call}, {"started", report.started_ms}, {"legs", json::array()}};
  if (report.ended_ms) j["ended"] = *report.ended_ms;
  for (const auto& leg : report.legs) {
    if (j["legs"].size() < 2) j["legs"].push_back(to_json(leg));
  }
  return j;
}

json to_json(const StatusReport& s) {
  json j{{"version", s.version},
         {"pid", s.pid},
         {"uptime_s", s.uptime_s},
         {"huge_pages", s.huge_pages},
         {"legs", {{"in_use", s.legs_in_use}, {"max", s.legs_max}}},
         {"refused", to_json(s.refused)},
         {"ports", json::array()},
         {"lcores", json::array()},
         {"minute_records", {{"kept", s.minutes_kept}, {"dropped", s.minutes_dropped}}},
         {"srtp", to_json(s.srtp)},
         {"control", to_json(s.control)},
         {"warnings", json::array()}};
  if (s.resumed) {
    j["resumed"] = {{"calls", s.resumed->calls},
                    {"refused", s.resumed->refused},
                    {"down_ms", s.resumed->down_ms}};
  }
  for (const auto& port : s.ports) j["ports"].push_back(to_json(port));
  for (const auto& lcore : s.lcores) j["lcores"].push_back(to_json(lcore));
  for (const auto& warning : s.warnings) {
    if (j["warnings"].size() < kMaxWarnings) j["warnings"].push_back(warning);
  }
  return j;
}

json to_json(const MinuteRecord& r) {
  json j{{"number", r.number},
         {"call", r.call},
         {"leg", r.leg},
         {"interface", r.interface},
         {"minute", r.minute_s},
         {"expected", r.expected},
         {"received", r.received},
         {"lost", r.lost},
         {"duplicates", r.duplicates},
         {"jitter_max", r.jitter_max},
         {"clock_hz", r.clock_hz},
         {"longest_loss_run", r.longest_loss_run},
         {"lost_by_us", r.lost_by_us}};
  if (r.ssrc) j["ssrc"] = ssrc_text(*r.ssrc);
  return j;
}

json to_json(const MinutePage& page) {
  json j{{"epoch", page.epoch},
         {"next", page.next},
         {"more", page.more},
         {"missed", page.missed},
         {"records", json::array()}};
  for (const auto& record : page.records) j["records"].push_back(to_json(record));
  return j;
}

CallPage::CallPage(const CallList& request) : limit_(request.limit), last_cursor_(request.after) {}

bool CallPage::add(const CallReport& report, uint64_t cursor) {
  if (more_) return false;
  const std::string text = count_ < limit_ ? dump_json(control::to_json(report)) : "";
  if (text.empty() || calls_.size() + 1 + text.size() + kPageEnvelopeBytes > kMaxFrameBytes) {
    more_ = true;
    return false;
  }
  if (count_ > 0) calls_ += ',';
  calls_ += text;
  ++count_;
  last_cursor_ = cursor;
  return true;
}

std::string CallPage::to_json() const {
  std::string text = "{\"calls\":[" + calls_ + "]";
  if (more_) text += ",\"next\":" + std::to_string(last_cursor_);
  return text + "}";
}

}  // namespace holdfast::control
