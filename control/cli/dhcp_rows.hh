// SPDX-License-Identifier: Apache-2.0
// What a branch's DHCP server must hand out so that phones boot through this box, and how dnsmasq
// and Kea are told. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/address.hh"
#include "media/result.hh"

namespace holdfast::cli {

// What this box is. url and tftp may be left out, if phones are to get no such option.
struct DhcpFacts {
  std::string url;                // of the provision listener, as phones must ask for it
  std::optional<IpAddress> tftp;  // IPv4: options 66 and 67 are DHCPv4's
  uint16_t vlan = 0;              // of the voice; 0: none, or the native one
};

// One option of one kind of phone. All are strings on the wire, option 132 too.
struct DhcpRow {
  uint8_t code = 0;
  std::string value;
  std::string vendor_class;  // option 60 of the phone's DISCOVER; empty: every phone
  std::string_view purpose;
  friend bool operator==(const DhcpRow&, const DhcpRow&) = default;
};

// Empty, or what is wrong with the facts.
std::string wrong_with(const DhcpFacts& facts);

// In the order of option codes. The facts must be good.
//
// - 160 is where every phone looks first, and wins over 66.
// - 66 and 67 are for recovery mode, after a firmware update has failed: SIP Stations, AudioCodes
// and
//   Genesys phones alone, each with the image of its model. Polycoms are to get no 66.
// - 132 pushes phones in recovery mode to the voice VLAN: it belongs in the scope of the native
//   VLAN. Other modes ignore it.
std::vector<DhcpRow> dhcp_options(const DhcpFacts& facts);

// Lines for dnsmasq.conf. Its vendor classes match as substrings, so that 405 must exclude 405HD.
std::string dnsmasq_lines(const std::vector<DhcpRow>& rows);

// A fragment of Kea's configuration: {"Dhcp4": {option-def, client-classes, option-data}}.
nlohmann::json kea_fragment(const std::vector<DhcpRow>& rows);

}  // namespace holdfast::cli
