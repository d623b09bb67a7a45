// SPDX-License-Identifier: Apache-2.0
// What a dataplane leaves in the kernel beyond its own life: guards, taps, XDP programs,
// owned devices without IPv6.
//
// Start-up only, with the device locks held or no dataplane running.
#pragma once

#include <set>
#include <string>

#include "dataplane/config/config.hh"

namespace holdfast::dataplane {

struct Footprint {
  bool guards = false;
  std::set<std::string> taps;
  std::set<std::string> ipv6_devices;  // of owned ports, where the kernel speaks IPv6
};

// What stands now of a dataplane with this configuration.
Footprint footprint(const config::DataplaneConfig& config);

// After a failed start: takes away what was not there `before`. What an earlier life left stays,
// for it keeps the kernel from answering media while nobody is there to take it. Done as far as it
// goes: the start's own error is the one to tell.
void withdraw(const config::DataplaneConfig& config, const Footprint& before);

// Gives the machine back: takes away all that a stopped dataplane left. Error in one line, or
// empty.
std::string release(const config::DataplaneConfig& config);

}  // namespace holdfast::dataplane
