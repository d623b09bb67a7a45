// SPDX-License-Identifier: Apache-2.0
// What the configuration says of this box to a DHCP server: where it provisions, where it reads by
// TFTP, the VLAN of the voice. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/cli/dhcp_rows.hh"
#include "control/config/site_config.hh"

namespace holdfast::cli {

// What was said on the command line, which wins over the file.
struct DhcpGiven {
  std::optional<std::string> url;
  std::optional<IpAddress> tftp;
  std::optional<uint16_t> vlan;
};

// `interface`: where the phones are; empty: the one that the sections name. Where several sections
// would do, the first of the file is taken, at its first IPv4 address: DHCPv4 hands it out. A TFTP
// port other than 69 cannot be handed out. The error: that the interface is not known, or that it
// has to be named.
Result<DhcpFacts, std::string> dhcp_facts(const config::SiteConfig& site,
                                          std::string_view interface, const DhcpGiven& given);

}  // namespace holdfast::cli
