// SPDX-License-Identifier: Apache-2.0
// What one option of holdfastd alone cannot tell: which options and sections go together.
#pragma once

#include <vector>

#include "control/config/site_options.hh"
#include "dataplane/config/checks.hh"

namespace holdfast::config {

// Where the sections of holdfastd stand in the file; lists are parallel to those of DaemonConfig.
struct DaemonPlaces {
  Places sip{"sip", 0, {}}, centre{"centre", 0, {}}, dial_plan{"dial-plan", 0, {}};
  Places media{"media", 0, {}}, storage{"storage", 0, {}}, admin{"admin", 0, {}};
  std::vector<Places> listeners, gateways;
};

// Fills in what depends on the interfaces, makes the dial plan, and checks the whole.
void complete_daemon(DaemonConfig& config, const DialPlanSection& dial_plan,
                     const DataplaneConfig& dataplane, const DaemonPlaces& places, Faults& faults);

}  // namespace holdfast::config
