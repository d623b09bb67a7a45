// SPDX-License-Identifier: Apache-2.0
// What a leg is to be, from what the control plane asked for: pure functions, without ports and
// lcores.
#pragma once

#include <optional>

#include "dataplane/control/messages.hh"
#include "dataplane/relay/leg.hh"

namespace holdfast::dataplane {

template <typename T>
using Answer = Result<T, control::Error>;

// Fills in what a LegSpec says: remotes, learning, mux, clock rates, class, mark. `setup.local` is
// there already, and decides the address family. Nothing when all is well, else kBadRequest.
std::optional<control::Error> apply_spec(const control::LegSpec& spec, LegSetup& setup);

// What an update makes of a leg.
struct LegChange {
  LegSetup setup;
  bool relearn = false;  // sources are to be learned again
  bool unset = false;    // what `setup.remote` does not name is sent to no more
};
Answer<LegChange> plan_update(const LegSetup& before, const control::LegUpdate& update);

}  // namespace holdfast::dataplane
