// SPDX-License-Identifier: Apache-2.0
// Keeps the o= line that one side of a dialog sees from us consistent (RFC 3264 section 8): the
// session stays the same, and its version rises by one exactly when what we send has changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "media/sdp_anchor.hh"

namespace holdfast::media {

// One per dialog and direction. Follows the writer's own versions while these behave, so that a
// control plane that was started again goes on where it stopped.
class SdpOriginKeeper {
 public:
  // Anchors `sdp` under the identity that is due; plan.identity is not read.
  Result<std::string, SdpReject> anchor(const Sdp& sdp, const AnchorPlan& plan);

 private:
  void follow(const SdpOrigin& theirs, bool changed);

  std::optional<SdpIdentity> sent_;
  SdpIdentity theirs_;      // as last seen
  uint64_t version_ = 0;    // of sent_
  uint64_t body_hash_ = 0;  // of what was sent last, but for its o=
};

}  // namespace holdfast::media
