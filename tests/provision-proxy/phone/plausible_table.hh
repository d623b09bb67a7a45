// SPDX-License-Identifier: Apache-2.0
// Reads tables of bodies for the judge from JSON (plausible_cases.json says what a body may be).
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace holdfast::provision {

struct PlausibleCase {
  std::string name, kind, path, identity, encoding, want;
  int status = 200;
  bool whole = true;
  std::optional<uint64_t> declared;
  std::optional<std::string> old_body;
  std::string new_body;
};

// Throws on what is no such table.
std::vector<PlausibleCase> read_plausible_table(const std::string& file);

}  // namespace holdfast::provision
