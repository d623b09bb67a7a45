// SPDX-License-Identifier: Apache-2.0
// Which of the branches' final answers goes back (RFC 3261 section 16.7 step 6), and how a call
// that was not made ended.
#pragma once

#include <cstddef>
#include <vector>

#include "sip/call_events.hh"

namespace holdfast::sip {

// The index of the best. There is at least one, none of them 2xx.
size_t best_answer(const std::vector<int>& statuses);

// 503 would make the phone take us for dead (section 16.7 step 6).
constexpr int passed_on(int status) {
  return status == 503 ? 500 : status;
}

// Of a final answer that is not 2xx to a call's INVITE. `was_cancelled`: by the caller.
CallEnd call_end_of(int status, bool was_cancelled);

}  // namespace holdfast::sip
