// SPDX-License-Identifier: Apache-2.0
// Asks a daemon over its UNIX socket: one HTTP request for each connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "media/result.hh"

namespace holdfast::cli {

struct DaemonError {
  std::string message;  // one line for a person
  bool absent = false;  // there is no such socket: it has not been started
};

// `target` is a path of the daemon's API; `who` is it, for the error. Blocks up to the time-out.
Result<nlohmann::json, DaemonError> ask_daemon(
    const std::string& socket, const std::string& method, const std::string& target,
    std::chrono::milliseconds timeout = std::chrono::seconds(10),
    const std::string& who = "holdfastd");

}  // namespace holdfast::cli
