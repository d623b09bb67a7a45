// SPDX-License-Identifier: Apache-2.0
// Keeps the centre's names resolved, on a thread of its own: no call ever waits for DNS.
//
// Answers are asked for again by their TTL, within bounds. While DNS fails or is silent the last
// good answers stay in use, however old; they lie on disk too, for a start without DNS.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hh"
#include "control/config/site_config.hh"
#include "control/names/centre_names.hh"
#include "sip/route_state.hh"

namespace holdfast::names {

struct Names {
  std::vector<sip::Upstream> upstreams;
  std::vector<sip::ResolvedName> names;  // those names, for URIs that carry them
};

// One question that is asked again and again.
struct NameStatus {
  std::string name, type;
  std::vector<std::string> answers;  // those in use, for a person
  std::optional<uint64_t> age_s;     // since they were good; none: there are none
  bool from_disk = false;            // not asked successfully since we started
  std::string error;                 // of the last try; empty: it was good
};
struct ResolverStatus {
  std::vector<NameStatus> names;
  // Addresses behind them that are not taken, since they are our own; for a person.
  std::vector<std::string> ourselves;
  uint64_t rounds = 0, failed_rounds = 0;
  uint64_t next_round_in_s = 0;
};

class Resolver {
 public:
  // `changed` is called on the resolver's thread, and not with the same twice.
  using Changed = std::function<void(const Names&)>;

  // Starts asking, if there is a name to ask for. `cache_path`: where the last good answers lie.
  // `own`: addresses of ours, which are not taken as the centre's, whatever a name says. Called on
  // the resolver's thread too.
  // `second`: how long a second of a TTL or a retry takes, for tests in a hurry.
  Resolver(const config::CentreConfig& centre, const DnsConfig& dns, std::string cache_path,
           Random random, Logger logger, Changed changed, OwnListener own,
           std::chrono::milliseconds second = std::chrono::seconds(1));
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // What is known without asking: literals, and the answers on disk. To be used before `changed`
  // is called.
  const Names& at_start() const;
  ResolverStatus status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::names
