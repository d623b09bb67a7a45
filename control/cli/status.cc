// SPDX-License-Identifier: Apache-2.0
// holdfast status: ports and their books, lcores, legs.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "control/cli/command.hh"
#include "control/cli/table.hh"

namespace holdfast::cli {
namespace {

using control::StatusReport;

std::string duration(uint64_t seconds) {
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return std::to_string(seconds / 60) + " min";
  if (seconds < 86400)
    return std::to_string(seconds / 3600) + " h " + std::to_string(seconds / 60 % 60) + " min";
  return std::to_string(seconds / 86400) + " d " + std::to_string(seconds / 3600 % 24) + " h";
}

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
        duration(status.uptime_s) + ", legs " + std::to_string(status.legs_in_use) + " of " +
        std::to_string(status.legs_max) + ", huge pages " + (status.huge_pages ? "yes" : "no") +
        "\n");
  for (const auto& warning : status.warnings) print("warning: " + warning + "\n");
  print_ports(status);
  print_books(status);
  Table lcores({">CPU", ">POLLS", ">IDLE %", ">HEAP BYTES SINCE START"});
  for (const auto& l : status.lcores) {
    lcores.add({std::to_string(l.cpu), std::to_string(l.polls), decimal(100 * l.idle_ratio, 1),
                std::to_string(l.heap_allocated_bytes)});
  }
  print("\n" + lcores.to_string());
}

void run_status(Context& context, bool as_json) {
  const auto client = context.connect();
  if (!client) return;
  const auto status = client->status();
  if (!status) return context.fail(status.error());
  if (!as_json) return print_status(*status);
  auto document = control::to_json(*status);
  for (size_t i = 0; i < status->ports.size(); ++i) {
    document["ports"][i]["balanced"] = status->ports[i].balanced();
  }
  print_json(document);
}

}  // namespace

void add_status_command(CLI::App& app, Context& context) {
  auto* status = app.add_subcommand("status", "ports, their counters, lcores and legs");
  auto as_json = std::make_shared<bool>(false);
  status->add_flag("--json", *as_json, "print one JSON document");
  status->callback([&context, as_json] { run_status(context, *as_json); });
}

}  // namespace holdfast::cli
