// SPDX-License-Identifier: Apache-2.0
// One phone's boot against a server: every request and answer, the attributes, and whether it held.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "provision-proxy/phonesim/attributes.hh"
#include "provision-proxy/phonesim/boot_sequence.hh"
#include "provision-proxy/phonesim/http_client.hh"

namespace holdfast::provision {

struct FetchRecord {
  BootStep step;
  double started_ms = 0;  // Unix time; before anything was sent
  double ended_ms = 0;    // after all that came; answer.ms is of the transfer alone
  HttpAnswer answer;      // without its body
  std::string outcome;    // "ok", "absent" (404 of what may be absent), "missing", "failed"
  bool held() const { return outcome == "ok" || outcome == "absent"; }
};

struct PhoneRun {
  std::string mac;
  std::vector<FetchRecord> fetches;
  std::vector<Attribute> attributes;
  std::vector<std::string> problems;  // one line each
  bool held = true;                   // every mandatory file came, and nothing failed
};

struct RunOptions {
  BootOptions boot;      // its mac is the phone's
  ClientOptions client;  // "{mac}" and "{MAC}" in the User-Agent and the certificate's file names
  std::string save_folder = {};  // bodies go to FOLDER/MAC/PATH, mode 0600
};

inline constexpr size_t kMaxConfigBytes = size_t{4} << 20;  // of one file that is looked at

// Blocks until the phone would register. `on_fetch` is called after each answer.
PhoneRun run_phone(const RunOptions& options,
                   const std::function<void(const FetchRecord&)>& on_fetch = {});
// The same over a client that is handed in.
PhoneRun run_phone(const RunOptions& options, HttpClient& client,
                   const std::function<void(const FetchRecord&)>& on_fetch);

// Where a target is saved below the phone's folder: the same path without what leaves it.
std::string saved_name(std::string_view target);

}  // namespace holdfast::provision
