// SPDX-License-Identifier: Apache-2.0
// The machine as the checks see it: files under a root, and the few things that no file tells.
//
// Tests hand in a tree of their own. Nothing here changes anything.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_rights.hh"

namespace holdfast::doctor {

// Of a network device, by ethtool's interface.
struct LinkFacts {
  std::string driver;  // "ixgbe"; empty: unknown
  bool gro = false;    // merges received packets in the kernel
  bool lro = false;    // ... and in the card
};

struct Machine {
  std::string root;  // in front of every path; empty: this machine

  // No value: the machine does not tell.
  std::function<LinkFacts(const std::string& device)> link_facts;
  std::function<std::optional<uint64_t>(const std::string& path)> free_bytes;
  // With the rights of a daemon.
  std::function<std::string(const std::string& folder, FolderUse use)> folder_fault;
  std::optional<bool> time_synchronised;
  int64_t now_s = 0;  // Unix time

  // Without white space at its end; none when it cannot be read. At most 1 MiB.
  std::optional<std::string> read(const std::string& path) const;
  std::optional<uint64_t> read_number(const std::string& path) const;
  bool exists(const std::string& path) const;
  std::vector<std::string> list(const std::string& folder) const;  // names, sorted
  std::string link_target_name(const std::string& path) const;     // its last part, or empty

  // Whether a program of that name runs (its first 15 characters, as the kernel keeps them).
  bool runs(std::string_view program) const;
};

// This machine.
Machine real_machine();

// Numbers of a kernel's CPU list, "0-3,8".
std::vector<unsigned> read_cpu_list(std::string_view text);

// The value behind `key` at the beginning of a line, up to the line's end, white space and ':' at
// its beginning left out; empty: no such line.
std::string value_of(std::string_view text, std::string_view key);
bool has_word(std::string_view text, std::string_view word);

}  // namespace holdfast::doctor
