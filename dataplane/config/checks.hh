// SPDX-License-Identifier: Apache-2.0
// What one option alone cannot tell: which options go together, and what must be unique.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/config/config.hh"

namespace holdfast::config {

// Where a section of the file and its options stand, for the errors.
struct Places {
  std::string section;  // "interface.lan"
  uint32_t line = 0;
  std::vector<std::pair<std::string_view, uint32_t>> options;  // those that the file sets

  bool has(std::string_view option) const;
  uint32_t line_of(std::string_view option) const;  // the section's line when it is not set
};

// Gathers errors, at most kMaxErrors; counts the rest.
class Faults {
 public:
  explicit Faults(std::string_view file) : file_(file) {}

  void add(uint32_t line, std::string key, std::string what);
  void add(const Places& places, std::string_view option, std::string what);
  bool none() const { return errors_.empty(); }
  ConfigErrors take();  // sorted by line

 private:
  std::string file_;
  std::vector<ConfigError> errors_;
  size_t left_out_ = 0;
};

// Fills in defaults that depend on other options, writes the PCI address as DPDK does, and checks
// that the options fit each other.
void complete_interface(InterfaceConfig& config, const Places& places, Faults& faults);

// Checks the whole; interface_places is parallel to config.interfaces.
void check_together(const DataplaneConfig& config, const Places& dataplane_places,
                    const std::vector<Places>& interface_places, Faults& faults);

}  // namespace holdfast::config
