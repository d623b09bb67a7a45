// SPDX-License-Identifier: Apache-2.0
// Answers the control socket from the call book and the counters.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/config/config.hh"
#include "dataplane/control/server.hh"
#include "dataplane/ports/missed_frames.hh"
#include "dataplane/runtime/assembly.hh"

namespace holdfast::dataplane {

class ControlRequests : public control::ControlHandler {
 public:
  ControlRequests(const config::DataplaneConfig& config, uint64_t started_ns)
      : config_(config), started_ns_(started_ns) {}
  // Before the server's first on_ready().
  void attach(Assembly* parts, const control::ControlServer* server);

  void handle(const control::Request& request, control::Reply reply) override;
  void on_client_gone(uint64_t client) override;

 private:
  control::StatusReport status();
  control::PortStatus port_status(size_t port);

  const config::DataplaneConfig& config_;
  uint64_t started_ns_;
  Assembly* parts_ = nullptr;
  const control::ControlServer* server_ = nullptr;
  std::vector<MissedFrames> missed_;  // by port
};

}  // namespace holdfast::dataplane
