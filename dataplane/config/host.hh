// SPDX-License-Identifier: Apache-2.0
// Hosts as an operator writes them: names, addresses, with or without a port.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/config/toml.hh"
#include "media/address.hh"

namespace holdfast::config {

// A server as written: a name or a literal, with a port.
struct HostPort {
  std::string host;
  uint16_t port = 5060;
  std::optional<IpAddress> literal;

  std::string to_string() const;
};

// A host name (RFC 1123, with _ for service labels) or an address; what is wrong with it, or none.
std::optional<std::string> check_host(std::string_view text);
// The port that `out` has stays if none is written.
std::optional<std::string> read_host_port(std::string_view text, HostPort& out);
// ADDRESS or ADDRESS:PORT, without names; `port` stands in for one that is not written.
std::optional<std::string> read_address(const TomlValue& value, uint16_t port, SocketAddress& out);

}  // namespace holdfast::config
