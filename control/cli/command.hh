// SPDX-License-Identifier: Apache-2.0
// What the command groups of `holdfast` share: the socket, the exit status, the way to print.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/client/client.hh"

namespace CLI {
class App;
}

namespace holdfast::cli {

// Exit status of every command.
inline constexpr int kDone = 0;
inline constexpr int kDidNotHold = 1;
inline constexpr int kWrongUse = 2;

struct Context {
  std::string socket = "/run/holdfast/dataplane.sock";
  std::string daemon_socket = "/run/holdfast/holdfastd.sock";
  int status = kDone;

  // One line on stderr, and the status.
  void fail(int exit_status, std::string_view message);
  void fail(const control::ClientError& error);
  // A connected client, or nullptr after fail().
  std::unique_ptr<control::DataplaneClient> connect();
  // holdfastd's answer, or none after fail().
  std::optional<nlohmann::json> ask(const std::string& method, const std::string& target);
};

void print(std::string_view text);
void print_json(const nlohmann::json& document);

// Each adds its subcommands, which run from CLI11's callbacks and leave their result in the
// context.
void add_relay_commands(CLI::App& app, Context& context);
void add_status_command(CLI::App& app, Context& context);
void add_report_command(CLI::App& app, Context& context);
void add_loss_command(CLI::App& report, Context& context);  // below `report`
void add_sip_commands(CLI::App& app, Context& context);
void add_provision_commands(CLI::App& app, Context& context);
void add_check_config_command(CLI::App& app, Context& context);
void add_capture_command(CLI::App& app, Context& context);
void add_phonesim_command(CLI::App& app, Context& context);
void add_dhcp_options_command(CLI::App& app, Context& context);
void add_doctor_command(CLI::App& app, Context& context);
void add_cert_commands(CLI::App& app, Context& context);

}  // namespace holdfast::cli
