// SPDX-License-Identifier: Apache-2.0
// Whether the centre's names lead to ourselves, by the answers that holdfastd has kept: the doctor
// asks nobody.
#include "control/config/apart_checks.hh"
#include "control/doctor/checks.hh"
#include "control/names/centre_names.hh"

namespace holdfast::doctor {

void check_names(const Machine& machine, const config::SiteConfig& site, std::vector<Row>& all) {
  if (!site.daemon) return;
  const auto& daemon = *site.daemon;
  names::NameCache cache;
  cache.load(machine.root + daemon.storage.names());
  const auto own = [&daemon](const SocketAddress& address) {
    const auto* listener = config::own_listener_at(daemon, daemon.centre.transport, address);
    return listener == nullptr ? std::string() : listener->interface;
  };
  const auto servers = names::servers_of(daemon.centre, cache);
  if (names::host_questions(servers, daemon.centre.families).empty()) return;
  const auto found = names::addresses_of(daemon.centre, servers, cache, own);
  Rows rows(all, "name");
  for (const std::string& line : found.ourselves)
    rows.warn("centre", line + ": not taken", "correct the name in DNS");
  std::string known;
  for (const auto& upstream : found.upstreams)
    known += (known.empty() ? "" : ", ") + upstream.address.to_string();
  if (!known.empty()) rows.ok("centre", "by the last good answers " + known);
}

}  // namespace holdfast::doctor
