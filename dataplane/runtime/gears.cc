// SPDX-License-Identifier: Apache-2.0
// The choice of a gear at the end of a window.
#include "dataplane/runtime/gears.hh"

#include <algorithm>

namespace holdfast::dataplane {

void Gears::shift(const Tally& seen, uint64_t now_ns) {
  const auto elapsed_ns = static_cast<double>(now_ns - seen.start_ns);
  const auto frames = static_cast<double>(seen.frames);
  const double per_ns = elapsed_ns > 0 ? frames / elapsed_ns : 0;
  if (seen.worked > 0) {
    const double frame_ns = static_cast<double>(seen.busy_ns) / static_cast<double>(seen.worked);
    // Polling, frames come by ones and twos and cost more each: no more than a bound from above.
    frame_ns_ = gear_ == Gear::poll ? std::min(frame_ns_, frame_ns) : frame_ns;
  }
  window_ = {now_ns};

  const double load = per_ns * frame_ns_;
  const auto longest_ns = static_cast<double>(longest_nap_ns_);
  const bool stay = gear_ == Gear::poll && load > kNapLoad && now_ns - poll_since_ns_ < kTrustNs;
  if (stay || (gear_ == Gear::nap && load > kPollLoad)) {
    if (!stay) poll_since_ns_ = now_ns;
    gear_ = Gear::poll;
  } else if (per_ns * longest_ns < 1) {
    gear_ = Gear::wait;
  } else {
    gear_ = Gear::nap;
    const double work_ns = load > 0 ? static_cast<double>(kWorkOfNapNs) / load : longest_ns;
    const double room_ns = static_cast<double>(kFramesOfNap) / per_ns;
    nap_ns_ = static_cast<uint64_t>(std::min({longest_ns, work_ns, room_ns}));
  }
}

}  // namespace holdfast::dataplane
