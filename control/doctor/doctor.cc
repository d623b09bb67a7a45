// SPDX-License-Identifier: Apache-2.0
// Runs all checks.
#include "control/doctor/doctor.hh"

#include <algorithm>

#include "control/doctor/checks.hh"

namespace holdfast::doctor {

std::vector<Row> examine(const Machine& machine, const config::SiteConfig* site) {
  std::vector<Row> rows;
  check_drivers(machine, site, rows);
  check_links(machine, site, rows);
  check_memory(machine, site, rows);
  check_cpus(machine, site, rows);
  check_clock(machine, rows);
  check_places(machine, site, rows);
  if (site == nullptr) return rows;
  check_certificates(machine, *site, rows);
  check_srtp(*site, rows);
  check_sockets(machine, *site, rows);
  check_names(machine, *site, rows);
  return rows;
}

bool can_start(const std::vector<Row>& rows) {
  return std::none_of(rows.begin(), rows.end(),
                      [](const Row& row) { return row.needed && row.state == State::not_usable; });
}

State verdict(const std::vector<Row>& rows) {
  if (!can_start(rows)) return State::not_usable;
  const bool warned = std::any_of(rows.begin(), rows.end(),
                                  [](const Row& row) { return row.state == State::warning; });
  return warned ? State::warning : State::ok;
}

}  // namespace holdfast::doctor
