// SPDX-License-Identifier: Apache-2.0
// Keys and checkpoints of the book's legs.
#include <algorithm>

#include "dataplane/calls/call_book.hh"

namespace holdfast::dataplane {

using control::Error;
using control::ErrorCode;

namespace {

// Of one entry of a page besides its checkpoint; each character of a key may need two.
constexpr size_t kEntryBytes = 2 * SavedCall::kMaxKey + 80;
constexpr size_t kPageBytes = control::kMaxFrameBytes - 1024;

// Whether a page has room for the legs of another call, beside `legs` that will be on it.
bool has_room(const control::CheckpointPage& page, size_t legs, size_t bytes, uint32_t limit) {
  constexpr size_t kLegBytes = kEntryBytes + media::kMaxCheckpointText;
  return page.legs.size() + legs + 2 <= std::max(limit, 2u) &&
         bytes + (legs + 2) * kLegBytes <= kPageBytes;
}

}  // namespace

// Null: the leg has no SRTP, or none is wanted.
Answer<std::unique_ptr<SrtpChange>> CallBook::plan_srtp(LegIndex leg, const SrtpLegSummary& has,
                                                        const control::SharedSrtp& wanted,
                                                        std::string_view checkpoint) {
  if (wanted == nullptr) return std::unique_ptr<SrtpChange>();
  if (srtp_ == nullptr) return Error{ErrorCode::kNoSrtp, "this dataplane has no SRTP"};
  auto change = std::make_unique<SrtpChange>();
  if (auto refused = srtp_->plan(leg, has, *wanted, checkpoint, *change)) return *refused;
  return change;
}

// Empty, or why the call cannot go on.
std::string CallBook::plan_left_srtp(const LeftCall& left, CallNumber call, SrtpChanges& srtp) {
  for (size_t i = 0; i < 2; ++i) {
    if (left.legs[i].leg.setup.payload != PayloadKind::srtp) continue;
    if (srtp_ == nullptr) return "this dataplane has no SRTP";
    const LegIndex leg = legs_of(call)[i];
    if (auto why = srtp_->take_over(leg, left.legs[i].index, left.srtp[i], srtp[i]); !why.empty())
      return why;
  }
  return {};
}

Answer<control::CheckpointPage> CallBook::checkpoints(const control::CheckpointList& request) {
  control::CheckpointPage page;
  size_t bytes = 0;
  CallNumber call = static_cast<CallNumber>(std::min<uint64_t>(request.after, serials_.size()));
  while (skip_to_call(call)) {
    // A question to an lcore is about legs of one of them.
    const uint32_t core = board_.owner_of_leg(legs_of(call)[0]);
    std::vector<LegIndex> batch;
    for (; skip_to_call(call) && board_.owner_of_leg(legs_of(call)[0]) == core; ++call) {
      if (batch.size() + 2 > CoreRequest::kMaxRequestItems ||
          !has_room(page, batch.size(), bytes, request.limit))
        break;
      for (const LegIndex leg : legs_of(call)) {
        if (legs_[leg].srtp) batch.push_back(leg);
      }
    }
    if (!batch.empty()) {
      const auto answers = lines_[core]->checkpoints(batch);
      if (answers.empty()) return Error(core_busy());
      for (size_t i = 0; i < batch.size(); ++i) {
        page.legs.push_back(
            {std::string(saved_[call_of(batch[i])].name()), batch[i], media::to_text(answers[i])});
        bytes += kEntryBytes + page.legs.back().checkpoint.size();
      }
    }
    if (has_room(page, 0, bytes, request.limit) || !skip_to_call(call)) continue;
    page.next = call;
    break;
  }
  return page;
}

control::SrtpEngineStatus CallBook::srtp_status() const {
  if (srtp_ == nullptr) return {};
  control::SrtpEngineStatus status = srtp_->status();
  for (LegIndex leg = 1; leg < legs_.size(); ++leg)
    if (has_srtp(leg)) ++status.legs;
  return status;
}

}  // namespace holdfast::dataplane
