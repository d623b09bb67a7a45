// SPDX-License-Identifier: Apache-2.0
// Errors and output of all commands.
#include "control/cli/command.hh"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace holdfast::cli {

void Context::fail(int exit_status, std::string_view message) {
  std::string line = "holdfast: ";
  for (const char c : message) line += c == '\n' ? ' ' : c;
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
  status = exit_status;
}

void Context::fail(const control::ClientError& error) {
  fail(kDidNotHold, error.message);
}

std::unique_ptr<control::DataplaneClient> Context::connect() {
  auto client = control::DataplaneClient::connect(socket);
  if (client) return std::move(client).value();
  fail(client.error());
  return nullptr;
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_json(const nlohmann::json& document) {
  print(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace holdfast::cli
