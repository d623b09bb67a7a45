// SPDX-License-Identifier: Apache-2.0
// holdfast calls, registrations, upstreams, drain: what holdfastd knows.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/cli/command.hh"
#include "control/cli/daemon_client.hh"
#include "control/cli/documents.hh"
#include "control/cli/table.hh"

namespace holdfast::cli {
namespace {

using nlohmann::json;

constexpr uint32_t kMaxCalls = 1000;  // of one answer

std::string words(const json& object, const char* member) {
  std::string all;
  for (const auto& word : list(object, member))
    all += (all.empty() ? "" : " ") + (word.is_string() ? word.get<std::string>() : "");
  return all;
}

// Where the call went in the end: it may have been taken over by the branch.
std::string decision_text(const json& call) {
  const std::string in_the_end = text(call, "answered_decision");
  return in_the_end.empty() ? text(call, "decision") : in_the_end;
}

void print_live(const json& calls) {
  if (calls.empty()) return print("no call lives\n");
  Table table(
      {"CALL", "PHASE", "FROM", "DIALLED", "SOURCE", "DECISION", ">AGE", ">TALKING", "NOT HEARD"});
  for (const auto& c : calls) {
    table.add({text(c, "call"), text(c, "phase"), text(c, "from"), text(c, "dialled"),
               text(c, "source"), decision_text(c), seconds_text(c, "age_s"),
               seconds_text(c, "talking_s"), words(c, "not_heard")});
  }
  print(table.to_string());
  const auto from_before = std::count_if(calls.begin(), calls.end(), [](const json& call) {
    return call.value("from_before_restart", false);
  });
  if (from_before > 0)
    print(
        "\n" + std::to_string(from_before) +
        " of these began before the restart of holdfastd: their records, and their requests since "
        "then,\ntell what is known.\n");
}

void print_records(const json& records) {
  Table table({"CALL", "BEGAN", "FROM", "DIALLED", "CALLER", "DECISION", "END", ">STATUS", "DETAIL",
               ">TALKED", "REMARKS"});
  for (const auto& r : records) {
    const auto status = whole(r, "status");
    table.add({text(r, "call"), time_text(r, "began"), text(r, "from"), text(r, "dialled"),
               text(r, "caller"), decision_text(r), text(r, "end"),
               status == 0 ? "" : std::to_string(status), text(r, "detail"),
               r.contains("talk_ms") && r["talk_ms"].is_number()
                   ? duration_text(static_cast<uint64_t>(whole(r, "talk_ms")) / 1000)
                   : "",
               words(r, "remarks")});
  }
  print("\n" + table.to_string());
}

struct CallsOptions {
  uint32_t limit = 20;
  bool live_only = false, as_json = false;
  std::string since, until;
};

void run_calls(Context& context, const CallsOptions& options) {
  std::string target = "/api/calls?limit=" + std::to_string(options.limit);
  for (const auto& [name, given] : {std::pair{"since", options.since}, {"until", options.until}}) {
    if (given.empty()) continue;
    const auto ms = unix_ms_of(given, unix_ms_now());
    if (!ms) return context.fail(kWrongUse, std::string("--") + name + " " + given + ": " + kTimes);
    target.append("&").append(name).append("=").append(std::to_string(*ms));
  }
  const auto answer = context.ask("GET", target);
  if (!answer) return;
  if (options.as_json) return print_json(*answer);
  print_live(list(*answer, "live"));
  if (!options.live_only && !list(*answer, "records").empty())
    print_records(list(*answer, "records"));
  print(waiting_text(*answer));
}

void run_registrations(Context& context, bool as_json) {
  const auto answer = context.ask("GET", "/api/registrations");
  if (!answer) return;
  if (as_json) return print_json(*answer);
  const auto& all = list(*answer, "registrations");
  if (all.empty()) return print("no registrations\n");
  Table table({"ADDRESS OF RECORD", "CONTACT", "SOURCE", "TRANSPORT", "INTERFACE", ">EXPIRES IN",
               ">CONFIRMED AGO"});
  for (const auto& r : all) {
    table.add({text(r, "aor"), text(r, "contact"), text(r, "source"), text(r, "transport"),
               text(r, "interface"), seconds_text(r, "expires_in_s"),
               seconds_text(r, "confirmed_s_ago")});
  }
  print(table.to_string());
}

void print_names(const json& names) {
  if (names.empty()) return;
  Table table({"DNS NAME", "TYPE", "IN USE", ">AGE", "LAST ERROR"});
  for (const auto& n : names) {
    std::string answers;
    for (const auto& one : list(n, "answers"))
      answers += (answers.empty() ? "" : ", ") + (one.is_string() ? one.get<std::string>() : "");
    table.add({text(n, "name"), text(n, "type"),
               answers + (n.value("from_disk", false) ? " (from disk)" : ""),
               seconds_text(n, "age_s"), text(n, "error")});
  }
  print("\n" + table.to_string());
}

void run_upstreams(Context& context, bool as_json) {
  const auto answer = context.ask("GET", "/api/upstreams");
  if (!answer) return;
  if (as_json) return print_json(*answer);
  print("the branch is in state " + text(*answer, "state") + " since " +
        seconds_text(*answer, "state_since_s") + "\n\n");
  Table servers({"SERVER", "ADDRESS", "TRANSPORT", ">PRIORITY", "STATE", "WHY"});
  for (const auto& s : list(*answer, "servers"))
    servers.add({text(s, "host"), text(s, "address"), text(s, "transport"),
                 std::to_string(whole(s, "priority")), text(s, "state"), text(s, "why")});
  print(servers.empty() ? "no server of the centre is known\n" : servers.to_string());
  if (const std::string links = links_table(*answer); !links.empty()) print("\n" + links);
  const auto& transitions = list(*answer, "transitions");
  if (!transitions.empty()) {
    Table table({"WHEN", "FROM", "TO", "BECAUSE"});
    for (const auto& t : transitions)
      table.add({time_text(t, "time"), text(t, "from"), text(t, "to"), text(t, "text")});
    print("\n" + table.to_string());
  }
  if (answer->contains("names")) print_names(list((*answer)["names"], "names"));
}

void run_events(Context& context, bool as_json) {
  const auto answer = context.ask("GET", "/api/events");
  if (!answer) return;
  if (as_json) return print_json(*answer);
  const auto& events = list(*answer, "events");
  if (events.empty()) return print("nothing happened to the media of any call\n");
  Table table({"WHEN", "CALL", "EVENT", "WHAT HAPPENED"});
  for (const auto& e : events)
    table.add({time_text(e, "time"), text(e, "call"), text(e, "event"), text(e, "text")});
  print(table.to_string());
}

void run_drain(Context& context, bool off) {
  const auto answer = context.ask("POST", off ? "/api/drain?on=0" : "/api/drain?on=1");
  if (!answer) return;
  print(off ? "holdfastd takes new calls again\n"
            : "holdfastd takes no new calls, and ends with the last one that lives\n");
}

}  // namespace

void add_sip_commands(CLI::App& app, Context& context) {
  auto* calls = app.add_subcommand("calls", "calls that live, and the newest records");
  auto options = std::make_shared<CallsOptions>();
  calls->add_option("--limit", options->limit, "records")
      ->check(CLI::Range(uint32_t{1}, kMaxCalls))
      ->capture_default_str();
  calls->add_option("--since", options->since, kTimes);
  calls->add_option("--until", options->until, kTimes);
  calls->add_flag("--live", options->live_only, "without records");
  calls->add_flag("--json", options->as_json, "print one JSON document");
  calls->callback([&context, options] { run_calls(context, *options); });

  auto* registrations = app.add_subcommand("registrations", "phones that are registered");
  auto registrations_json = std::make_shared<bool>(false);
  registrations->add_flag("--json", *registrations_json, "print one JSON document");
  registrations->callback(
      [&context, registrations_json] { run_registrations(context, *registrations_json); });

  auto* upstreams =
      app.add_subcommand("upstreams", "servers of the centre, their health and names");
  auto upstreams_json = std::make_shared<bool>(false);
  upstreams->add_flag("--json", *upstreams_json, "print one JSON document");
  upstreams->callback([&context, upstreams_json] { run_upstreams(context, *upstreams_json); });

  auto* events = app.add_subcommand("events", "calls that were heard on one side only, or on none");
  auto events_json = std::make_shared<bool>(false);
  events->add_flag("--json", *events_json, "print one JSON document");
  events->callback([&context, events_json] { run_events(context, *events_json); });

  auto* drain = app.add_subcommand("drain", "take no new calls, end with the last one");
  auto off = std::make_shared<bool>(false);
  drain->add_flag("--off", *off, "take new calls again");
  drain->callback([&context, off] { run_drain(context, *off); });
}

}  // namespace holdfast::cli
