// SPDX-License-Identifier: Apache-2.0
// A leg's snapshot in the words of the control socket.
#pragma once

#include <string>

#include "dataplane/control/messages.hh"
#include "dataplane/kernel/next_hops.hh"
#include "dataplane/relay/leg.hh"

namespace holdfast::dataplane {

control::LegReport leg_report(const LegSnapshot& snapshot, const std::string& interface,
                              const NextHop& next_hop);

}  // namespace holdfast::dataplane
