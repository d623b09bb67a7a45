// SPDX-License-Identifier: Apache-2.0
// Answers from JSON, for clients: what identifies a thing must be there, counters may be missing.
#include <charconv>
#include <nlohmann/json.hpp>

#include "dataplane/control/json_fields.hh"
#include "dataplane/control/messages.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;
constexpr auto kMay = Fields::kMay;
constexpr auto kMust = Fields::kMust;

constexpr size_t kMaxText = 1024;  // of a name or warning
constexpr size_t kMaxRows = 4096;  // of a list inside an answer; a frame bounds it as well

void read_counts(Fields& fields, std::string_view key, std::vector<NamedCount>& out) {
  const auto* object = fields.object(key, kMay);
  if (object == nullptr) return;
  for (const auto& [name, count] : object->items()) {
    if (!count.is_number_unsigned()) return fields.fail(key, "needs counts");
    out.push_back({name, count.get<uint64_t>()});
  }
}

void read_packets(Fields& fields, std::string_view key, PacketCount& out, std::string& error) {
  const auto* object = fields.object(key, kMay);
  if (object == nullptr) return;
  Fields counts(*object, fields.path(key), error);
  counts.number("packets", out.packets, kMay);
  counts.number("octets", out.octets, kMay);
}

void read_ssrc(Fields& fields, uint32_t& out) {
  std::string text;
  fields.text("ssrc", text, kMust, 10);
  if (!fields.ok()) return;
  const char* end = text.data() + text.size();
  if (text.starts_with("0x") && text.size() > 2) {
    const auto [stop, failed] = std::from_chars(text.data() + 2, end, out, 16);
    if (failed == std::errc{} && stop == end) return;
  }
  fields.fail("ssrc", "needs 0x and 8 hexadecimal digits");
}

StreamReport read_stream(const json& item, const std::string& path, std::string& error) {
  StreamReport s;
  Fields fields(item, path, error);
  read_ssrc(fields, s.ssrc);
  fields.number("payload_type", s.payload_type, kMay);
  fields.number("clock_hz", s.clock_hz, kMay);
  fields.number("first_seq", s.first_seq, kMay);
  fields.number("last_ext_seq", s.last_ext_seq, kMay);
  fields.number("expected", s.expected, kMust);
  fields.number("received", s.received, kMust);
  fields.number("lost", s.lost, kMust);
  fields.number("duplicates", s.duplicates, kMay);
  fields.number("reordered", s.reordered, kMay);
  fields.number("restarts", s.restarts, kMay);
  fields.number("strays", s.strays, kMay);
  fields.number("jitter_last", s.jitter_last, kMay);
  fields.number("jitter_mean", s.jitter_mean, kMay);
  fields.number("jitter_max", s.jitter_max, kMay);
  read_counts(fields, "loss_runs", s.loss_runs);
  fields.number("dscp_in", s.dscp_in, kMay);
  fields.number("dscp_in_first", s.dscp_in_first, kMay);
  fields.number("unmarked", s.unmarked, kMay);
  fields.number("remarked", s.remarked, kMay);
  fields.flag("active", s.active, kMay);
  fields.number("lost_by_us", s.lost_by_us, kMay);
  return s;
}

VoipMetrics read_voip(const json& item, const std::string& path, std::string& error) {
  VoipMetrics v;
  Fields fields(item, path, error);
  fields.ratio("loss_rate", v.loss_rate, kMay);
  fields.ratio("discard_rate", v.discard_rate, kMay);
  fields.ratio("burst_density", v.burst_density, kMay);
  fields.ratio("gap_density", v.gap_density, kMay);
  fields.number("burst_duration_ms", v.burst_duration_ms, kMay);
  fields.number("gap_duration_ms", v.gap_duration_ms, kMay);
  fields.number("jitter_buffer_ms", v.jitter_buffer_ms, kMay);
  fields.number("round_trip_ms", v.round_trip_ms, kMay);
  fields.number("r_factor", v.r_factor, kMay);
  fields.amount("mos_lq", v.mos_lq, kMay);
  fields.amount("mos_cq", v.mos_cq, kMay);
  return v;
}

StatisticsSums read_statistics(const json& item, const std::string& path, std::string& error) {
  StatisticsSums s;
  Fields fields(item, path, error);
  fields.number("lost", s.lost, kMay);
  fields.number("duplicates", s.duplicates, kMay);
  return s;
}

FarEndReport read_far_end(const json& item, const std::string& path, std::string& error) {
  FarEndReport f;
  Fields fields(item, path, error);
  read_ssrc(fields, f.ssrc);
  fields.number("reports", f.reports, kMay);
  fields.number("reported", f.reported_ms, kMay);
  fields.ratio("fraction_lost", f.fraction_lost, kMay);
  fields.signed_number("cumulative_lost", f.cumulative_lost, kMust);
  fields.number("lost_before", f.lost_before, kMay);
  fields.number("highest_ext_seq", f.highest_ext_seq, kMay);
  fields.number("jitter", f.jitter, kMay);
  fields.amount("jitter_ms", f.jitter_ms, kMay);
  fields.amount("round_trip_ms", f.round_trip_ms, kMay);
  std::string by;
  fields.text("round_trip_by", by, kMay, kMaxText);
  f.round_trip_by_xr = by == "xr";
  if (const auto* voip = fields.object("voip", kMay))
    f.voip = read_voip(*voip, fields.path("voip"), error);
  if (const auto* statistics = fields.object("statistics", kMay))
    f.statistics = read_statistics(*statistics, fields.path("statistics"), error);
  return f;
}

void read_next_hop(Fields& leg, NextHop& out, std::string& error) {
  const auto* object = leg.object("next_hop", kMay);
  if (object == nullptr) return;
  Fields fields(*object, leg.path("next_hop"), error);
  std::string mac, gateway;
  fields.text("state", out.state, kMay, kMaxText);
  fields.text("mac", mac, kMay, kMaxText);
  fields.text("gateway", gateway, kMay, kMaxText);
  out.mac = MacAddress::parse(mac);
  out.gateway = IpAddress::parse(gateway);
}

void read_folded(Fields& leg, FoldedStreams& out, std::string& error) {
  const auto* object = leg.object("folded", kMay);
  if (object == nullptr) return;
  Fields fields(*object, leg.path("folded"), error);
  fields.number("streams", out.streams, kMust);
  fields.number("expected", out.expected, kMay);
  fields.number("received", out.received, kMay);
  fields.number("lost", out.lost, kMay);
  fields.number("duplicates", out.duplicates, kMay);
  fields.number("lost_by_us", out.lost_by_us, kMay);
  fields.number("unmarked", out.unmarked, kMay);
  fields.number("remarked", out.remarked, kMay);
}

void read_mark(Fields& leg, std::string_view key, MarkReport& out, std::string& error) {
  const auto* object = leg.object(key, kMay);
  if (object == nullptr) return;
  Fields fields(*object, leg.path(key), error);
  fields.number("dscp", out.dscp, kMay);
  fields.number("pcp", out.pcp, kMay);
}

LegReport read_leg(const json& item, const std::string& path, std::string& error) {
  LegReport leg;
  Fields fields(item, path, error);
  fields.number("leg", leg.leg, kMust);
  fields.text("interface", leg.interface, kMust, kMaxText);
  fields.address("local", leg.local, kMust);
  fields.address("local_rtcp", leg.local_rtcp, kMust);
  fields.address("remote", leg.remote, kMay);
  fields.address("remote_rtcp", leg.remote_rtcp, kMay);
  fields.address("learned_source", leg.learned_source, kMay);
  std::string learn;
  fields.text("learn", learn, kMay, kMaxText);
  leg.strict_source = learn == "strict";
  read_next_hop(fields, leg.next_hop, error);
  std::string media;
  fields.text("media", media, kMay, kMaxText);
  leg.media = media_from(media).value_or(Media::kAudio);
  std::string payload;
  fields.text("payload", payload, kMay, kMaxText);
  if (payload == "udptl") leg.payload = Payload::kUdptl;
  fields.flag("sealed", leg.sealed, kMay);
  read_mark(fields, "mark", leg.mark, error);
  read_mark(fields, "rtcp_mark", leg.rtcp_mark, error);
  read_packets(fields, "rx", leg.rx, error);
  read_packets(fields, "tx", leg.tx, error);
  if (const auto* rtcp = fields.object("rtcp", kMay)) {
    Fields counts(*rtcp, fields.path("rtcp"), error);
    counts.number("received", leg.rtcp_received, kMay);
    counts.number("sent", leg.rtcp_sent, kMay);
  }
  if (const auto* joined = fields.object("joined", kMay)) {
    Fields counts(*joined, fields.path("joined"), error);
    counts.number("received", leg.joined_received, kMay);
    counts.number("sent", leg.joined_sent, kMay);
  }
  read_counts(fields, "drops", leg.drops);
  if (const auto* streams = fields.list("streams", kMay, kMaxRows)) {
    for (const auto& stream : *streams) {
      leg.streams.push_back(read_stream(stream, fields.path("streams"), error));
    }
  }
  if (const auto* far_end = fields.list("far_end", kMay, kMaxRows)) {
    for (const auto& said : *far_end)
      leg.far_end.push_back(read_far_end(said, fields.path("far_end"), error));
  }
  read_counts(fields, "far_end_ignored", leg.far_end_ignored);
  if (const auto* srtp = fields.object("srtp", kMay))
    leg.srtp = read_srtp_report(*srtp, fields.path("srtp"), error);
  fields.number("streams_left_out", leg.streams_left_out, kMay);
  read_folded(fields, leg.folded, error);
  fields.number("unaccounted_packets", leg.unaccounted_packets, kMay);
  return leg;
}

PortStatus read_port(const json& item, std::string& error) {
  PortStatus p;
  Fields fields(item, "ports", error);
  fields.text("name", p.name, kMust, kMaxText);
  fields.text("take", p.take, kMay, kMaxText);
  fields.text("driver", p.driver, kMay, kMaxText);
  fields.text("device", p.device, kMay, kMaxText);
  fields.text("link", p.link, kMay, kMaxText);
  fields.number("rx", p.rx, kMust);
  fields.number("relayed", p.relayed, kMust);
  fields.number("to_kernel", p.to_kernel, kMust);
  fields.number("joined", p.joined, kMay);
  fields.number("from_kernel", p.from_kernel, kMay);
  fields.number("tx", p.tx, kMay);
  read_counts(fields, "drops", p.drops);
  read_counts(fields, "tx_drops", p.tx_drops);
  if (const auto* media = fields.object("media_ports", kMay)) {
    Fields counts(*media, "media_ports", error);
    counts.number("pairs", p.media_ports.pairs, kMay);
    counts.number("lent", p.media_ports.lent, kMay);
    counts.number("resting", p.media_ports.resting, kMay);
  }
  return p;
}

LcoreStatus read_lcore(const json& item, std::string& error) {
  LcoreStatus l;
  Fields fields(item, "lcores", error);
  fields.number("cpu", l.cpu, kMust);
  fields.number("polls", l.polls, kMay);
  fields.ratio("idle_ratio", l.idle_ratio, kMay);
  fields.number("heap_allocated_bytes", l.heap_allocated_bytes, kMay);
  return l;
}

MinuteRecord read_minute(const json& item, std::string& error) {
  MinuteRecord r;
  Fields fields(item, "records", error);
  fields.number("number", r.number, kMust);
  fields.text("call", r.call, kMust, kMaxCallKeyBytes);
  fields.number("leg", r.leg, kMust);
  fields.text("interface", r.interface, kMay, kMaxText);
  fields.number("minute", r.minute_s, kMust);
  fields.number("expected", r.expected, kMust);
  fields.number("received", r.received, kMust);
  fields.number("lost", r.lost, kMust);
  fields.number("duplicates", r.duplicates, kMay);
  fields.number("jitter_max", r.jitter_max, kMay);
  fields.number("clock_hz", r.clock_hz, kMay);
  fields.number("longest_loss_run", r.longest_loss_run, kMay);
  fields.number("lost_by_us", r.lost_by_us, kMay);
  if (fields.has("ssrc")) read_ssrc(fields, r.ssrc.emplace());
  return r;
}

}  // namespace

Result<MinutePage, std::string> minute_page_from(const json& answer) {
  std::string error;
  MinutePage page;
  Fields fields(answer, "", error);
  fields.number("epoch", page.epoch, kMust);
  fields.number("next", page.next, kMust);
  fields.flag("more", page.more, kMay);
  fields.number("missed", page.missed, kMay);
  if (const auto* records = fields.list("records", kMust, kMaxRows)) {
    for (const auto& record : *records) page.records.push_back(read_minute(record, error));
  }
  if (!error.empty()) return error;
  return page;
}

Result<LegReport, std::string> leg_report_from(const json& answer) {
  std::string error;
  auto leg = read_leg(answer, "", error);
  if (!error.empty()) return error;
  return leg;
}

Result<CallReport, std::string> call_report_from(const json& answer) {
  std::string error;
  CallReport report;
  Fields fields(answer, "", error);
  fields.text("call", report.call, kMust, kMaxCallKeyBytes);
  fields.number("started", report.started_ms, kMay);
  fields.number("ended", report.ended_ms, kMay);
  if (const auto* legs = fields.list("legs", kMust, kMaxRows)) {
    for (const auto& leg : *legs) report.legs.push_back(read_leg(leg, "legs", error));
  }
  if (!error.empty()) return error;
  return report;
}

Result<StatusReport, std::string> status_report_from(const json& answer) {
  std::string error;
  StatusReport s;
  Fields fields(answer, "", error);
  fields.text("version", s.version, kMust, kMaxText);
  fields.number("pid", s.pid, kMust);
  fields.number("uptime_s", s.uptime_s, kMay);
  fields.flag("huge_pages", s.huge_pages, kMay);
  if (const auto* legs = fields.object("legs", kMay)) {
    Fields counts(*legs, "legs", error);
    counts.number("in_use", s.legs_in_use, kMay);
    counts.number("max", s.legs_max, kMay);
  }
  read_counts(fields, "refused", s.refused);
  if (const auto* ports = fields.list("ports", kMust, kMaxRows)) {
    for (const auto& port : *ports) s.ports.push_back(read_port(port, error));
  }
  if (const auto* lcores = fields.list("lcores", kMay, kMaxRows)) {
    for (const auto& lcore : *lcores) s.lcores.push_back(read_lcore(lcore, error));
  }
  if (const auto* resumed = fields.object("resumed", kMay)) {
    Fields counts(*resumed, "resumed", error);
    auto& r = s.resumed.emplace();
    counts.number("calls", r.calls, kMay);
    counts.number("refused", r.refused, kMay);
    counts.number("down_ms", r.down_ms, kMay);
  }
  if (const auto* minutes = fields.object("minute_records", kMay)) {
    Fields counts(*minutes, "minute_records", error);
    counts.number("kept", s.minutes_kept, kMay);
    counts.number("dropped", s.minutes_dropped, kMay);
  }
  if (const auto* srtp = fields.object("srtp", kMay))
    s.srtp = read_srtp_status(*srtp, fields.path("srtp"), error);
  read_counts(fields, "control", s.control);
  if (const auto* warnings = fields.list("warnings", kMay, kMaxRows)) {
    for (const auto& warning : *warnings) {
      if (warning.is_string()) s.warnings.push_back(warning.get<std::string>());
    }
  }
  if (!error.empty()) return error;
  return s;
}

}  // namespace holdfast::control
