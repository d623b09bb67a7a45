// SPDX-License-Identifier: Apache-2.0
// From DNS answers to the centre's servers in the order in which they are to be tried.
//
// Pure: RFC 3263 section 4.2, with the order of RFC 2782 among SRV records.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/dns_client.hh"
#include "control/config/site_config.hh"
#include "sip/upstream_health.hh"

namespace holdfast::names {

// Uniform 32-bit numbers.
using Random = std::function<uint32_t()>;

// By priority; within one, drawn by weight. A switchover pair of equal priority and weight comes in
// random order, so that branches share the load.
std::vector<SrvRecord> order_srv(std::vector<SrvRecord> records, const Random& random);

// A server of the centre before its address is known.
struct NamedServer {
  std::string host;
  uint16_t port = 5060;
  uint16_t priority = 0;
};

// Each server with each of its addresses, IPv6 before IPv4 (RFC 6724's default), none twice, at
// most kMaxUpstreams. Hosts that are literals need no entry in `addresses`.
std::vector<sip::Upstream> upstreams_of(
    const std::vector<NamedServer>& servers,
    const std::map<std::string, std::vector<IpAddress>>& addresses, sip::Transport transport,
    config::AddressFamilies families);

// What SRV records are asked for: the name with the service in front, unless it has one.
std::string srv_question(const std::string& name, sip::Transport transport);

}  // namespace holdfast::names
