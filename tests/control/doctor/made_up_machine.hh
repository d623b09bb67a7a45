// SPDX-License-Identifier: Apache-2.0
// A machine made of files in a folder of the test, in good order until a test spoils it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "control/doctor/doctor.hh"

namespace holdfast::doctor {

class MadeUpMachine {
 public:
  MadeUpMachine();
  ~MadeUpMachine();

  // Paths as the product knows them: "/proc/cpuinfo".
  void write(const std::string& path, const std::string& text) const;
  void remove(const std::string& path) const;
  void link(const std::string& path, const std::string& target) const;

  Machine& machine() { return machine_; }
  std::map<std::string, LinkFacts> links;

 private:
  std::filesystem::path root_;
  Machine machine_;
};

// A configuration that the test expects to be good.
config::SiteConfig site_of(const std::string& text);

// "state: why", empty when there is no such row.
std::string row_of(const std::vector<Row>& rows, const std::string& group, const std::string& name);

}  // namespace holdfast::doctor
