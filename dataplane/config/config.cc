// SPDX-License-Identifier: Apache-2.0
// Reads the sections of a configuration through the option tables and reports all errors at once.
#include "dataplane/config/config.hh"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "dataplane/config/section.hh"

namespace holdfast::config {
namespace {

constexpr std::string_view kSections[] = {"dataplane", "interface"};

// One character of a message; a control character is spelled out, so that an error stays one line.
void append_visible(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte != 0x7f) {
    out += c;
    return;
  }
  char escaped[8];
  std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
  out += escaped;
}

void read_interfaces(const TomlEntry& entry, DataplaneConfig& config, std::vector<Places>& all,
                     Faults& faults) {
  const auto* list = entry.value.list();
  const bool tables = list != nullptr && std::all_of(list->begin(), list->end(), [](auto& item) {
                        return item.table() != nullptr;
                      });
  if (!tables) {
    faults.add(entry.line, "interface", "is a list; write [[interface]] with two brackets");
    return;
  }
  if (list->size() > kMaxInterfaces) {
    faults.add(entry.line, "interface",
               std::to_string(list->size()) + " interfaces; at most " +
                   std::to_string(kMaxInterfaces) + " are possible");
    return;
  }
  for (const auto& item : *list) {
    InterfaceConfig interface;
    Places places{"interface." + std::to_string(config.interfaces.size() + 1), item.line, {}};
    for (const auto& named : *item.table()) {
      if (named.key == "name" && named.value.text() != nullptr && !named.value.text()->empty()) {
        places.section = "interface." + *named.value.text();
      }
    }
    read_section(*item.table(), interface_options(), interface, places, faults);
    complete_interface(interface, places, faults);
    config.interfaces.push_back(std::move(interface));
    all.push_back(std::move(places));
  }
}

// "[dataplane], [[interface]], [sip], ...": as one writes them.
std::string list_of_sections() {
  std::string list = "[dataplane], [[interface]]";
  for (const auto name : kDaemonSections) list += ", [" + std::string(name) + "]";
  for (const auto name : kProvisionSections) list += ", [" + std::string(name) + "]";
  return list;
}

void check_section_name(const TomlEntry& entry, Faults& faults) {
  std::vector<std::string_view> known(std::begin(kSections), std::end(kSections));
  known.insert(known.end(), std::begin(kDaemonSections), std::end(kDaemonSections));
  known.insert(known.end(), std::begin(kProvisionSections), std::end(kProvisionSections));
  if (std::find(known.begin(), known.end(), entry.key) != known.end()) return;
  const auto guess = did_you_mean(entry.key, known);
  faults.add(entry.line, entry.key,
             "is not a section" + (guess.empty() ? "; there are " + list_of_sections() : guess));
}

ConfigErrors whole_file(std::string_view name, std::string what) {
  return {{ConfigError{std::string(name), 0, "", std::move(what)}}};
}

}  // namespace

DataplaneSections read_dataplane_sections(const TomlTable& document, Faults& faults) {
  DataplaneSections read;
  for (const auto& entry : document) {
    if (entry.key == "dataplane" && entry.value.table() != nullptr) {
      read.dataplane.line = entry.line;
      read_section(*entry.value.table(), dataplane_options(), read.config, read.dataplane, faults);
    } else if (entry.key == "interface") {
      read_interfaces(entry, read.config, read.interfaces, faults);
    } else if (entry.key == "dataplane") {
      faults.add(entry.line, "dataplane",
                 "is a section; write [dataplane] with one pair of brackets");
    } else {
      check_section_name(entry, faults);
    }
  }
  if (read.config.interfaces.empty() && faults.none()) {
    faults.add(0, "interface", "no interface is configured; add an [[interface]] section");
  }
  check_together(read.config, read.dataplane, read.interfaces, faults);
  return read;
}

const InterfaceConfig* DataplaneConfig::find_interface(std::string_view name) const {
  const auto found = std::find_if(interfaces.begin(), interfaces.end(),
                                  [&](const auto& i) { return i.name == name; });
  return found == interfaces.end() ? nullptr : &*found;
}

std::string ConfigError::to_string() const {
  std::string raw = file;
  if (line > 0) raw += ":" + std::to_string(line);
  raw += ": ";
  if (!key.empty()) raw += key + ": ";
  raw += what;
  std::string shown;
  for (const char c : raw) append_visible(shown, c);
  return shown;
}

std::string ConfigErrors::to_string() const {
  std::string all;
  for (const auto& error : errors) all += (all.empty() ? "" : "\n") + error.to_string();
  return all;
}

Result<TomlTable, ConfigErrors> read_config_document(std::string_view text, std::string_view name) {
  if (text.size() > kMaxConfigBytes) {
    return whole_file(name, "is larger than 1 MiB; this is no configuration");
  }
  auto document = parse_toml(text);
  if (!document) {
    const auto& error = document.error();
    return ConfigErrors{{ConfigError{std::string(name), error.line, "", error.what}}};
  }
  return std::move(document).value();
}

Result<std::string, ConfigErrors> read_config_text(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return whole_file(path, std::string("cannot be read: ") + std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) return whole_file(path, "is not a regular file");
  std::ifstream file(path, std::ios::binary);
  if (!file) return whole_file(path, std::string("cannot be read: ") + std::strerror(errno));
  std::string text(kMaxConfigBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return whole_file(path, "cannot be read to its end");
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

Result<DataplaneConfig, ConfigErrors> parse_config(std::string_view text, std::string_view name) {
  const auto document = read_config_document(text, name);
  if (!document) return document.error();
  Faults faults(name);
  auto sections = read_dataplane_sections(*document, faults);
  if (!faults.none()) return faults.take();
  return std::move(sections.config);
}

Result<DataplaneConfig, ConfigErrors> load_config(const std::string& path) {
  const auto text = read_config_text(path);
  if (!text) return text.error();
  return parse_config(*text, path);
}

}  // namespace holdfast::config
