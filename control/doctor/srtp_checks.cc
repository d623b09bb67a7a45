// SPDX-License-Identifier: Apache-2.0
// What the configuration lets become of SRTP.
#include "control/config/srtp_warnings.hh"
#include "control/doctor/checks.hh"

namespace holdfast::doctor {

void check_srtp(const config::SiteConfig& site, std::vector<Row>& all) {
  for (const auto& each : config::srtp_warnings_of(site))
    Rows(all, "interface " + each.interface).warn("srtp", each.why, each.todo);
}

}  // namespace holdfast::doctor
