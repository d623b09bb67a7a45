// SPDX-License-Identifier: Apache-2.0
// Looks at the machine, and says what the appliance can use of it and what should be mended.
//
// Reads only: no socket is connected to, no program is attached, no setting is changed, so it may
// run beside a working appliance.
#pragma once

#include <vector>

#include "control/config/site_config.hh"
#include "control/doctor/machine.hh"
#include "control/doctor/row.hh"

namespace holdfast::doctor {

// In the order in which they are printed. Null: no configuration; then nothing is `needed`.
std::vector<Row> examine(const Machine& machine, const config::SiteConfig* site);

// Whether a start on the configuration can be expected to succeed: no row that it needs is not
// usable.
bool can_start(const std::vector<Row>& rows);

// The worst of all rows that matter: a driver that the configuration does not name is left out.
State verdict(const std::vector<Row>& rows);

}  // namespace holdfast::doctor
