// SPDX-License-Identifier: Apache-2.0
// The options of [dns], which holdfastd and holdfast-provision read.
#include <algorithm>

#include "dataplane/config/section.hh"
#include "provision-proxy/config/provision_options.hh"

namespace holdfast::config {
namespace {

using Wrong = std::optional<std::string>;

Wrong check_dns_server(std::string_view text) {
  if (IpAddress::parse(text)) return std::nullopt;
  const auto address = SocketAddress::parse(text);
  if (address && address->port != 0) return std::nullopt;
  return quoted(text) + " is not an address; write it like 198.18.3.53 or 198.18.3.53:53";
}

const Option<DnsConfig> kDns[] = {
    {{"servers", "list of texts", "ADDRESS or ADDRESS:PORT, at most 4", "[]",
      "DNS servers, asked in this order. None: those of /etc/resolv.conf.", ""},
     [](const TomlValue& v, DnsConfig& c) {
       return read_texts(v, c.servers, kMaxDnsServers, 64, check_dns_server);
     }},
    {{"timeout-ms", "whole number", "milliseconds, 100 to 30000", "2000",
      "Time for an answer of one server. No call waits for it.", ""},
     [](const TomlValue& v, DnsConfig& c) { return read_number(v, c.timeout_ms, 100, 30000); }},
    {{"tries", "whole number", "tries, 1 to 5", "2", "How often each server is asked.", ""},
     [](const TomlValue& v, DnsConfig& c) { return read_number(v, c.tries, 1, 5); }},
    {{"min-ttl-s", "whole number", "seconds, 1 to 3600", "10",
      "An answer is not asked for again sooner, whatever its TTL.", ""},
     [](const TomlValue& v, DnsConfig& c) { return read_number(v, c.min_ttl_s, 1, 3600); }},
    {{"max-ttl-s", "whole number", "seconds, 1 to 86400", "3600",
      "It is asked for again by then at the latest.", ""},
     [](const TomlValue& v, DnsConfig& c) { return read_number(v, c.max_ttl_s, 1, 86400); }},
    {{"retry-s", "whole number", "seconds, 1 to 3600", "5",
      "Time to the next try after a failure. The last good answer stays in use meanwhile, however "
      "old.",
      ""},
     [](const TomlValue& v, DnsConfig& c) { return read_number(v, c.retry_s, 1, 3600); }},
};

}  // namespace

std::span<const Option<DnsConfig>> dns_options() {
  return kDns;
}

void read_dns_section(const TomlTable& document, DnsConfig& dns, Faults& faults) {
  Places places{"dns", 0, {}};
  const auto entry =
      std::find_if(document.begin(), document.end(), [](const auto& e) { return e.key == "dns"; });
  if (entry == document.end()) return;
  read_once(*entry, dns_options(), dns, places, faults);
  if (dns.min_ttl_s > dns.max_ttl_s) {
    faults.add(places, "min-ttl-s",
               std::to_string(dns.min_ttl_s) + " is above max-ttl-s; lower it");
  }
}

}  // namespace holdfast::config
