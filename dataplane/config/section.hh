// SPDX-License-Identifier: Apache-2.0
// Reads one section of the file through its option table; for every daemon that shares the file.
#pragma once

#include <algorithm>
#include <iterator>
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

// A section that stands once.
template <typename Section>
void read_once(const TomlEntry& entry, std::span<const Option<Section>> options, Section& section,
               Places& places, Faults& faults) {
  places.line = entry.line;
  if (entry.value.table() == nullptr) {
    faults.add(entry.line, entry.key,
               "is a section; write [" + entry.key + "] with one pair of brackets");
    return;
  }
  read_section(*entry.value.table(), options, section, places, faults);
}

// A section that may stand several times; the key of its errors has its place, from 1.
template <typename Section>
void read_list(const TomlEntry& entry, std::span<const Option<Section>> options, size_t max,
               std::vector<Section>& sections, std::vector<Places>& all, Faults& faults) {
  const auto* list = entry.value.list();
  const bool tables = list != nullptr && std::all_of(list->begin(), list->end(), [](auto& item) {
                        return item.table() != nullptr;
                      });
  if (!tables) {
    faults.add(entry.line, entry.key,
               "is a list; write [[" + entry.key + "]] with two pairs of brackets");
    return;
  }
  if (list->size() > max) {
    faults.add(entry.line, entry.key,
               std::to_string(list->size()) + " sections; at most " + std::to_string(max) +
                   " are possible");
    return;
  }
  for (const auto& item : *list) {
    Section section;
    Places places{entry.key + "." + std::to_string(sections.size() + 1), item.line, {}};
    read_section(*item.table(), options, section, places, faults);
    sections.push_back(std::move(section));
    all.push_back(std::move(places));
  }
}

// ---- the file that all daemons read -----------------------------------------------------------

// Sections that are holdfastd's and holdfast-provision's ([dns] is of both): every daemon knows
// their names, so that a mistyped one is an error for each, and the dataplane leaves their content
// alone.
inline constexpr std::string_view kDaemonSections[] = {
    "sip", "sip-listener", "centre", "gateway", "dial-plan", "media", "storage", "admin", "dns"};
inline constexpr std::string_view kProvisionSections[] = {
    "provision", "provision-listener", "provision-tftp", "provision-origin", "provision-class"};

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
