// SPDX-License-Identifier: Apache-2.0
// holdfast report: what each stream of live and finished calls lost.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "control/cli/command.hh"
#include "control/cli/documents.hh"
#include "control/cli/table.hh"

namespace holdfast::cli {
namespace {

using control::CallReport;
using control::LegReport;
using control::StreamReport;
using nlohmann::json;
using Cells = std::vector<std::string>;

double loss_percent(uint64_t lost, uint64_t expected) {
  return expected == 0 ? 0 : 100.0 * static_cast<double>(lost) / static_cast<double>(expected);
}

struct LegRow {
  const CallReport& call;
  const LegReport& leg;
  bool has_unlisted() const { return leg.folded.streams > 0 || leg.unaccounted_packets > 0; }
};

struct Row {
  const CallReport& call;
  const LegReport& leg;
  const StreamReport& stream;

  double loss_percent() const { return cli::loss_percent(stream.lost, stream.expected); }
  // Nothing when the clock of the payload type is not known.
  std::optional<double> jitter_ms(uint32_t ticks) const {
    if (stream.clock_hz == 0) return std::nullopt;
    return 1000.0 * ticks / stream.clock_hz;
  }
};

std::string hex(uint32_t ssrc) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", ssrc);
  return text;
}

// "1:12 60:1": twelve single losses and one of sixty in a row.
std::string runs_text(const StreamReport& stream) {
  std::string text;
  for (const auto& [length, count] : stream.loss_runs) {
    text += (text.empty() ? "" : " ") + length + ":" + std::to_string(count);
  }
  return text;
}

std::string ms_text(std::optional<double> ms) {
  return ms ? decimal(*ms, 2) : "";
}

constexpr size_t kColumns = 20;
constexpr size_t kReceived = 6;
constexpr size_t kState = 16;
constexpr size_t kMeasuredBy = 18;
constexpr const char* kByUs = "us";
constexpr const char* kByFarEnd = "far end";
constexpr const char* kByFarEndXr = "far end XR";

Cells cells(const Row& row) {
  const auto& s = row.stream;
  return {row.call.call,
          std::to_string(row.leg.leg),
          row.leg.interface,
          hex(s.ssrc),
          std::to_string(s.payload_type),
          std::to_string(s.expected),
          std::to_string(s.received),
          std::to_string(s.lost),
          decimal(row.loss_percent(), 3),
          runs_text(s),
          std::to_string(s.duplicates),
          std::to_string(s.reordered),
          std::to_string(s.restarts),
          std::to_string(s.strays),
          ms_text(row.jitter_ms(s.jitter_mean)),
          ms_text(row.jitter_ms(s.jitter_max)),
          row.call.ended_ms ? "ended"
          : s.active        ? "active"
                            : "silent",
          "",
          kByUs,
          std::to_string(s.lost_by_us)};
}

// What the leg's endpoint says in RTCP of a stream that we sent to it: what was lost beyond us.
Cells far_end_cells(const LegRow& row, const control::FarEndReport& said) {
  Cells line(kColumns);
  line[0] = row.call.call;
  line[1] = std::to_string(row.leg.leg);
  line[2] = row.leg.interface;
  line[3] = hex(said.ssrc);
  line[7] = std::to_string(said.lost_beyond());
  line[14] = ms_text(said.jitter_ms);
  line[kState] = "beyond us";
  line[17] = ms_text(said.round_trip_ms);
  line[kMeasuredBy] = kByFarEnd;
  return line;
}

// Sums of the streams that gave their place to newer ones, in the columns of a stream.
Cells folded_cells(const LegRow& row) {
  const control::FoldedStreams& f = row.leg.folded;
  return {row.call.call,
          std::to_string(row.leg.leg),
          row.leg.interface,
          std::to_string(f.streams) + " more",
          "",
          std::to_string(f.expected),
          std::to_string(f.received),
          std::to_string(f.lost),
          decimal(loss_percent(f.lost, f.expected), 3),
          "",
          std::to_string(f.duplicates),
          "",
          "",
          "",
          "",
          "",
          "folded",
          "",
          kByUs,
          std::to_string(f.lost_by_us)};
}

// Packets that were relayed though there was no room for their stream: how many were lost beside
// them is not known.
Cells unaccounted_cells(const LegRow& row) {
  Cells line(kColumns);
  line[0] = row.call.call;
  line[1] = std::to_string(row.leg.leg);
  line[2] = row.leg.interface;
  line[kReceived] = std::to_string(row.leg.unaccounted_packets);
  line[kState] = "unaccounted";
  line[kMeasuredBy] = kByUs;
  return line;
}

std::vector<Cells> lines_of(const std::vector<LegRow>& legs) {
  std::vector<Cells> lines;
  for (const auto& row : legs) {
    for (const auto& stream : row.leg.streams) lines.push_back(cells({row.call, row.leg, stream}));
    for (const auto& said : row.leg.far_end) {
      if (said.reports > 0) lines.push_back(far_end_cells(row, said));
    }
    if (row.leg.folded.streams > 0) lines.push_back(folded_cells(row));
    if (row.leg.unaccounted_packets > 0) lines.push_back(unaccounted_cells(row));
  }
  return lines;
}

void print_csv(const std::vector<Cells>& lines) {
  print(
      "call,leg,interface,ssrc,payload_type,expected,received,lost,loss_percent,loss_runs,"
      "duplicates,reordered,restarts,strays,jitter_mean_ms,jitter_max_ms,state,round_trip_ms,"
      "measured_by,lost_by_us\r\n");
  for (const auto& cells : lines) {
    std::string line;
    for (const auto& cell : cells) line += (line.empty() ? "" : ",") + csv_field(cell);
    print(line + "\r\n");
  }
}

void print_table(const std::vector<Cells>& lines) {
  if (lines.empty()) return print("no streams\n");
  Table table({"CALL",      ">LEG",      "INTERFACE", "SSRC",        ">PT",
               ">EXPECTED", ">RECEIVED", ">LOST",     ">LOSS %",     "RUNS",
               ">DUP",      ">REORD",    ">RESTART",  ">STRAY",      ">JITTER ms",
               ">MAX ms",   "STATE",     ">RTT ms",   "MEASURED BY", ">LOST BY US"});
  for (const auto& line : lines) table.add(line);
  print(table.to_string());
}

void set_place(json& out, const CallReport& call, const LegReport& leg) {
  out["call"] = call.call;
  out["leg"] = leg.leg;
  out["interface"] = leg.interface;
  out["finished"] = call.ended_ms.has_value();
}

// The stream as the dataplane reports it, with its place and the derived figures beside.
json document_of(const Row& row) {
  json stream = control::to_json(row.stream);
  set_place(stream, row.call, row.leg);
  stream["loss_percent"] = row.loss_percent();
  const auto mean = row.jitter_ms(row.stream.jitter_mean),
             max = row.jitter_ms(row.stream.jitter_max);
  stream["jitter_mean_ms"] = mean ? json(*mean) : json();
  stream["jitter_max_ms"] = max ? json(*max) : json();
  stream["measured_by"] = kByUs;
  return stream;
}

// `far_end`: what endpoints say in RTCP of streams sent to them. `unlisted`: legs that had more
// streams than there was room for, with what is known of these.
void print_document(const std::vector<LegRow>& legs) {
  json streams = json::array(), far_end = json::array(), unlisted = json::array();
  for (const auto& row : legs) {
    for (const auto& stream : row.leg.streams)
      streams.push_back(document_of({row.call, row.leg, stream}));
    for (const auto& said : row.leg.far_end) {
      far_end.push_back(control::to_json(said));
      set_place(far_end.back(), row.call, row.leg);
      far_end.back()["measured_by"] = kByFarEnd;
      far_end.back()["round_trip_measured_by"] = kByUs;
      for (const char* by_xr : {"voip", "statistics"}) {
        if (far_end.back().contains(by_xr)) far_end.back()[by_xr]["measured_by"] = kByFarEndXr;
      }
    }
    if (!row.has_unlisted()) continue;
    json more;
    set_place(more, row.call, row.leg);
    more["folded"] = control::to_json(row.leg.folded);
    more["unaccounted_packets"] = row.leg.unaccounted_packets;
    unlisted.push_back(std::move(more));
  }
  print_json({{"streams", std::move(streams)},
              {"far_end", std::move(far_end)},
              {"unlisted", std::move(unlisted)}});
}

void run_report(Context& context, bool as_json, bool as_csv) {
  const auto client = context.connect();
  if (!client) return;
  // Live ones first: a call that ends in between is then listed twice, never missed.
  const auto live = client->calls(false);
  if (!live) return context.fail(live.error());
  const auto finished = client->calls(true);
  if (!finished) return context.fail(finished.error());

  std::set<std::pair<std::string, uint64_t>> ended;
  for (const auto& call : *finished) ended.emplace(call.call, call.started_ms);
  std::vector<LegRow> legs;
  const auto add = [&](const CallReport& call) {
    for (const auto& leg : call.legs) legs.push_back({call, leg});
  };
  for (const auto& call : *finished) add(call);
  for (const auto& call : *live) {
    if (!ended.contains({call.call, call.started_ms})) add(call);
  }
  if (as_json) return print_document(legs);
  if (as_csv) return print_csv(lines_of(legs));
  print_table(lines_of(legs));
}

}  // namespace

void add_report_command(CLI::App& app, Context& context) {
  auto* report = app.add_subcommand("report", "what each stream lost, of live and finished calls");
  auto as_json = std::make_shared<bool>(false), as_csv = std::make_shared<bool>(false);
  auto* json_flag = report->add_flag("--json", *as_json, "print one JSON document");
  report->add_flag("--csv", *as_csv, "print CSV (RFC 4180)")->excludes(json_flag);
  report->callback([&context, report, as_json, as_csv] {
    if (report->get_subcommands().empty()) run_report(context, *as_json, *as_csv);
  });
  add_loss_command(*report, context);
}

}  // namespace holdfast::cli
