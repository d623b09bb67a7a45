// SPDX-License-Identifier: Apache-2.0
// A leg's drop counters beyond sixteen bits.
#include "dataplane/relay/leg_drops.hh"

#include <gtest/gtest.h>

namespace holdfast::dataplane {
namespace {

TEST(LegDrops, ThreeReasonsCountOnBeyondSixteenBits) {
  LegDrops drops;
  constexpr size_t kFlooded[] = {0, 35, 7};
  for (uint32_t n = 0; n < 200'000; ++n) {
    for (const size_t reason : kFlooded) drops.add(reason);
    if (n < 65'535) drops.add(DropReason::tx_full);
  }
  for (const size_t reason : kFlooded) EXPECT_EQ(drops[reason], 200'000u);
  EXPECT_EQ(drops[leg_drop_index(DropReason::tx_full)], 65'535u);
  EXPECT_EQ(drops[1], 0u);
  for (int n = 0; n < 10; ++n) drops.add(DropReason::tx_full);
  EXPECT_EQ(drops[leg_drop_index(DropReason::tx_full)], 65'535u)
      << "the fourth says: so many at least";
  for (const size_t reason : kFlooded) EXPECT_EQ(drops[reason], 200'000u);
}

}  // namespace
}  // namespace holdfast::dataplane
