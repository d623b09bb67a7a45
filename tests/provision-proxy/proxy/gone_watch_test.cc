// SPDX-License-Identifier: Apache-2.0
// When a 404 is believed.
#include "provision-proxy/proxy/gone_watch.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

constexpr int64_t kDay_ms = kGoneOver_ms;

TEST(GoneWatch, OftenAndOverADay) {
  Remark seen;
  EXPECT_FALSE(denied_long_enough(seen, 0));
  EXPECT_FALSE(denied_long_enough(seen, 1));
  EXPECT_FALSE(denied_long_enough(seen, 2)) << "often, but not long";
  EXPECT_FALSE(denied_long_enough(seen, kDay_ms - 1));
  EXPECT_TRUE(denied_long_enough(seen, kDay_ms));
  EXPECT_EQ(seen, Remark{});
  EXPECT_FALSE(denied_long_enough(seen, kDay_ms)) << "begins anew";
}

TEST(GoneWatch, LongButNotOften) {
  Remark seen;
  EXPECT_FALSE(denied_long_enough(seen, 0));
  EXPECT_FALSE(denied_long_enough(seen, 2 * kDay_ms));
  EXPECT_TRUE(denied_long_enough(seen, 2 * kDay_ms));
}

TEST(GoneWatch, CountsNoFurtherThanNeeded) {
  Remark seen;
  for (int64_t i = 1; i <= kGoneTimes; ++i) {
    denied_long_enough(seen, i);
    EXPECT_EQ(seen, (Remark{i, 1}));
  }
  const Remark full = seen;
  for (int64_t i = 10; i < 100; ++i) denied_long_enough(seen, i);
  EXPECT_EQ(seen, full) << "nothing to be written down";
}

TEST(GoneWatch, AClockSetBackBelievesNothing) {
  Remark seen{kGoneTimes, 5 * kDay_ms};
  EXPECT_FALSE(denied_long_enough(seen, 0));
  EXPECT_FALSE(denied_long_enough(seen, 6 * kDay_ms - 1));
  EXPECT_TRUE(denied_long_enough(seen, 6 * kDay_ms));
}

}  // namespace
}  // namespace holdfast::provision
