// SPDX-License-Identifier: Apache-2.0
// What no two of the daemons can both have, and next hops that would be ourselves.
#pragma once

#include "control/config/site_checks.hh"
#include "control/config/site_config.hh"
#include "dataplane/config/checks.hh"

namespace holdfast::config {

// Of a site whose sections are complete, each for itself. `places` are those of its daemon.
void check_apart(const SiteConfig& site, const DaemonPlaces& places, Faults& faults);

// The listener at which a request that is sent there would come back to us; null: none of ours.
const SipListenerConfig* own_listener_at(const DaemonConfig& daemon, sip::Transport transport,
                                         const SocketAddress& hop);

}  // namespace holdfast::config
