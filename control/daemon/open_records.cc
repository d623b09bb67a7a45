// SPDX-License-Identifier: Apache-2.0
// Compares open records with the calls that live.
#include "control/daemon/open_records.hh"

namespace holdfast::daemon {

OpenRecords::OpenRecords(sip::Loop& loop, const sip::Proxy& proxy, const sip::MediaAnchor& anchor,
                         records::Recorder& recorder, Sink sink)
    : loop_(loop), proxy_(proxy), anchor_(anchor), recorder_(recorder), sink_(std::move(sink)) {
  timer_ = loop_.after(kEveryMs, [this] { look(); });
}

OpenRecords::~OpenRecords() {
  loop_.cancel(timer_);
}

void OpenRecords::look() {
  // Without the dataplane's list we do not know which calls of before still live.
  const bool list_known = anchor_.snapshot().state == sip::AnchorState::up;
  gap_ |= recorder_.take_gap();
  if (list_known && (!earlier_runs_done_ || gap_)) {
    if (sink_(store::CloseLostItem{live_calls(), gap_})) {
      earlier_runs_done_ = true;
      gap_ = false;
    }
  }
  timer_ = loop_.after(kEveryMs, [this] { look(); });
}

std::vector<uint64_t> OpenRecords::live_calls() const {
  std::vector<uint64_t> live;
  for (const auto& call : proxy_.snapshot().calls) live.push_back(call.call_key);
  for (const auto& call : anchor_.last_list()) {
    if (const auto key = sip::call_key_of_stream(call.call)) live.push_back(*key);
  }
  return live;
}

}  // namespace holdfast::daemon
