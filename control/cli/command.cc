// SPDX-License-Identifier: Apache-2.0
// Errors and output of all commands.
#include "control/cli/command.hh"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "control/cli/daemon_client.hh"

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

std::optional<nlohmann::json> Context::ask(const std::string& method, const std::string& target) {
  auto answer = ask_daemon(daemon_socket, method, target);
  if (answer) return std::move(answer).value();
  fail(kDidNotHold, answer.error().message);
  return std::nullopt;
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_json(const nlohmann::json& document) {
  print(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace holdfast::cli
