// SPDX-License-Identifier: Apache-2.0
// holdfastd put together: proxy, media anchor, names, records, admin page, and how they start and
// end.
#pragma once

#include <memory>
#include <string>

#include "control/config/site_config.hh"
#include "media/result.hh"

namespace holdfast::daemon {

class Daemon {
 public:
  // Opens everything, or says in one line what could not be had. SIGTERM, SIGINT, SIGUSR1
  // and SIGHUP must be blocked in all threads. On the thread that will call run().
  static Result<std::unique_ptr<Daemon>, std::string> start(const config::SiteConfig& site);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Until SIGTERM or SIGINT, or until the last call has ended while draining (SIGUSR1 or by
  // command). Calls that live go on without us. SIGHUP reads the certificates again.
  void run();

 private:
  class Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace holdfast::daemon
