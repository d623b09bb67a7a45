// SPDX-License-Identifier: Apache-2.0
// Small files that outlive the daemon: written whole or not at all, for root alone.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// None if it cannot be read, is no regular file, or is longer.
std::optional<std::string> read_state_file(const std::string& path, size_t max_bytes);

// Written beside, synced, renamed, and the directory synced; mode 0600. The error, or empty.
std::string write_state_file(const std::string& path, std::string_view bytes);

// The directory and those above it; the last one with mode 0700. The error, or empty.
std::string make_state_directory(const std::string& path);

}  // namespace holdfast
