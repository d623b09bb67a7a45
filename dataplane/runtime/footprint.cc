// SPDX-License-Identifier: Apache-2.0
// Looks for what a dataplane leaves in the kernel, and takes it away.
#include "dataplane/runtime/footprint.hh"

#include "dataplane/kernel/guards.hh"
#include "dataplane/kernel/instance_lock.hh"
#include "dataplane/kernel/link.hh"
#include "dataplane/kernel/tap.hh"
#include "dataplane/kernel/xdp_steer.hh"
#include "dataplane/runtime/assembly.hh"

namespace holdfast::dataplane {

using config::InterfaceConfig;
using config::Take;

Footprint footprint(const config::DataplaneConfig& config) {
  Footprint found;
  found.guards = guards_stand();
  for (const InterfaceConfig& interface : config.interfaces) {
    if (interface.take != Take::kOwned) continue;
    if (find_link(interface.tap)) found.taps.insert(interface.tap);
    if (kernel_ipv6(interface.device)) found.ipv6_devices.insert(interface.device);
  }
  return found;
}

void withdraw(const config::DataplaneConfig& config, const Footprint& before) {
  if (!before.guards) static_cast<void>(remove_guards());
  for (const InterfaceConfig& interface : config.interfaces) {
    if (interface.take == Take::kOwned && !before.taps.contains(interface.tap))
      static_cast<void>(remove_tap(interface.tap));
    if (before.ipv6_devices.contains(interface.device))
      static_cast<void>(set_kernel_ipv6(interface.device, true));
  }
}

std::string release(const config::DataplaneConfig& config) {
  const auto lock = InstanceLock::take();
  if (!lock) return lock.error() + "; stop it first";
  std::string errors;
  const auto note = [&errors](const Outcome& outcome) {
    if (!outcome) errors += (errors.empty() ? "" : "; ") + outcome.error();
  };
  note(remove_guards());
  remove_state(state_path(config));
  for (const InterfaceConfig& interface : config.interfaces) {
    const bool owned = interface.take == Take::kOwned;
    if (owned) note(remove_tap(interface.tap));
    const auto link = find_link(interface.device);
    if (!link) continue;  // a device that is gone, or one that the kernel never had
    if (interface.driver == config::Driver::kAfXdp) note(detach_steer(link->ifindex));
    if (owned) note(set_kernel_ipv6(interface.device, true));
  }
  return errors;
}

}  // namespace holdfast::dataplane
