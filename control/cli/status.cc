// SPDX-License-Identifier: Apache-2.0
// holdfast status: both daemons; ports and their books, lcores, legs, calls, records.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "control/cli/command.hh"
#include "control/cli/daemon_client.hh"
#include "control/cli/documents.hh"
#include "control/cli/table.hh"

namespace holdfast::cli {
namespace {

using control::StatusReport;
using nlohmann::json;

void print_ports(const StatusReport& status) {
  Table ports({"PORT", "TAKE", "DRIVER", "DEVICE", "LINK", ">IN", ">RELAYED", ">TO KERNEL",
               ">DROPPED", ">FROM KERNEL", ">OUT"});
  Table drops({"PORT", "DROPPED BECAUSE", ">PACKETS"});
  for (const auto& p : status.ports) {
    ports.add({p.name, p.take, p.driver, p.device, p.link, std::to_string(p.rx),
               std::to_string(p.relayed), std::to_string(p.to_kernel), std::to_string(p.dropped()),
               std::to_string(p.from_kernel), std::to_string(p.tx)});
    for (const auto& d : p.drops) drops.add({p.name, d.name, std::to_string(d.count)});
    for (const auto& d : p.tx_drops)
      drops.add({p.name, "sending: " + d.name, std::to_string(d.count)});
  }
  print("\n" + ports.to_string());
  if (!drops.empty()) print("\n" + drops.to_string());
}

// Pairs of media ports, and calls for which there was none.
void print_media_ports(const StatusReport& status) {
  Table ports({"PORT", ">MEDIA PORTS", ">LENT", ">RESTING"});
  for (const auto& p : status.ports) {
    const auto& media = p.media_ports;
    ports.add({p.name, std::to_string(media.pairs), std::to_string(media.lent),
               std::to_string(media.resting)});
  }
  print("\n" + ports.to_string());
  Table refused({"CALLS REFUSED BECAUSE", ">TIMES"});
  for (const auto& [name, count] : status.refused) refused.add({name, std::to_string(count)});
  if (!refused.empty()) print("\n" + refused.to_string());
}

// Counters are read while packets pass, so that a busy port may be off by those under way.
void print_books(const StatusReport& status) {
  std::string off;
  for (const auto& p : status.ports) {
    if (p.balanced()) continue;
    const uint64_t known = p.relayed + p.to_kernel + p.dropped();
    off += (off.empty() ? "" : "; ") + p.name + ": " + std::to_string(p.rx) + " in, " +
           std::to_string(known) + " accounted for";
  }
  print(off.empty() ? "\nThe books balance: in = relayed + to kernel + dropped, on every port.\n"
                    : "\nThe books do not balance: " + off + "\n");
}

void print_status(const StatusReport& status) {
  print("holdfast-dataplane " + status.version + ", pid " + std::to_string(status.pid) + ", up " +
        duration_text(status.uptime_s) + ", legs " + std::to_string(status.legs_in_use) + " of " +
        std::to_string(status.legs_max) + ", huge pages " + (status.huge_pages ? "yes" : "no") +
        "\n");
  if (!status.srtp.name.empty()) {
    print("SRTP by " + status.srtp.name + ", since " + status.srtp.why +
          "; legs with it: " + std::to_string(status.srtp.legs) + "\n");
  } else if (!status.srtp.why.empty()) {
    print("no SRTP: " + status.srtp.why + "\n");
  }
  if (status.resumed) {
    const auto& resumed = *status.resumed;
    print("resumed " + std::to_string(resumed.calls) + " calls of the dataplane before, " +
          std::to_string(resumed.refused) + " refused; down " + std::to_string(resumed.down_ms) +
          " ms\n");
  }
  for (const auto& warning : status.warnings) print("warning: " + warning + "\n");
  print_ports(status);
  print_books(status);
  print_media_ports(status);
  Table lcores({">CPU", ">POLLS", ">IDLE %", ">HEAP BYTES SINCE START"});
  for (const auto& l : status.lcores) {
    lcores.add({std::to_string(l.cpu), std::to_string(l.polls), decimal(100 * l.idle_ratio, 1),
                std::to_string(l.heap_allocated_bytes)});
  }
  print("\n" + lcores.to_string());
}

json document_of(const StatusReport& status) {
  auto document = control::to_json(status);
  for (size_t i = 0; i < status.ports.size(); ++i)
    document["ports"][i]["balanced"] = status.ports[i].balanced();
  return document;
}

void print_daemon(const json& d) {
  const json media = d.value("media", json::object()), records = d.value("records", json::object());
  const json servers = d.value("upstreams", json::object());
  print("holdfastd " + text(d, "version") + ", pid " + std::to_string(whole(d, "pid")) + ", up " +
        seconds_text(d, "uptime_s") + (d.value("draining", false) ? ", draining" : "") + "\n");
  for (const auto& warning : list(d, "warnings"))
    if (warning.is_string()) print("warning: " + warning.get<std::string>() + "\n");
  Table table({"CENTRE", ">SERVERS UP", ">REGISTRATIONS", ">CALLS", "MEDIA", ">ANCHORED",
               ">UNANCHORED", "RECORDS", ">QUEUED", ">WRITTEN", ">DROPPED"});
  table.add(
      {text(d, "state"),
       std::to_string(whole(servers, "up")) + " of " + std::to_string(whole(servers, "known")),
       std::to_string(whole(d, "registrations")), std::to_string(whole(d, "calls")),
       text(media, "state"), std::to_string(whole(media, "calls_anchored")),
       std::to_string(whole(media, "calls_unanchored")), text(records, "state"),
       std::to_string(whole(records, "queued")), std::to_string(whole(records, "written")),
       std::to_string(whole(records, "dropped"))});
  print("\n" + table.to_string());
  if (const std::string links = links_table(d); !links.empty()) print("\n" + links);
}

// What was refused, by name: our own answers, media for which there was no port or no room, and
// messages that went no further.
void print_refusals(const json& d) {
  Table table({"ANSWERED OR REFUSED BECAUSE", ">TIMES"});
  for (const char* member : {"decisions", "counters"}) {
    const json counts = d.value(member, json::object());
    for (const auto& [name, count] : counts.items())
      if (name.starts_with("reply_") || name.starts_with("media_"))
        table.add({name, std::to_string(whole(counts, name.c_str()))});
  }
  if (!table.empty()) print("\n" + table.to_string());
  Table dropped({"SIP DROPPED BECAUSE", ">TIMES"});
  const json drops = d.value("drops", json::object());
  for (const auto& [name, count] : drops.items())
    dropped.add({name, std::to_string(whole(drops, name.c_str()))});
  if (!dropped.empty()) print("\n" + dropped.to_string());
}

// Both daemons, as far as they are there. A holdfastd that was never started is no failure of a
// machine that only relays; one that left its socket behind is.
void run_status(Context& context, bool as_json) {
  const auto daemon = ask_daemon(context.daemon_socket, "GET", "/api/status");
  const auto client = control::DataplaneClient::connect(context.socket);
  const auto status =
      client ? (*client)->status() : Result<StatusReport, control::ClientError>(client.error());
  if (!status) {
    context.fail(status.error());
    if (!daemon) return;
  } else if (!daemon && !daemon.error().absent) {
    context.fail(kDidNotHold, daemon.error().message);
  }
  if (as_json) {
    json document = status ? document_of(*status) : json::object();
    document["holdfastd"] = daemon ? *daemon : json();
    return print_json(document);
  }
  if (status) print_status(*status);
  if (daemon) {
    print(status ? "\n" : "");
    print_daemon(*daemon);
    print_refusals(*daemon);
  } else if (daemon.error().absent) {
    print("\nholdfastd has not been started (" + context.daemon_socket + " is not there)\n");
  }
}

}  // namespace

void add_status_command(CLI::App& app, Context& context) {
  auto* status = app.add_subcommand(
      "status", "both daemons: ports, lcores and legs; centre, calls and records");
  auto as_json = std::make_shared<bool>(false);
  status->add_flag("--json", *as_json, "print one JSON document");
  status->callback([&context, as_json] { run_status(context, *as_json); });
}

}  // namespace holdfast::cli
