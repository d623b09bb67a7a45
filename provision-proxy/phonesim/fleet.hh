// SPDX-License-Identifier: Apache-2.0
// Many phones that boot at once: what each kind of file took, and which phones did not come up.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "media/address.hh"
#include "provision-proxy/phonesim/phone_run.hh"

namespace holdfast::provision {

inline constexpr size_t kMaxPhones = 100'000;
inline constexpr size_t kMaxParallel = 500;
inline constexpr size_t kMaxToldFailures = 20;

struct KindReport {
  uint64_t requests = 0, ok = 0, absent = 0, failed = 0, bytes = 0;
  double p50_ms = 0, p99_ms = 0, max_ms = 0;
};

struct FleetReport {
  size_t phones = 0, held = 0;
  double elapsed_ms = 0;
  std::map<std::string, KindReport> kinds;  // "all" among them
  std::map<std::string, uint64_t>
      cache;  // by the first word of Cache-Status that tells the outcome
  struct Failure {
    std::string mac, problem;
  };
  std::vector<Failure> failures;  // the first ones
  struct Request {
    std::string mac;
    FetchRecord fetch;
  };
  std::vector<Request> requests;  // all of them, if they were asked for
};

struct FleetOptions {
  size_t count = 1, parallel = 1;
  bool each_request = false;  // tell them all
  // The first phone sends from here, the others from the addresses that follow.
  std::optional<IpAddress> source = {};
};

// `options.boot.mac` is the first phone's; `count` phones from there upwards, `parallel` at a time,
// each with a connection of its own. There must be so many MACs (mac_after), and addresses.
FleetReport run_fleet(const RunOptions& options, const FleetOptions& fleet);

// The MAC, the address that many further on; none when there is none.
std::string mac_after(const std::string& mac, uint64_t steps);
std::optional<IpAddress> address_after(IpAddress address, uint64_t steps);

// The value at a share of a sample, 0 to 1, by the nearest rank. The sample is sorted on the way.
double percentile(std::vector<double>& sample, double share);

// "hit", "fwd=miss", "fwd=stale" ...: what a Cache-Status tells of the last cache (RFC 9211).
std::string cache_outcome(std::string_view cache_status);

}  // namespace holdfast::provision
