// SPDX-License-Identifier: Apache-2.0
// A leg's snapshot in the words of the control socket.
#pragma once

#include <string>

#include "dataplane/control/messages.hh"
#include "dataplane/kernel/next_hops.hh"
#include "dataplane/relay/leg.hh"

namespace holdfast::dataplane {

// `peer`: the call's other leg, taken together with this one; what arrives there is what this leg's
// endpoint reports on.
control::LegReport leg_report(const LegSnapshot& snapshot, const LegSnapshot& peer,
                              const std::string& interface, const NextHop& next_hop);

}  // namespace holdfast::dataplane
