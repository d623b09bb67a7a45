// SPDX-License-Identifier: Apache-2.0
// holdfast provision: what the provision proxy keeps, who fetched it, and what to do about it.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "control/cli/command.hh"
#include "control/cli/daemon_client.hh"
#include "control/cli/documents.hh"
#include "control/cli/table.hh"

namespace holdfast::cli {
namespace {

using nlohmann::json;

struct ProvisionOptions {
  std::string socket = "/run/holdfast/provision.sock";
  std::string path, origin, user_agent, phone;
  bool as_json = false;
};

std::string escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '/' || c == '.' || c == '-' || c == '_';
    const auto byte = static_cast<unsigned char>(c);
    if (plain) {
      out += c;
    } else {
      out.append("%").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    }
  }
  return out;
}

std::optional<json> ask(Context& context, const ProvisionOptions& options, const char* method,
                        const std::string& target) {
  // A file is warmed for many phones.
  auto answer =
      ask_daemon(options.socket, method, target, std::chrono::seconds(600), "holdfast-provision");
  if (answer) return std::move(answer).value();
  context.fail(kDidNotHold, answer.error().message);
  return std::nullopt;
}

std::string addresses_of(const json& listener) {
  std::string all;
  for (const auto& address : list(listener, "addresses"))
    if (address.is_string()) all += (all.empty() ? "" : " ") + address.get<std::string>();
  return all;
}

void print_listeners(const json& status) {
  Table table({"LISTENER", "PROTOCOL", "ORIGIN"});
  for (const auto& l : list(status, "listeners"))
    table.add({addresses_of(l), l.value("tls", false) ? "https" : "http", text(l, "origin")});
  for (const auto& t : list(status, "tftp"))
    table.add({addresses_of(t), "tftp", text(t, "origin")});
  print("\n" + table.to_string());
}

// Transfers of each TFTP listener, and by name what became of those that were not read to the end.
void print_tftp(const json& status) {
  const auto& fronts = list(status, "tftp");
  if (fronts.empty()) return;
  Table table({"TFTP", ">UNDER WAY", ">STARTED", ">DONE", ">BLOCKS", ">SENT AGAIN", ">KIB"});
  Table trouble({"TFTP", "WHAT", "WHY", ">COUNT"});
  bool any = false;
  for (const auto& t : fronts) {
    const auto where = addresses_of(t);
    const json ends = t.value("ends", json::object());
    const auto whole_text = [](const json& object, const char* member) {
      return std::to_string(whole(object, member));
    };
    table.add({where, whole_text(t, "under_way"), whole_text(t, "started"),
               std::to_string(whole(ends, "done") + whole(ends, "unconfirmed")),
               whole_text(t, "blocks_sent"), whole_text(t, "blocks_resent"),
               std::to_string(whole(t, "bytes") / 1024)});
    for (const char* kind : {"ends", "failures", "refusals", "rejects"}) {
      const json counted = t.value(kind, json::object());
      for (const auto& [name, count] : counted.items()) {
        if (name == "done") continue;
        trouble.add({where, kind, name, count.dump()});
        any = true;
      }
    }
  }
  print("\n" + table.to_string());
  if (any) print("\n" + trouble.to_string());
}

// What became of requests before they were any, by name.
void print_seen(const json& status) {
  Table seen({"LISTENER", "SAW", ">COUNT"});
  for (const auto& l : list(status, "listeners")) {
    const json counts = l.value("counts", json::object());
    for (const auto& [what, count] : counts.items())
      seen.add({addresses_of(l), what, count.dump()});
  }
  if (!seen.empty()) print("\n" + seen.to_string());
}

// The breaker's state in words of this side of it.
std::string reachability(const std::string& state) {
  if (state == "closed") return "reachable";
  return state == "half_open" ? "away, being tried" : "away";
}

// What the owner check has decided, by name.
void print_verdicts(const json& status) {
  Table verdicts({"ORIGIN", "OWNER CHECK", ">COUNT"});
  for (const auto& o : list(status, "origins")) {
    const json counted = o.value("owner_verdicts", json::object());
    for (const auto& [name, count] : counted.items())
      verdicts.add({text(o, "name"), name, count.dump()});
  }
  if (!verdicts.empty()) print("\n" + verdicts.to_string());
}

// The phone of a file or an upload; a star where it is for those who give credentials.
std::string phone_text(const json& row) {
  return text(row, "phone") + (row.value("credentials", false) ? " *" : "");
}

void print_status(const json& status) {
  Table origins(
      {"ORIGIN", "URL", "STATE", "REASON", "PROFILE", "STORE", "SERVE STALE", "OWNER CHECK"});
  for (const auto& o : list(status, "origins"))
    origins.add({text(o, "name"), text(o, "url"), reachability(text(o, "state")),
                 text(o, "state") == "closed" ? "" : text(o, "reason"), text(o, "profile"),
                 text(o, "store"), text(o, "serve_stale"), text(o, "owner_check")});
  print(origins.to_string());
  print_listeners(status);
  const json store = status.value("store", json::object());
  print("\nstore: " + std::to_string(whole(store, "files")) + " files, " +
        std::to_string(whole(store, "bytes") / 1024) + " KiB of " +
        std::to_string(whole(store, "max_bytes") / 1024) + "; " +
        (text(store, "state") == "none" ? "good" : text(store, "state")) + "; bodies damaged " +
        std::to_string(whole(store, "damaged")) + ", missing " +
        std::to_string(whole(store, "missing")) + "\n");
  const json uploads = status.value("uploads", json::object());
  print("uploads that wait: " + std::to_string(whole(uploads, "waiting")) + " and " +
        std::to_string(whole(uploads, "logs")) + " logs, " +
        std::to_string(whole(uploads, "bytes") / 1024) + " KiB; logs dropped " +
        std::to_string(whole(uploads, "logs_dropped")) + ", damaged " +
        std::to_string(whole(uploads, "damaged")) + "\n\n");
  Table counts({"ANSWERS", ">COUNT"});
  const json counted = status.value("counts", json::object());
  for (const auto& [name, count] : counted.items()) counts.add({name, count.dump()});
  print(counts.to_string());
  print_verdicts(status);
  print_seen(status);
  print_tftp(status);
  const auto& alarms = list(status, "alarms");
  if (alarms.empty()) return;
  Table table({"ALARM", "SUBJECT", "DETAIL", ">TIMES", "LAST", "OVER"});
  for (const auto& a : alarms)
    table.add({text(a, "kind"), text(a, "subject"), text(a, "detail"),
               std::to_string(whole(a, "times")), time_text(a, "last"), time_text(a, "ended")});
  print("\n" + table.to_string());
}

void print_files(const json& document) {
  Table table({"ORIGIN", "PATH", "PHONE", ">STATUS", ">BYTES", ">GENERATION", "FETCHED", "STATE"});
  bool credentials = false;
  for (const auto& f : list(document, "files")) {
    credentials = credentials || f.value("credentials", false);
    table.add({text(f, "origin"), text(f, "path"), phone_text(f),
               std::to_string(whole(f, "status")), std::to_string(whole(f, "bytes")),
               std::to_string(whole(f, "generation")), time_text(f, "fetched"),
               f.value("distrusted", false)  ? "rolled back"
               : f.value("last_good", false) ? "last good"
                                             : ""});
  }
  print(table.to_string());
  if (credentials) print("* given for credentials, and to these alone\n");
  if (document.value("more", false)) print("there are more: show PATH or --origin names fewer\n");
}

std::string of_origin(const ProvisionOptions& options) {
  return options.origin.empty() ? "" : "&origin=" + escaped(options.origin);
}

void run_show(Context& context, const ProvisionOptions& options) {
  const auto answer =
      ask(context, options, "GET", "/files?path=" + escaped(options.path) + of_origin(options));
  if (!answer) return;
  const auto& files = list(*answer, "files");
  if (files.empty()) return context.fail(kDidNotHold, "nothing is kept of " + options.path);
  if (options.as_json) return print_json(*answer);
  print_files(*answer);
  Table fetches({"PHONE", "USER AGENT", ">STATUS", ">TIMES", "LAST"});
  for (const auto& f : files)
    for (const auto& fetch : list(f, "fetches"))
      fetches.add({text(fetch, "phone"), text(fetch, "user_agent"),
                   std::to_string(whole(fetch, "status")), std::to_string(whole(fetch, "count")),
                   time_text(fetch, "last")});
  print("\n" + fetches.to_string());
}

void run_uploads(Context& context, const ProvisionOptions& options) {
  const auto answer = ask(context, options, "GET", "/uploads");
  if (!answer) return;
  if (options.as_json) return print_json(*answer);
  Table table({">NUMBER", "KIND", "PHONE", "METHOD", "PATH", ">BYTES", "AT"});
  for (const auto& u : list(*answer, "uploads"))
    table.add({std::to_string(whole(u, "number")), text(u, "kind"), phone_text(u),
               text(u, "method"), text(u, "path"), std::to_string(whole(u, "bytes")),
               time_text(u, "at")});
  print(table.to_string());
}

void run_phones(Context& context, const ProvisionOptions& options) {
  const auto answer = ask(context, options, "GET", "/phones");
  if (!answer) return;
  if (options.as_json) return print_json(*answer);
  Table table({"PHONE", "USER AGENT", "LAST FILE", ">STATUS", "LAST"});
  for (const auto& p : list(*answer, "phones"))
    table.add({text(p, "phone"), text(p, "user_agent"), text(p, "last_path"),
               std::to_string(whole(p, "last_status")), time_text(p, "last")});
  print(table.to_string());
}

// What a command did, a row for each origin or copy.
void print_change(const json& answer, const std::string& what) {
  if (what == "purge")
    return print(std::to_string(whole(answer, "purged")) + " copies forgotten\n");
  Table table = what == "warm"    ? Table({"ORIGIN", "PHONE", ">STATUS", ">BYTES", "HOW"})
                : what == "trust" ? Table({"ORIGIN", ">BODIES TRUSTED", "RESULT"})
                                  : Table({"ORIGIN", ">BACK", ">WITHHELD", ">OTHERS", "RESULT"});
  const auto count = [](const json& row, const char* member) {
    return std::to_string(whole(row, member));
  };
  for (const auto& row : list(answer, "files")) {
    const auto origin = text(row, "origin");
    if (what == "warm") {
      table.add({origin, text(row, "phone"), count(row, "status"), count(row, "bytes"),
                 text(row, "cache_status")});
    } else if (what == "trust") {
      table.add({origin, count(row, "bodies"), text(row, "result")});
    } else {
      table.add({origin, count(row, "back"), count(row, "withheld"), count(row, "untouched"),
                 text(row, "result")});
    }
  }
  print(table.to_string());
  if (whole(answer, "need_credentials") > 0)
    print(count(answer, "need_credentials") +
          " copies left out: only phones have the credentials\n");
}

void run_change(Context& context, const ProvisionOptions& options, const std::string& what) {
  std::string target = "/" + what + "?path=" + escaped(options.path) + of_origin(options);
  if (!options.user_agent.empty()) target += "&user-agent=" + escaped(options.user_agent);
  if (!options.phone.empty()) target += "&phone=" + escaped(options.phone);
  const auto answer = ask(context, options, "POST", target);
  if (!answer) return;
  if (options.as_json) {
    print_json(*answer);
  } else {
    print_change(*answer, what);
  }
  if (const auto trouble = text(*answer, "trouble"); !trouble.empty())
    context.fail(kDidNotHold, trouble);
}

}  // namespace

void add_provision_commands(CLI::App& app, Context& context) {
  auto* provision = app.add_subcommand("provision", "files that phones boot with");
  provision->require_subcommand(1);
  auto options = std::make_shared<ProvisionOptions>();
  provision->add_option("--provision-socket", options->socket, "socket of holdfast-provision")
      ->capture_default_str();
  const auto add = [&](const char* name, const char* help, auto run) {
    auto* command = provision->add_subcommand(name, help);
    command->callback([&context, options, run] { run(context, *options); });
    return command;
  };
  const auto with_json = [&](CLI::App* command) {
    command->add_flag("--json", options->as_json, "print the document");
  };
  const auto with_path = [&](CLI::App* command) {
    command->add_option("PATH", options->path, "file, as phones ask for it: /sip.cfg")->required();
  };
  const auto with_origin = [&](CLI::App* command) {
    command->add_option("--origin", options->origin, "of this origin alone");
  };
  with_json(add("status", "origins, listeners, the store, answers, TFTP, alarms",
                [](Context& c, const ProvisionOptions& o) {
                  const auto answer = ask(c, o, "GET", "/status");
                  if (!answer) return;
                  if (o.as_json) return print_json(*answer);
                  print_status(*answer);
                }));
  auto* listed = add("list", "files that are kept", [](Context& c, const ProvisionOptions& o) {
    const auto answer = ask(c, o, "GET", "/files?path=" + of_origin(o));
    if (!answer) return;
    if (o.as_json) return print_json(*answer);
    print_files(*answer);
  });
  with_json(listed);
  with_origin(listed);
  auto* show = add("show", "generations of a file, and who fetched it", run_show);
  with_json(show);
  with_path(show);
  with_origin(show);
  with_json(add("phones", "phones, and the firmware that each says it has", run_phones));
  with_json(add("uploads", "what phones wrote and the centre does not have yet", run_uploads));
  const auto changing = [&](const char* name, const char* help) {
    auto* command =
        add(name, help, [what = std::string(name)](Context& c, const ProvisionOptions& o) {
          run_change(c, o, what);
        });
    with_path(command);
    with_json(command);
    with_origin(command);
    return command;
  };
  auto* warm = changing("warm", "fetches a file now, for each phone that is known to have it");
  warm->add_option("--phone", options->phone, "MAC of the one for which it is fetched");
  warm->add_option("--user-agent", options->user_agent, "as a phone would say");
  changing("purge", "forgets all copies of a file");
  changing("rollback", "back to the generation before; the newer one is refused from now on");
  changing("trust", "takes a rollback back");
}

}  // namespace holdfast::cli
