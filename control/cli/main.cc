// SPDX-License-Identifier: Apache-2.0
// holdfast: the operator's command.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "control/cli/command.hh"

namespace {

// CLI11 ends its longer messages with further lines; an error here is one line.
std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

int main(int argc, char** argv) {
  namespace cli = holdfast::cli;
  cli::Context context;
  CLI::App app("Commands for the Holdfast appliance.", "holdfast");
  app.set_version_flag("--version", "holdfast " + std::string(holdfast::control::kVersion));
  app.add_option("--socket", context.socket, "control socket of holdfast-dataplane")
      ->capture_default_str();
  app.add_option("--daemon-socket", context.daemon_socket, "socket of holdfastd")
      ->capture_default_str();
  app.require_subcommand(1);
  app.fallthrough();  // --socket may follow the subcommand
  app.footer("Exit status: 0 done, 1 it did not hold, 2 wrong use.");
  cli::add_relay_commands(app, context);
  cli::add_status_command(app, context);
  cli::add_report_command(app, context);
  cli::add_capture_command(app, context);
  cli::add_sip_commands(app, context);
  cli::add_provision_commands(app, context);
  cli::add_check_config_command(app, context);
  cli::add_phonesim_command(app, context);
  cli::add_dhcp_options_command(app, context);
  cli::add_doctor_command(app, context);
  cli::add_cert_commands(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked_for) {  // --help, --version
    app.exit(asked_for);
  } catch (const CLI::Error& error) {
    context.fail(cli::kWrongUse, first_line(error.what()) + " (see holdfast --help)");
  } catch (const std::exception& error) {  // out of memory, at most
    context.fail(cli::kDidNotHold, error.what());
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    context.fail(cli::kDidNotHold, "the output could not be written");
  }
  return context.status;
}
