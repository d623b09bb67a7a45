// SPDX-License-Identifier: Apache-2.0
// holdfast dhcp-options: what the branch's DHCP server must hand out so that phones boot through
// this box.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "control/cli/command.hh"
#include "control/cli/dhcp_facts.hh"
#include "control/cli/dhcp_rows.hh"
#include "control/cli/table.hh"
#include "control/config/site_config.hh"

namespace holdfast::cli {
namespace {

constexpr const char* kConfig = "/etc/holdfast/holdfast.toml";

struct Asked {
  std::string config = kConfig, interface, url, tftp;
  uint16_t vlan = 0;
  bool config_given = false, vlan_given = false;
  std::string format = "table";
  bool as_json = false;
};

// What the flags leave open is in the file; without one, the flags are all there is. None after
// fail().
std::optional<DhcpFacts> facts_for(Context& context, const Asked& asked, const DhcpGiven& given) {
  if (!asked.config_given && !std::filesystem::exists(asked.config))
    return DhcpFacts{given.url.value_or(""), given.tftp, given.vlan.value_or(0)};
  const auto site = config::load_site(asked.config);
  if (!site) {
    context.fail(kDidNotHold, site.error().to_string());
    return std::nullopt;
  }
  auto facts = dhcp_facts(*site, asked.interface, given);
  if (!facts) {
    context.fail(kWrongUse, asked.config + ": " + facts.error());
    return std::nullopt;
  }
  return std::move(facts).value();
}

void print_table(const std::vector<DhcpRow>& rows) {
  Table table({">OPTION", "VALUE", "PHONES", "PURPOSE"});
  for (const auto& row : rows)
    table.add({std::to_string(row.code), row.value,
               row.vendor_class.empty() ? "all" : "vendor class " + row.vendor_class,
               std::string(row.purpose)});
  print(table.to_string());
}

nlohmann::json document_of(const std::vector<DhcpRow>& rows) {
  auto list = nlohmann::json::array();
  for (const auto& row : rows) {
    list.push_back({{"code", row.code}, {"value", row.value}, {"purpose", row.purpose}});
    if (!row.vendor_class.empty()) list.back()["vendor_class"] = row.vendor_class;
  }
  return {{"options", std::move(list)}};
}

void run(Context& context, const Asked& asked) {
  DhcpGiven given;
  if (!asked.url.empty()) given.url = asked.url;
  if (!asked.tftp.empty()) {
    given.tftp = IpAddress::parse(asked.tftp);
    if (!given.tftp) return context.fail(kWrongUse, "--tftp takes an IPv4 address");
  }
  if (asked.vlan_given) given.vlan = asked.vlan;
  const auto facts = facts_for(context, asked, given);
  if (!facts) return;
  if (const auto wrong = wrong_with(*facts); !wrong.empty()) return context.fail(kWrongUse, wrong);
  const auto rows = dhcp_options(*facts);
  if (asked.as_json) {
    print_json(document_of(rows));
  } else if (asked.format == "dnsmasq") {
    print(dnsmasq_lines(rows));
  } else if (asked.format == "kea") {
    print_json(kea_fragment(rows));
  } else {
    print_table(rows);
  }
}

}  // namespace

void add_dhcp_options_command(CLI::App& app, Context& context) {
  auto* command =
      app.add_subcommand("dhcp-options", "what the branch's DHCP server must hand out to phones");
  auto asked = std::make_shared<Asked>();
  auto* config = command
                     ->add_option("-c,--config", asked->config,
                                  "TOML file; what the options below leave out is read from it")
                     ->capture_default_str();
  command->add_option("--interface", asked->interface, "the one that phones are at");
  command->add_option("--url", asked->url, "of the provision listener (option 160)");
  command->add_option("--tftp", asked->tftp, "IPv4 address of this box (options 66 and 67)");
  auto* vlan = command->add_option("--vlan", asked->vlan, "of the voice (option 132); 0: none")
                   ->check(CLI::Range(0, 4094));
  auto* format = command->add_option("--format", asked->format, "of what is printed")
                     ->check(CLI::IsMember({"table", "dnsmasq", "kea"}))
                     ->capture_default_str();
  command->add_flag("--json", asked->as_json, "print one JSON document")->excludes(format);
  command->callback([&context, asked, config, vlan] {
    asked->config_given = config->count() > 0;
    asked->vlan_given = vlan->count() > 0;
    run(context, *asked);
  });
}

}  // namespace holdfast::cli
