// SPDX-License-Identifier: Apache-2.0
// holdfast-dataplane: the process that takes the ports and relays the media.
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "dataplane/config/config.hh"
#include "dataplane/control/server.hh"
#include "dataplane/runtime/assembly.hh"
#include "dataplane/runtime/control_handler.hh"
#include "dataplane/runtime/footprint.hh"
#include "dataplane/runtime/slow_loop.hh"
#include "media/core_dumps.hh"

namespace {

using namespace holdfast;
using namespace holdfast::dataplane;

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;

int fail(const std::string& what) {
  std::fprintf(stderr, "holdfast-dataplane: %s\n", what.c_str());
  return kFailed;
}

// Ends the loop in an orderly way; blocked before any thread starts, so that every thread inherits
// it.
int open_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int serve(const config::DataplaneConfig& config) {
  media::forbid_core_dumps();
  const int signals = open_signals();
  if (signals < 0) return fail("cannot watch for signals");
  if (std::string error = preflight(config); !error.empty()) return fail(error);
  ControlRequests requests(config, steady_ns());
  auto server =
      control::ControlServer::listen(config.control_socket, requests);  // also the instance lock
  if (!server) return fail(server.error());
  auto parts = assemble(config);
  if (!parts) return fail(parts.error());
  requests.attach(parts->get(), server->get());
  std::printf("holdfast-dataplane %s: %zu interfaces, %zu lcores, control socket %s\n",
              std::string(control::kVersion).c_str(), config.interfaces.size(), config.cpus.size(),
              config.control_socket.c_str());
  std::fflush(stdout);
  SlowLoop(**parts, **server, signals).run();
  close(signals);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string path = "/etc/holdfast/holdfast.toml";
  bool check = false;
  bool give_back = false;
  bool reference = false;
  bool sample = false;
  CLI::App app{"Relays RTP and RTCP on DPDK ports; calls are added over the control socket."};
  app.set_version_flag("--version", std::string(control::kVersion));
  app.add_option("-c,--config", path, "configuration file")->capture_default_str();
  app.add_flag("--check", check, "check the configuration and end");
  app.add_flag("--release", give_back,
               "take away the guards, taps and XDP programs of a stopped dataplane");
  app.add_flag("--print-reference", reference, "print the configuration reference");
  app.add_flag("--print-sample", sample, "print a sample configuration");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUse;
  }
  if (reference || sample) {
    std::fputs((reference ? config::reference_markdown() : config::sample_toml()).c_str(), stdout);
    return 0;
  }
  auto config = config::load_config(path);
  if (!config) return fail(config.error().to_string());
  if (check) {
    std::printf("%s: good\n", path.c_str());
    return 0;
  }
  if (give_back) {
    const std::string error = release(*config);
    return error.empty() ? 0 : fail(error);
  }
  try {
    return serve(*config);
  } catch (const std::exception& failure) {  // out of memory or descriptors while starting
    return fail(failure.what());
  }
}
