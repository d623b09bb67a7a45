// SPDX-License-Identifier: Apache-2.0
// holdfast-provision put together: store, origins, request flow, listeners and the operator's
// socket, and how they start and end.
#pragma once

#include <memory>
#include <string>

#include "media/result.hh"
#include "provision-proxy/config/provision_config.hh"

namespace holdfast::provision {

class ProvisionDaemon {
 public:
  // Opens everything, or says in one line what could not be had. SIGTERM, SIGINT and SIGHUP must
  // be blocked in all threads.
  static Result<std::unique_ptr<ProvisionDaemon>, std::string> start(
      const config::ProvisionFile& file);
  ~ProvisionDaemon();
  ProvisionDaemon(const ProvisionDaemon&) = delete;
  ProvisionDaemon& operator=(const ProvisionDaemon&) = delete;

  // Until SIGTERM or SIGINT. SIGHUP reads the certificates again.
  void run();

 private:
  class Parts;
  explicit ProvisionDaemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace holdfast::provision
