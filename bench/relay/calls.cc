// SPDX-License-Identifier: Apache-2.0
// Adds the relay bench's calls to a running holdfast-dataplane.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "bench/relay/plan.hh"
#include "bench/relay/srtp_options.hh"
#include "dataplane/client/client.hh"

namespace {

using namespace holdfast::bench;
using holdfast::control::CallAdd;
using holdfast::control::DataplaneClient;

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;

holdfast::control::SharedSrtp srtp_of(const SrtpSuites& suites, size_t side, uint32_t call) {
  if (!suites[side]) return nullptr;
  auto keys = std::make_shared<holdfast::control::LegSrtp>();
  keys->in.emplace(srtp_key_of(*suites[side], side, call, Sender::remote));
  keys->out.emplace(srtp_key_of(*suites[side], side, call, Sender::appliance));
  return keys;
}

CallAdd call_number(uint32_t call, const SrtpSuites& suites) {
  CallAdd request;
  request.call = "bench-" + std::to_string(call);
  for (size_t side = 0; side < kSides; ++side) {
    request.legs[side].interface = kSideNames[side];
    request.legs[side].remote = remote_of(side, call);
    request.legs[side].local_port = local_of(side, call).port;
    request.legs[side].srtp = srtp_of(suites, side, call);
  }
  return request;
}

int add_calls(const std::string& socket, uint32_t calls, const SrtpSuites& suites) {
  const auto start = std::chrono::steady_clock::now();
  const auto client = DataplaneClient::connect(socket);
  if (!client) {
    std::fprintf(stderr, "holdfast-relay-calls: %s\n", client.error().message.c_str());
    return kFailed;
  }
  for (uint32_t call = 0; call < calls; ++call) {
    const auto added = (*client)->add(call_number(call, suites));
    if (added) continue;
    std::fprintf(stderr, "holdfast-relay-calls: call %u: %s\n", call,
                 added.error().message.c_str());
    return kFailed;
  }
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  std::printf("{\"calls\":%u,\"seconds\":%.3f}\n", calls, passed.count());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string socket;
  uint32_t calls = 1;
  SrtpSuites suites;
  CLI::App app{"Adds calls between the addresses that holdfast-relay-peer sends to."};
  app.add_option("--socket", socket, "control socket of holdfast-dataplane")->required();
  app.add_option("--calls", calls, "how many")->check(CLI::Range(1U, kMaxCalls));
  add_srtp_options(app, suites);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUse;
  }
  return add_calls(socket, calls, suites);
}
