// SPDX-License-Identifier: Apache-2.0
// Once a second, what must be known of legs with SRTP in case that the dataplane loses them: given
// again under the same keys, they must not number a packet as one was numbered before.
#include <algorithm>

#include "media/srtp/checkpoint.hh"
#include "sip/anchor/stream_table.hh"

namespace holdfast::sip {
namespace {

using control::LegCheckpoint;
using media::SrtpEnd;

constexpr uint32_t kCheckpointMs = 1'000;  // media/srtp/state.hh jumps over what is sent in it

bool has_srtp(const StreamEntry& entry) {
  return std::any_of(entry.plan.srtp.begin(), entry.plan.srtp.end(),
                     [](const SrtpEnd& end) { return end.mode != SrtpEnd::Mode::plain; });
}

}  // namespace

// From the first leg with SRTP to the last.
void StreamTable::watch_checkpoints(const StreamEntry& entry) {
  if (checkpoint_timer_ == 0 && has_srtp(entry)) time_checkpoints();
}

void StreamTable::time_checkpoints() {
  checkpoint_timer_ = loop_.after(kCheckpointMs, [this] {
    checkpoint_timer_ = 0;
    const bool any = std::any_of(streams_.begin(), streams_.end(),
                                 [](const auto& each) { return has_srtp(each.second); });
    if (!any) return;
    if (client().is_up() && !asking_checkpoints_) ask_checkpoints(0);
    time_checkpoints();
  });
}

void StreamTable::ask_checkpoints(uint64_t after) {
  control::CheckpointList page;
  page.after = after;
  asking_checkpoints_ = true;
  client().checkpoints(page, [this](const Result<control::CheckpointPage, Error>& answer) {
    asking_checkpoints_ = false;
    if (!answer) return counts_.add(answer.error());
    take_checkpoints(*answer);
    if (answer->next && client().is_up()) ask_checkpoints(*answer->next);
  });
}

void StreamTable::take_checkpoints(const control::CheckpointPage& page) {
  for (const LegCheckpoint& each : page.legs) {
    const auto found = streams_.find(each.call);
    if (found == streams_.end() || found->second.state != StreamEntry::State::there) continue;
    for (size_t i = 0; i < found->second.places.size(); ++i) {
      if (found->second.places[i].leg != each.leg) continue;
      counts_.add(AnchorCounter::checkpoints);
      found->second.checkpoints[i] = each.checkpoint;
    }
  }
}

// The advanced one is kept before it is told: a second loss begins behind it.
void StreamTable::restore_srtp(StreamEntry& entry, control::CallAdd& request) {
  for (size_t i = 0; i < request.legs.size(); ++i) {
    if (!request.legs[i].srtp) continue;
    std::string& kept = entry.checkpoints[i];
    auto advanced = media::advance_checkpoint(kept);
    if (!advanced) advanced = media::advance_checkpoint({});  // not ours to understand
    if (!advanced) continue;
    kept = *advanced;
    request.legs[i].srtp_checkpoint = kept;
  }
}

}  // namespace holdfast::sip
