// SPDX-License-Identifier: Apache-2.0
// Keys of legs, made ready for the lcores on the slow thread: derived and expanded by an engine of
// its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/control/messages.hh"
#include "dataplane/relay/leg.hh"
#include "dataplane/relay/srtp_leg.hh"
#include "media/srtp/choose.hh"

namespace holdfast::dataplane {

// Slow thread only.
class SrtpSetup {
 public:
  // Memory for the SRTP of a leg; false: there is none.
  using Reserve = std::function<bool(LegIndex)>;

  // What another process left of a leg, where it lies in the leg's memory already; else null.
  using Brought = std::function<const SrtpLeg*(LegIndex)>;

  // The lcores have engines of the same kind. Without an engine every key is refused. Without
  // `brought` nothing is.
  SrtpSetup(media::SrtpChosen engine, Reserve reserve, Brought brought = {});

  // What brings a leg that has the keys of `has` to those of `wanted`. A key that it has already is
  // no part of the change. `checkpoint`: of the leg in a process that lost it, advanced; empty: the
  // leg is new. Refused with kNoSrtp.
  std::optional<control::Error> plan(LegIndex leg, const SrtpLegSummary& has,
                                     const control::LegSrtp& wanted, std::string_view checkpoint,
                                     SrtpChange& change);
  // The same of what another process left of its leg `was`: no change where it is brought. Null: it
  // is lost. Empty, or why it cannot be. Then the leg must not go on: told the same keys again, but
  // no checkpoint, it would give out the same indices.
  std::string take_over(LegIndex leg, LegIndex was, const SrtpLeg* left,
                        std::unique_ptr<SrtpChange>& change);

  control::SrtpEngineStatus status() const;

 private:
  bool can_adopt(const SrtpLeg& left) const;

  media::SrtpChosen chosen_;
  Reserve reserve_;
  Brought brought_;
  std::unique_ptr<SrtpLeg> scratch_;
};

}  // namespace holdfast::dataplane
