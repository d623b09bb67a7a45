// SPDX-License-Identifier: Apache-2.0
// How long a response is fresh, and how old it is (RFC 9111, 4.2).
#pragma once

#include <cstdint>

#include "provision-proxy/cache/stored_response.hh"
#include "provision-proxy/http/cache_control.hh"

namespace holdfast::provision {

// A guess is never longer than this: a file that did not change for years may change tomorrow.
constexpr int64_t kMaxHeuristic_s = 86400;

enum class LifetimeSource : uint8_t { none, s_maxage, max_age, expires, heuristic };

struct Lifetime {
  int64_t seconds = 0;
  LifetimeSource source = LifetimeSource::none;
};

// What the fields of a stored response say about its reuse, read once. Worth keeping beside it.
struct StoredPolicy {
  ResponseDirectives directives;
  Lifetime lifetime;
  int64_t initial_age = 0;  // corrected_initial_age of 4.2.3
  int64_t response_time = 0;
};
StoredPolicy policy_of(const StoredResponse& stored);

Lifetime freshness_lifetime(const StoredResponse& stored, const ResponseDirectives& directives);

// 0 to kMaxDelta_s. An Age that is no number, or one said by two hops, makes it as old as can be
// (4.2.1: what has invalid freshness is best taken as stale). So does a clock that was set back.
int64_t current_age(const StoredPolicy& policy, int64_t now);

}  // namespace holdfast::provision
