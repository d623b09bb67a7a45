// SPDX-License-Identifier: Apache-2.0
// holdfast report: what each stream of live and finished calls lost.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "control/cli/command.hh"
#include "control/cli/table.hh"

namespace holdfast::cli {
namespace {

using control::CallReport;
using control::LegReport;
using control::StreamReport;
using nlohmann::json;

struct Row {
  const CallReport& call;
  const LegReport& leg;
  const StreamReport& stream;

  double loss_percent() const {
    if (stream.expected == 0) return 0;
    return 100.0 * static_cast<double>(stream.lost) / static_cast<double>(stream.expected);
  }
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

std::vector<std::string> cells(const Row& row) {
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
          ms_text(row.jitter_ms(s.jitter_mean)),
          ms_text(row.jitter_ms(s.jitter_max)),
          row.call.ended_ms ? "ended"
          : s.active        ? "active"
                            : "silent"};
}

// RFC 4180: quotes around a field that needs them, doubled inside. A field that a spreadsheet would
// take for a formula is given as text.
std::string csv_field(const std::string& text) {
  const bool formula =
      !text.empty() && std::string_view("=+-@").find(text[0]) != std::string_view::npos;
  if (!formula && text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = formula ? "\"'" : "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

void print_csv(const std::vector<Row>& rows) {
  print(
      "call,leg,interface,ssrc,payload_type,expected,received,lost,loss_percent,loss_runs,"
      "duplicates,reordered,restarts,jitter_mean_ms,jitter_max_ms,state\r\n");
  for (const auto& row : rows) {
    std::string line;
    for (const auto& cell : cells(row)) line += (line.empty() ? "" : ",") + csv_field(cell);
    print(line + "\r\n");
  }
}

void print_table(const std::vector<Row>& rows) {
  if (rows.empty()) return print("no streams\n");
  Table table({"CALL", ">LEG", "INTERFACE", "SSRC", ">PT", ">EXPECTED", ">RECEIVED", ">LOST",
               ">LOSS %", "RUNS", ">DUP", ">REORD", ">RESTART", ">JITTER ms", ">MAX ms", "STATE"});
  for (const auto& row : rows) table.add(cells(row));
  print(table.to_string());
}

void print_document(const std::vector<Row>& rows) {
  json streams = json::array();
  for (const auto& row : rows) {
    // The stream as the dataplane reports it, with its place and the derived figures beside.
    json stream = control::to_json(row.stream);
    stream["call"] = row.call.call;
    stream["leg"] = row.leg.leg;
    stream["interface"] = row.leg.interface;
    stream["finished"] = row.call.ended_ms.has_value();
    stream["loss_percent"] = row.loss_percent();
    const auto mean = row.jitter_ms(row.stream.jitter_mean),
               max = row.jitter_ms(row.stream.jitter_max);
    stream["jitter_mean_ms"] = mean ? json(*mean) : json();
    stream["jitter_max_ms"] = max ? json(*max) : json();
    streams.push_back(std::move(stream));
  }
  print_json({{"streams", std::move(streams)}});
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
  std::vector<Row> rows;
  const auto add = [&](const CallReport& call) {
    for (const auto& leg : call.legs) {
      for (const auto& stream : leg.streams) rows.push_back({call, leg, stream});
    }
  };
  for (const auto& call : *finished) add(call);
  for (const auto& call : *live) {
    if (!ended.contains({call.call, call.started_ms})) add(call);
  }
  if (as_json) return print_document(rows);
  if (as_csv) return print_csv(rows);
  print_table(rows);
}

}  // namespace

void add_report_command(CLI::App& app, Context& context) {
  auto* report = app.add_subcommand("report", "what each stream lost, of live and finished calls");
  auto as_json = std::make_shared<bool>(false), as_csv = std::make_shared<bool>(false);
  auto* json_flag = report->add_flag("--json", *as_json, "print one JSON document");
  report->add_flag("--csv", *as_csv, "print CSV (RFC 4180)")->excludes(json_flag);
  report->callback([&context, as_json, as_csv] { run_report(context, *as_json, *as_csv); });
}

}  // namespace holdfast::cli
