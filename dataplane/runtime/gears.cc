// SPDX-License-Identifier: Apache-2.0
// The choice of a gear at the end of a window.
#include "dataplane/runtime/gears.hh"

namespace holdfast::dataplane {

double GatherCost::frame_ns() const {
  std::array<Gather, kKept> sorted = kept_;
  const size_t n = std::min(count_, kKept);
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(n);
  std::sort(sorted.begin(), end, [](const Gather& a, const Gather& b) {
    return a.busy_ns * b.frames < b.busy_ns * a.frames;  // the cheaper frames first
  });
  const size_t counted = n > kOutliers ? n - kOutliers : 1;
  Gather sum{};
  for (size_t i = 0; i < counted; ++i) {
    sum.frames += sorted[i].frames;
    sum.busy_ns += sorted[i].busy_ns;
  }
  return static_cast<double>(sum.busy_ns) / static_cast<double>(sum.frames);
}

// Frames that did not gather cost more each: what they cost is no more than a bound from above.
double Gears::frame_ns(const Tally& seen) const {
  double known_ns = frame_ns_;
  bool known = gear_ == Gear::poll;
  if (gathers_.known()) {
    known_ns = gathers_.frame_ns();
    known = true;
  }
  if (seen.worked == 0) return known_ns;
  const double seen_ns = static_cast<double>(seen.busy_ns) / static_cast<double>(seen.worked);
  return known ? std::min(known_ns, seen_ns) : seen_ns;
}

void Gears::shift(const Tally& seen, uint64_t now_ns) {
  const auto elapsed_ns = static_cast<double>(now_ns - seen.start_ns);
  per_ns_ = elapsed_ns > 0 ? static_cast<double>(seen.frames) / elapsed_ns : 0;
  frame_ns_ = frame_ns(seen);
  window_ = {now_ns};

  const double load = per_ns_ * frame_ns_;
  if (gear_ == Gear::poll && load > kNapLoad) return;
  if (gear_ == Gear::nap && load > kPollLoad) {
    gear_ = Gear::poll;
    gathers_.forget();  // what made it poll may be wrong: probes tell
    probe_every_ns_ = kFirstProbeNs;
    probe_at_ns_ = now_ns + probe_every_ns_;
  } else if (per_ns_ * static_cast<double>(longest_nap_ns_) < 1) {
    gear_ = Gear::wait;
  } else {
    gear_ = Gear::nap;
    nap_ns_ = nap_for(kFramesOfNap);
    if (load > 0) {
      const double work_ns = static_cast<double>(kWorkOfNapNs) / load;
      nap_ns_ = static_cast<uint64_t>(std::min(static_cast<double>(nap_ns_), work_ns));
    }
  }
}

}  // namespace holdfast::dataplane
