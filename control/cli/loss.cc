// SPDX-License-Identifier: Apache-2.0
// holdfast report loss: what each call lost, per stream and per minute, and who says so.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "control/cli/command.hh"
#include "control/cli/daemon_client.hh"
#include "control/cli/documents.hh"
#include "control/cli/table.hh"

namespace holdfast::cli {
namespace {

using nlohmann::json;
using Cells = std::vector<std::string>;

constexpr uint32_t kMaxCalls = 1000;  // of one answer

struct LossOptions {
  uint32_t limit = 100;
  bool all = false, as_json = false, as_csv = false, minutes = false;
  std::string since, until, call;
};

std::string count(const json& row, const char* member) {
  return std::to_string(whole(row, member));
}

// Empty when it is not known.
std::string number_text(const json& row, const char* member, int decimals) {
  return row.contains(member) && row[member].is_number() ? decimal(number(row, member), decimals)
                                                         : "";
}

std::string ms_text(const json& row, const char* member) {
  return number_text(row, member, 2);
}

std::string percent_text(const json& row, const char* ratio) {
  return row.contains(ratio) && row[ratio].is_number() ? decimal(100 * number(row, ratio), 3) : "";
}

// Of a call of whose media nothing came to us there is none to tell.
std::string loss_text(const json& totals, const char* member, int decimals) {
  return whole(totals, "streams") == 0 ? "" : number_text(totals, member, decimals);
}

std::string remarks_text(const json& call) {
  std::string all;
  for (const auto& remark : list(call, "remarks"))
    all += (all.empty() ? "" : " ") + (remark.is_string() ? remark.get<std::string>() : "");
  return all;
}

std::string runs_text(const json& stream) {
  std::string runs;
  if (!stream.contains("loss_runs") || !stream["loss_runs"].is_object()) return runs;
  for (const auto& [length, times] : stream["loss_runs"].items())
    runs += (runs.empty() ? "" : " ") + length + ":" + times.dump();
  return runs;
}

// ---- CSV: one row for each stream, each report of a far end, each minute, each reason of a drop -

constexpr const char* kColumns =
    "call,began,ended,from,dialled,end,kind,stream,leg,interface,ssrc,minute,expected,received,"
    "lost,loss_percent,loss_runs,jitter_mean_ms,jitter_max_ms,round_trip_ms,reason,measured_by,"
    "lost_by_us,dscp_in_first,dscp_in,dscp_expected,unmarked,remarked,discard_percent,"
    "burst_density,gap_density,burst_duration_ms,gap_duration_ms,jitter_buffer_ms,r_factor,mos_lq,"
    "mos_cq\r\n";

void print_row(const json& call, const std::string& kind, const json& row, const Cells& rest) {
  Cells cells = {text(call, "call"),
                 text(call, "began"),
                 text(call, "ended"),
                 text(call, "from"),
                 text(call, "dialled"),
                 text(call, "end"),
                 kind,
                 text(row, "stream"),
                 count(row, "leg"),
                 text(row, "interface"),
                 text(row, "ssrc")};
  cells.insert(cells.end(), rest.begin(), rest.end());
  cells.push_back(text(row, "measured_by"));
  for (const char* member :
       {"lost_by_us", "dscp_in_first", "dscp_in", "dscp_expected", "unmarked", "remarked"})
    cells.push_back(row.contains(member) && row[member].is_number() ? count(row, member) : "");
  cells.push_back(percent_text(row, "discard_rate"));
  for (const char* member : {"burst_density", "gap_density"})
    cells.push_back(number_text(row, member, 4));
  for (const char* member :
       {"burst_duration_ms", "gap_duration_ms", "jitter_buffer_ms", "r_factor"})
    cells.push_back(number_text(row, member, 0));
  for (const char* member : {"mos_lq", "mos_cq"}) cells.push_back(number_text(row, member, 1));
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) line += (i == 0 ? "" : ",") + csv_field(cells[i]);
  print(line + "\r\n");
}

void print_csv(const json& calls) {
  print(kColumns);
  for (const auto& call : calls) {
    for (const auto& s : list(call, "streams"))
      print_row(call, "stream", s,
                {"", count(s, "expected"), count(s, "received"), count(s, "lost"),
                 decimal(number(s, "loss_percent"), 3), runs_text(s), ms_text(s, "jitter_mean_ms"),
                 ms_text(s, "jitter_max_ms"), "", ""});
    for (const auto& b : list(call, "beyond"))
      print_row(call, "beyond", b,
                {"", "", "", count(b, "lost_beyond"), "", "", ms_text(b, "jitter_ms"), "",
                 ms_text(b, "round_trip_ms"), ""});
    for (const auto& x : list(call, "xr"))
      print_row(call, "xr", x,
                {"", "", "", "", percent_text(x, "loss_rate"), "", "", "",
                 ms_text(x, "round_trip_ms"), ""});
    for (const auto& d : list(call, "drops"))
      print_row(call, "drop", d,
                {"", "", "", count(d, "packets"), "", "", "", "", "", text(d, "reason")});
    for (const auto& m : list(call, "minutes"))
      print_row(call, "minute", m,
                {text(m, "minute"), count(m, "expected"), count(m, "received"), count(m, "lost"),
                 "", "", "", "", "", ""});
  }
}

// ---- tables ------------------------------------------------------------------------------------

void print_calls(const json& calls) {
  Table table({"CALL", "BEGAN", "FROM", "DIALLED", "END", ">TALKED", ">PACKETS", ">LOST", ">LOSS %",
               ">BEYOND US", ">BY US", "REMARKS"});
  for (const auto& c : calls) {
    const json totals = c.value("totals", json::object());
    const bool told = !list(c, "beyond").empty();
    table.add({text(c, "call"), time_text(c, "began"), text(c, "from"), text(c, "dialled"),
               c.value("live", false) ? "lives" : text(c, "end"),
               c.contains("talk_ms") && c["talk_ms"].is_number()
                   ? duration_text(static_cast<uint64_t>(whole(c, "talk_ms")) / 1000)
                   : "",
               count(totals, "expected"), loss_text(totals, "lost", 0),
               loss_text(totals, "loss_percent", 3), told ? count(totals, "lost_beyond") : "",
               std::to_string(whole(totals, "dropped_by_us") + whole(totals, "lost_by_us")),
               remarks_text(c)});
  }
  print(table.to_string());
}

void print_streams(const json& calls) {
  Table table({"CALL", "STREAM", ">LEG", "INTERFACE", "SSRC", ">PT", ">EXPECTED", ">RECEIVED",
               ">LOST", ">LOSS %", "RUNS", ">BY US", ">JITTER MS", ">ROUND TRIP MS",
               "MEASURED BY"});
  for (const auto& c : calls) {
    for (const auto& s : list(c, "streams"))
      table.add({text(c, "call"), text(s, "stream"), count(s, "leg"), text(s, "interface"),
                 text(s, "ssrc"), count(s, "payload_type"), count(s, "expected"),
                 count(s, "received"), count(s, "lost"), decimal(number(s, "loss_percent"), 3),
                 runs_text(s), count(s, "lost_by_us"), ms_text(s, "jitter_mean_ms"), "", "us"});
    for (const auto& b : list(c, "beyond"))
      table.add({text(c, "call"), text(b, "stream"), count(b, "leg"), text(b, "interface"),
                 text(b, "ssrc"), "", "", "", count(b, "lost_beyond"), "", "", "",
                 ms_text(b, "jitter_ms"), ms_text(b, "round_trip_ms"), "far end's RTCP"});
  }
  if (!table.empty()) print("\n" + table.to_string());
}

// How far ends say that they hear what we sent.
void print_heard(const json& calls) {
  Table table({"CALL", "STREAM", ">LEG", "INTERFACE", "SSRC", ">LOSS %", ">DISCARDED %",
               ">BURST MS", ">GAP MS", ">BUFFER MS", ">ROUND TRIP MS", ">R", ">MOS LQ", ">MOS CQ",
               "MEASURED BY"});
  for (const auto& c : calls) {
    for (const auto& x : list(c, "xr")) {
      if (!x.contains("loss_rate")) continue;  // statistics alone: in the document
      table.add({text(c, "call"), text(x, "stream"), count(x, "leg"), text(x, "interface"),
                 text(x, "ssrc"), percent_text(x, "loss_rate"), percent_text(x, "discard_rate"),
                 number_text(x, "burst_duration_ms", 0), number_text(x, "gap_duration_ms", 0),
                 number_text(x, "jitter_buffer_ms", 0), number_text(x, "round_trip_ms", 0),
                 number_text(x, "r_factor", 0), number_text(x, "mos_lq", 1),
                 number_text(x, "mos_cq", 1), "far end's XR"});
    }
  }
  if (!table.empty()) print("\n" + table.to_string());
}

void print_minutes(const json& calls) {
  Table table({"CALL", "MINUTE", "STREAM", ">LEG", "INTERFACE", "SSRC", ">EXPECTED", ">RECEIVED",
               ">LOST", ">BY US"});
  for (const auto& c : calls) {
    for (const auto& m : list(c, "minutes"))
      table.add({text(c, "call"), time_text(m, "minute"), text(m, "stream"), count(m, "leg"),
                 text(m, "interface"), text(m, "ssrc"), count(m, "expected"), count(m, "received"),
                 count(m, "lost"), count(m, "lost_by_us")});
  }
  if (!table.empty()) print("\n" + table.to_string());
}

// Only of streams whose packets did not all come with the mark that we expect.
void print_marks(const json& calls) {
  Table table({"CALL", "STREAM", ">LEG", "INTERFACE", "SSRC", ">DSCP FIRST", ">NEWEST", ">EXPECTED",
               ">UNMARKED", ">RE-MARKED"});
  for (const auto& c : calls) {
    for (const auto& s : list(c, "streams")) {
      if (whole(s, "unmarked") == 0 && whole(s, "remarked") == 0) continue;
      const json expected = s.value("dscp_expected", json());
      table.add({text(c, "call"), text(s, "stream"), count(s, "leg"), text(s, "interface"),
                 text(s, "ssrc"), count(s, "dscp_in_first"), count(s, "dscp_in"),
                 expected.is_number() ? expected.dump() : "the first", count(s, "unmarked"),
                 count(s, "remarked")});
    }
  }
  if (!table.empty()) print("\n" + table.to_string());
}

void print_drops(const json& calls) {
  Table table({"CALL", "STREAM", ">LEG", "INTERFACE", "DROPPED BECAUSE", ">PACKETS"});
  for (const auto& c : calls) {
    for (const auto& d : list(c, "drops"))
      table.add({text(c, "call"), text(d, "stream"), count(d, "leg"), text(d, "interface"),
                 text(d, "reason"), count(d, "packets")});
  }
  if (!table.empty()) print("\n" + table.to_string());
}

// How the calls of the rows above ended; the commonest first.
void print_ends(const json& calls) {
  std::map<std::string, size_t> times;
  for (const auto& call : calls)
    if (!call.value("live", false)) ++times[text(call, "end")];
  if (times.empty()) return;
  std::vector<std::pair<std::string, size_t>> ends(times.begin(), times.end());
  std::stable_sort(ends.begin(), ends.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string line;
  for (const auto& [name, count] : ends)
    line += (line.empty() ? "" : ", ") + name + " " + std::to_string(count);
  print("Of these calls ended: " + line + "\n");
}

void print_report(const json& calls, bool minutes) {
  if (calls.empty()) return print("no calls\n");
  print_calls(calls);
  print_streams(calls);
  print_heard(calls);
  print_marks(calls);
  print_drops(calls);
  if (minutes) print_minutes(calls);
  print(
      "\nLOST was counted at our port, on the way to us. BEYOND US, and what is measured by the "
      "far end's\nRTCP, was lost on the way from us; - stands where it sends no reports. BY US "
      "came to us and went\nno further, or was missed while the dataplane was down; without "
      "wrong_source, which came from\nanother address or port than the call's media. LOST and LOSS "
      "% are - for a call of whose media\nnothing came to us.\n");
  print_ends(calls);
}

// One page after the other; the first document, with the calls of all of them.
void run_loss(Context& context, const LossOptions& options) {
  std::string query = "/api/report/loss?limit=" + std::to_string(options.limit);
  for (const auto& [name, given] : {std::pair{"since", options.since}, {"until", options.until}}) {
    if (given.empty()) continue;
    const auto ms = unix_ms_of(given, unix_ms_now());
    if (!ms) return context.fail(kWrongUse, std::string("--") + name + " " + given + ": " + kTimes);
    query.append("&").append(name).append("=").append(std::to_string(*ms));
  }
  if (options.call.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos ||
      options.call.size() > 16)
    return context.fail(kWrongUse, "--call " + options.call + ": a call has 16 hex digits");
  if (!options.call.empty()) query += "&call=" + options.call;
  auto document = context.ask("GET", query);
  if (!document) return;
  json calls = list(*document, "calls");
  json next = document->value("next", json());
  while (options.all && next.is_number_integer()) {
    const auto page = context.ask("GET", query + "&before=" + next.dump());
    if (!page) return;
    for (const auto& call : list(*page, "calls")) calls.push_back(call);
    next = page->value("next", json());
  }
  if (options.as_csv) return print_csv(calls);
  if (!options.as_json) {
    print_report(calls, options.minutes);
    return print(waiting_text(*document));
  }
  if (options.all) {
    document->erase("next");
    document->erase("totals");  // of the first page only; the rows have all
  }
  (*document)["calls"] = std::move(calls);
  print_json(*document);
}

}  // namespace

void add_loss_command(CLI::App& report, Context& context) {
  auto* loss = report.add_subcommand("loss", "what each call lost, from holdfastd's records");
  auto options = std::make_shared<LossOptions>();
  loss->add_option("--since", options->since, kTimes);
  loss->add_option("--until", options->until, kTimes);
  loss->add_option("--call", options->call, "one call, by its key");
  loss->add_option("--limit", options->limit, "newest calls, of one page")
      ->check(CLI::Range(uint32_t{1}, kMaxCalls))
      ->capture_default_str();
  loss->add_flag("--all", options->all, "every page");
  loss->add_flag("--minutes", options->minutes, "with a table of losses per minute");
  auto* json_flag = loss->add_flag("--json", options->as_json, "print one JSON document");
  loss->add_flag("--csv", options->as_csv, "print CSV (RFC 4180)")->excludes(json_flag);
  loss->callback([&context, options] { run_loss(context, *options); });
}

}  // namespace holdfast::cli
