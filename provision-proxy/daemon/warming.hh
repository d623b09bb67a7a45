// SPDX-License-Identifier: Apache-2.0
// Fetches a file for phones before they ask: one copy after the other.
//
// Asio thread.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "provision-proxy/proxy/flow.hh"

namespace holdfast::provision {

struct WarmOrder {
  size_t listener = 0;  // of the flow: which origin is asked
  std::string origin, path;
  std::string user_agent;           // empty: what the phone said last
  std::optional<MacAddress> phone;  // none: those whose copies are known
};

// Whose copies are fetched: that of the phone that is named or that the path names, the one of all
// if the file is shared, else those of all phones that have one or have asked. Copies that need
// credentials, which we do not have, are left out and counted.
struct WarmCopy {
  Identity identity;
  IpAddress address;  // of who is known by that alone
  std::string user_agent;
};
struct WarmCopies {
  std::vector<WarmCopy> copies;
  size_t need_credentials = 0;
};
WarmCopies copies_to_warm(const Store& store, const Flow& flow, const WarmOrder& order);

// `done` once, with a row for each copy: phone, status, bytes, good, cache_status.
void warm(Flow& flow, const WarmOrder& order, std::vector<WarmCopy> copies,
          std::function<void(const nlohmann::json& rows)> done);

}  // namespace holdfast::provision
