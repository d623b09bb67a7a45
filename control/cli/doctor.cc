// SPDX-License-Identifier: Apache-2.0
// holdfast doctor: what this machine can do for the appliance, and what should be mended.
#include "control/doctor/doctor.hh"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "control/cli/command.hh"
#include "control/cli/table.hh"

namespace holdfast::cli {
namespace {

struct Asked {
  std::string config = "/etc/holdfast/holdfast.toml";
  bool config_given = false;
  bool as_json = false;
};

void print_rows(const std::vector<doctor::Row>& rows) {
  Table table({"WHAT", "", "STATE", "WHY", "WHAT TO DO"});
  for (const auto& row : rows)
    table.add({row.group, row.name, std::string(to_string(row.state)), row.why, row.todo});
  print(table.to_string());
}

nlohmann::json document_of(const std::vector<doctor::Row>& rows, bool configured) {
  auto list = nlohmann::json::array();
  for (const auto& row : rows) {
    list.push_back({{"group", row.group},
                    {"name", row.name},
                    {"state", to_string(row.state)},
                    {"why", row.why},
                    {"todo", row.todo},
                    {"needed", row.needed}});
  }
  return {{"state", to_string(doctor::verdict(rows))},
          {"configured", configured},
          {"rows", std::move(list)}};
}

void run(Context& context, const Asked& asked) {
  std::optional<config::SiteConfig> site;
  if (asked.config_given || std::filesystem::exists(asked.config)) {
    auto loaded = config::load_site(asked.config);
    if (!loaded) return context.fail(kDidNotHold, loaded.error().to_string());
    site = std::move(loaded).value();
  }
  const auto rows = doctor::examine(doctor::real_machine(), site ? &*site : nullptr);
  if (asked.as_json) {
    print_json(document_of(rows, site.has_value()));
  } else {
    print_rows(rows);
    if (!site) print("\nWithout a configuration: " + asked.config + " is not there.\n");
  }
  if (!doctor::can_start(rows)) context.status = kDidNotHold;
}

}  // namespace

void add_doctor_command(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand(
      "doctor", "which drivers this machine can use, and what should be mended; changes nothing");
  auto asked = std::make_shared<Asked>();
  auto* config =
      command->add_option("-c,--config", asked->config, "TOML file; checked too when it is there")
          ->capture_default_str();
  command->add_flag("--json", asked->as_json, "print one JSON document");
  command->footer(
      "Exit status: 0 a start on the configuration can be expected to succeed, warnings or not; 1 "
      "something that it needs is not usable; 2 wrong use.");
  command->callback([&context, asked, config] {
    asked->config_given = config->count() > 0;
    run(context, *asked);
  });
}

}  // namespace holdfast::cli
