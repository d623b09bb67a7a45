// SPDX-License-Identifier: Apache-2.0
// Reads one section of the file through its option table; for every daemon that shares the file.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/config/checks.hh"
#include "dataplane/config/options.hh"
#include "dataplane/config/toml.hh"

namespace holdfast::config {

template <typename Section>
void read_entry(const TomlEntry& entry, std::span<const Option<Section>> options, Section& section,
                Places& places, Faults& faults) {
  const auto option = std::find_if(options.begin(), options.end(),
                                   [&](const auto& o) { return o.doc.name == entry.key; });
  const std::string key = places.section + "." + entry.key;
  if (option == options.end()) {
    std::vector<std::string_view> names;
    for (const auto& o : options) names.push_back(o.doc.name);
    const auto guess = did_you_mean(entry.key, names);
    faults.add(entry.line, key, "is not an option" + (guess.empty() ? "; remove it" : guess));
    return;
  }
  places.options.emplace_back(option->doc.name, entry.line);
  if (auto wrong = option->read(entry.value, section)) faults.add(entry.line, key, *wrong);
}

template <typename Section>
void read_section(const TomlTable& table, std::span<const Option<Section>> options,
                  Section& section, Places& places, Faults& faults) {
  for (const auto& entry : table) read_entry(entry, options, section, places, faults);
  for (const auto& option : options) {
    if (option.doc.standard == "required" && !places.has(option.doc.name)) {
      faults.add(places, option.doc.name, "is missing");
    }
  }
}

// ---- the file that both daemons read ----------------------------------------------------------

// Sections that are holdfastd's: the dataplane knows their names, so that a mistyped one is an
// error for either, and leaves their content alone.
inline constexpr std::string_view kDaemonSections[] = {
    "sip", "sip-listener", "centre", "gateway", "dial-plan", "media", "storage", "admin", "dns"};

struct DataplaneSections {
  DataplaneConfig config;
  Places dataplane{"dataplane", 0, {}};
  std::vector<Places> interfaces;  // parallel to config.interfaces
};
// Reads and checks [dataplane] and [[interface]], and that every section is one that is known.
DataplaneSections read_dataplane_sections(const TomlTable& document, Faults& faults);

// The file's text, or the one reason why there is none.
Result<std::string, ConfigErrors> read_config_text(const std::string& path);
Result<TomlTable, ConfigErrors> read_config_document(std::string_view text, std::string_view name);

}  // namespace holdfast::config
