// SPDX-License-Identifier: Apache-2.0
// hf-b2bua: the lab's centre of the other kind.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "lab/b2bua/server.hh"

namespace {

int fail(int status, const char* what) {
  std::fprintf(stderr, "hf-b2bua: %s\n", what);
  return status;
}

int main_with(int argc, char** argv) {
  CLI::App app("A registrar with digest and a back-to-back user agent: each call is two dialogs.");
  holdfast::lab::ServerOptions options;
  std::string path = "yes";
  app.add_option("--listen", options.listen, "ADDRESS:PORT, UDP and TCP")->required();
  app.add_option("--domain", options.domain, "domain of the users, and realm")->required();
  app.add_option("--accounts", options.accounts, "file of lines USER PASSWORD")->required();
  app.add_option("--control", options.control, "path of the control socket")->required();
  app.add_option("--gateway-hop", options.gateway_hop, "HOST:PORT for 9..., 112 and 911")
      ->required();
  app.add_option("--trust", options.trusted, "address whose callers need no account");
  app.add_option("--path", path, "whether the registrar knows Path")
      ->check(CLI::IsMember({"yes", "no"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return fail(2, error.what());
  }
  options.takes_path = path == "yes";
  holdfast::lab::Server server(options);
  const std::string error = server.open();
  if (!error.empty()) return fail(1, error.c_str());
  server.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return main_with(argc, argv);
  } catch (const std::exception& error) {
    return fail(1, error.what());
  }
}
