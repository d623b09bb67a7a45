// SPDX-License-Identifier: Apache-2.0
// A list of addresses as an option's value: those that a listener listens on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dataplane/config/options.hh"
#include "media/address.hh"

namespace holdfast::config {

inline constexpr size_t kMaxListenAddresses = 8;

// 1 to kMaxListenAddresses unicast addresses take the place of `out`. Or what is wrong.
std::optional<std::string> read_listen_addresses(const TomlValue& value,
                                                 std::vector<IpAddress>& out);

}  // namespace holdfast::config
