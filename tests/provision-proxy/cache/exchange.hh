// SPDX-License-Identifier: Apache-2.0
// The smallest cache there is: one response, one request after it, and what the policy makes of
// both.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

#include "provision-proxy/cache/reuse.hh"
#include "provision-proxy/cache/storing.hh"
#include "provision-proxy/cache/vary.hh"
#include "tests/provision-proxy/cache/messages.hh"

namespace holdfast::provision {

// What the second request gets.
enum class Outcome : uint8_t {
  from_store,  // without asking
  behind,      // from the store, validated behind it
  asked_etag,  // upstream is asked with If-None-Match (and If-Modified-Since, if it can)
  asked_date,  // upstream is asked with If-Modified-Since
  fetched,     // upstream is asked without conditions
  timeout,     // 504
};

struct Exchange {
  std::string response;   // lines; Date is the origin's own if it has none
  int64_t pause_s = 3;    // between the answer and the second request
  std::string request{};  // the second
  std::string first{};    // the first; of the same target
  int status = 200;
  std::string method = "GET";  // of the first
};

Outcome outcome_of(const Exchange& exchange);
std::string_view text_of(Outcome outcome);

inline std::ostream& operator<<(std::ostream& out, Outcome outcome) {
  return out << text_of(outcome);
}

}  // namespace holdfast::provision
