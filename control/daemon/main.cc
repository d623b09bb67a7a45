// SPDX-License-Identifier: Apache-2.0
// holdfastd: the process that carries the branch's SIP, and keeps its records.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "base/logging.hh"
#include "base/process.hh"
#include "control/config/site_config.hh"
#include "control/daemon/daemon.hh"
#include "dataplane/control/messages.hh"
#include "media/core_dumps.hh"

namespace {

using namespace holdfast;

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;
// Descriptors that many TCP phones need; beside the limits of [sip].
constexpr uint64_t kDescriptors = 65536;

int fail(const std::string& what) {
  std::fprintf(stderr, "holdfastd: %s\n", what.c_str());
  return kFailed;
}

int serve(const config::SiteConfig& site) {
  media::forbid_core_dumps();
  block_signals({SIGTERM, SIGINT, SIGUSR1, SIGHUP});
  raise_descriptor_limit(kDescriptors);
  start_logging(std::getenv("JOURNAL_STREAM") != nullptr);
  int status = 0;
  {
    auto holdfastd = daemon::Daemon::start(site);
    if (holdfastd) {
      log_line(LogLevel::info, "holdfastd " + std::string(control::kVersion) + " serves " +
                                   std::to_string(site.daemon->listeners.size()) +
                                   " SIP listeners, records in " + site.daemon->storage.database());
      (*holdfastd)->run();
    } else {
      stop_logging();  // what was said before comes first
      return fail(holdfastd.error());
    }
  }
  stop_logging();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  std::string path = "/etc/holdfast/holdfast.toml";
  bool check = false;
  bool reference = false;
  bool sample = false;
  CLI::App app{"Carries the branch's SIP between phones, centre and gateway; keeps the records."};
  app.set_version_flag("--version", "holdfastd " + std::string(control::kVersion));
  app.add_option("-c,--config", path, "configuration file")->capture_default_str();
  app.add_flag("--check", check, "check the configuration and end");
  app.add_flag("--print-reference", reference, "print the configuration reference");
  app.add_flag("--print-sample", sample, "print a sample configuration");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUse;
  }
  if (reference || sample) {
    const auto text = reference ? config::site_reference_markdown() : config::site_sample_toml();
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  const auto site = config::load_site(path);
  if (!site) return fail(site.error().to_string());
  if (!site->daemon) return fail(path + ": centre: is missing; holdfastd needs a [centre] section");
  if (check) {
    std::printf("%s: good\n", path.c_str());
    return 0;
  }
  try {
    return serve(*site);
  } catch (const std::exception& failure) {  // out of memory or threads while starting
    return fail(failure.what());
  }
}
