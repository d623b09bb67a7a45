// SPDX-License-Identifier: Apache-2.0
// For how many legs a process has room: those that are configured, those for help, and all that go
// on from the process before.
#pragma once

#include <cstdint>

namespace holdfast::dataplane {

class LeftState;

inline constexpr uint32_t kLegsForHelp = 32;  // beside max-legs: 16 streams of calls for help

// max-legs, or the legs of the calls that are left if they are more, since none is ended for a
// smaller number in a file; and the legs for help, which those must not take. `left`: null when it
// left nothing. Start-up only.
uint32_t legs_of_table(uint32_t max_legs, const LeftState* left);

}  // namespace holdfast::dataplane
