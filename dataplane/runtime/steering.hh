// SPDX-License-Identifier: Apache-2.0
// Who brings a port's media to its lcore: the XDP program, the card's flow rules, or neither.
//
// Start-up only, on the thread that assembles.
#pragma once

#include <cstddef>
#include <string>

#include "dataplane/config/config.hh"
#include "dataplane/runtime/assembly.hh"

namespace holdfast::dataplane {

// The port has been started. The error in one line, or empty; what only costs more without it is
// among the warnings.
std::string steer(const config::InterfaceConfig& interface, size_t port, Assembly& parts);

// From now on the XDP programs drop media to ports without a leg. Once the legs of the process
// before are seated.
void drop_unused_early(Assembly& parts);

}  // namespace holdfast::dataplane
