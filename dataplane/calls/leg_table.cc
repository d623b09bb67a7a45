// SPDX-License-Identifier: Apache-2.0
// Counts the legs that a process has left.
#include "dataplane/calls/leg_table.hh"

#include <algorithm>

#include "dataplane/state/state_file.hh"

namespace holdfast::dataplane {
namespace {

// The most that may be configured. A process before had no more, its calls for help aside.
constexpr uint32_t kMostLegs = 65'536 + kLegsForHelp;

}  // namespace

uint32_t legs_of_table(uint32_t max_legs, const LeftState* left) {
  uint32_t in_use = 0;
  // A table that is no larger than ours needs no counting: it has them all.
  if (left != nullptr && !left->calls_are_over() &&
      uint64_t{left->shape().cores} * left->shape().legs_per_core > max_legs + kLegsForHelp)
    left->for_each([&in_use](const LeftCall&) { in_use += 2; });
  return std::max(max_legs, std::min(in_use, kMostLegs)) + kLegsForHelp;
}

}  // namespace holdfast::dataplane
