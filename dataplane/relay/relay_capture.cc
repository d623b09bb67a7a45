// SPDX-License-Identifier: Apache-2.0
// Copies of the frames of legs that are captured. Reached for those only.
#include <rte_cycles.h>

#include "dataplane/capture/capture_ring.hh"
#include "dataplane/relay/relay_core.hh"

namespace holdfast::dataplane {

void RelayCore::copy_frame(const Leg& leg, const rte_mbuf* frame, bool out) {
  if (capture_ == nullptr) return;
  capture_->push(rte_rdtsc(), index_of(leg), out,
                 {rte_pktmbuf_mtod(frame, const uint8_t*), frame->data_len});
}

void RelayCore::uncopy_frame(const Leg& leg) {
  if (leg.captured && capture_ != nullptr) capture_->refuse();
}

void RelayCore::capture(const CoreRequest& request) {
  capture_ = request.capture;
  for (const LegIndex index : request.captured_legs) {
    Leg& leg = *leg_of(index);
    leg.captured = request.capture != nullptr && leg.in_use;
  }
}

}  // namespace holdfast::dataplane
