// SPDX-License-Identifier: Apache-2.0
// holdfast-provision: the process that phones boot through.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "base/logging.hh"
#include "base/process.hh"
#include "dataplane/control/messages.hh"
#include "media/core_dumps.hh"
#include "provision-proxy/config/provision_config.hh"
#include "provision-proxy/daemon/provision_daemon.hh"
#include "provision-proxy/daemon/words.hh"

namespace {

using namespace holdfast;

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;
constexpr int kNothingToServe = 3;        // the unit is then not started again
constexpr uint64_t kDescriptors = 16384;  // two for each phone, and the bodies that are read

int fail(const std::string& what) {
  std::fprintf(stderr, "holdfast-provision: %s\n", what.c_str());
  return kFailed;
}

int serve(const config::ProvisionFile& file) {
  media::forbid_core_dumps();
  block_signals({SIGTERM, SIGINT, SIGHUP});
  raise_descriptor_limit(kDescriptors);
  start_logging(std::getenv("JOURNAL_STREAM") != nullptr);
  std::string error;
  {
    auto daemon = provision::ProvisionDaemon::start(file);
    if (daemon) {
      log_line(LogLevel::info, "holdfast-provision " + std::string(control::kVersion) + " serves " +
                                   std::to_string(file.sections.listeners.size()) +
                                   " listeners and " + std::to_string(file.sections.tftps.size()) +
                                   " by TFTP, files in " + file.sections.provision.directory);
      (*daemon)->run();
    } else {
      error = daemon.error();
    }
  }
  stop_logging();  // what was said before comes first
  return error.empty() ? 0 : fail(error);
}

}  // namespace

int main(int argc, char** argv) {
  std::string path = "/etc/holdfast/holdfast.toml";
  bool check = false, print_words = false;
  CLI::App app{
      "Lets the branch's phones boot: fetches their files from the centre, and keeps them."};
  app.set_version_flag("--version", "holdfast-provision " + std::string(control::kVersion));
  app.add_option("-c,--config", path, "configuration file")->capture_default_str();
  app.add_flag("--check", check, "check the configuration and end");
  app.add_flag("--print-words", print_words, "print docs/provisioning-words.md and end");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUse;
  }
  if (print_words) {
    std::fputs(provision::words_markdown().c_str(), stdout);
    return 0;
  }
  const auto file = config::load_provision(path);
  if (!file && config::serves_nothing(path)) {
    fail(path + " has no [[provision-listener]]: there is nothing to serve");
    return kNothingToServe;
  }
  if (!file) return fail(file.error().to_string());
  if (check) {
    std::printf("%s: good\n", path.c_str());
    return 0;
  }
  try {
    return serve(*file);
  } catch (const std::exception& failure) {  // out of memory or threads while starting
    return fail(failure.what());
  }
}
