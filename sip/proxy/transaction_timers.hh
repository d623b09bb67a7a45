// SPDX-License-Identifier: Apache-2.0
// The times of RFC 3261 section 17 and table 4.
#pragma once

#include <cstdint>

namespace holdfast::sip {

struct TransactionTimers {
  uint32_t t1_ms = 500;
  uint32_t t2_ms = 4000;
  uint32_t t4_ms = 5000;
  uint32_t c_ms = 185000;  // above 3 minutes, section 16.6 step 11

  // B, F, H, J, L, M; and D, which is at least 32 s.
  uint32_t give_up_ms() const { return 64 * t1_ms; }
};

}  // namespace holdfast::sip
