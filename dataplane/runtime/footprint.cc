// SPDX-License-Identifier: Apache-2.0
// Looks for what a dataplane leaves in the kernel, and takes it away.
#include "dataplane/runtime/footprint.hh"

#include "dataplane/kernel/guards.hh"
#include "dataplane/kernel/link.hh"
#include "dataplane/kernel/tap.hh"
#include "dataplane/kernel/xdp_steer.hh"

namespace holdfast::dataplane {

using config::InterfaceConfig;
using config::Take;

Footprint footprint(const config::DataplaneConfig& config) {
  Footprint found;
  found.guards = guards_stand();
  for (const InterfaceConfig& interface : config.interfaces) {
    if (interface.take == Take::kOwned && find_link(interface.tap))
      found.taps.insert(interface.tap);
  }
  return found;
}

void withdraw(const config::DataplaneConfig& config, const Footprint& before) {
  if (!before.guards) static_cast<void>(remove_guards());
  for (const InterfaceConfig& interface : config.interfaces) {
    if (interface.take == Take::kOwned && !before.taps.contains(interface.tap))
      static_cast<void>(remove_tap(interface.tap));
  }
}

std::string release(const config::DataplaneConfig& config) {
  if (const Outcome removed = remove_guards(); !removed) return removed.error();
  for (const InterfaceConfig& interface : config.interfaces) {
    if (interface.take == Take::kOwned) {
      if (const Outcome removed = remove_tap(interface.tap); !removed) return removed.error();
    } else if (const auto link = find_link(interface.device); link) {
      if (const Outcome detached = detach_steer(link->ifindex); !detached) return detached.error();
    }
  }
  return {};
}

}  // namespace holdfast::dataplane
