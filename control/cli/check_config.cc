// SPDX-License-Identifier: Apache-2.0
// holdfast check-config: reads a configuration of the dataplane and says what is wrong with it.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "control/cli/command.hh"
#include "control/cli/table.hh"
#include "dataplane/config/config.hh"

namespace holdfast::cli {
namespace {

void run_check(Context& context, const std::string& path) {
  const auto config = config::load_config(path);
  if (!config) {
    const auto lines = config.error().to_string() + "\n";
    std::fwrite(lines.data(), 1, lines.size(), stderr);
    context.status = kDidNotHold;
    return;
  }
  Table table(
      {"INTERFACE", "TAKE", "DRIVER", "DEVICE", ">VLAN", "MEDIA ADDRESSES", "PORTS", ">LEGS"});
  for (const auto& i : config->interfaces) {
    std::string addresses;
    for (const auto& ip : i.media_addresses)
      addresses += (addresses.empty() ? "" : " ") + ip.to_string();
    table.add({i.name, std::string(to_string(i.take)), std::string(to_string(i.driver)), i.device,
               i.vlan == 0 ? "" : std::to_string(i.vlan), addresses,
               std::to_string(i.media_ports.first) + "-" + std::to_string(i.media_ports.last),
               std::to_string(i.leg_capacity())});
  }
  print(path + " is good: at most " + std::to_string(config->max_legs) + " legs, control socket " +
        config->control_socket + "\n\n" + table.to_string());
}

}  // namespace

void add_check_config_command(CLI::App& app, Context& context) {
  auto* check = app.add_subcommand("check-config", "check a configuration of holdfast-dataplane");
  auto path = std::make_shared<std::string>();
  check->add_option("FILE", *path, "TOML file")->required();
  check->callback([&context, path] { run_check(context, *path); });
}

}  // namespace holdfast::cli
