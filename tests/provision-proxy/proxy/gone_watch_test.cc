// SPDX-License-Identifier: Apache-2.0
// When a 404 is believed.
#include "provision-proxy/proxy/gone_watch.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

constexpr int64_t kDay_ms = GoneWatch::kOver_ms;

TEST(GoneWatch, OftenAndOverADay) {
  GoneWatch watch;
  EXPECT_FALSE(watch.denied("a", 0));
  EXPECT_FALSE(watch.denied("a", 1));
  EXPECT_FALSE(watch.denied("a", 2)) << "often, but not long";
  EXPECT_FALSE(watch.denied("a", kDay_ms - 1));
  EXPECT_TRUE(watch.denied("a", kDay_ms));
  EXPECT_FALSE(watch.denied("a", kDay_ms)) << "begins anew";
}

TEST(GoneWatch, LongButNotOften) {
  GoneWatch watch;
  EXPECT_FALSE(watch.denied("a", 0));
  EXPECT_FALSE(watch.denied("a", 2 * kDay_ms));
  EXPECT_TRUE(watch.denied("a", 2 * kDay_ms));
}

TEST(GoneWatch, SeenInBetweenBeginsAnew) {
  GoneWatch watch;
  watch.denied("a", 0);
  watch.denied("a", 1);
  watch.is_there("a");
  EXPECT_FALSE(watch.denied("a", kDay_ms));
  EXPECT_FALSE(watch.denied("b", kDay_ms)) << "another file";
}

TEST(GoneWatch, IsBounded) {
  GoneWatch watch;
  for (size_t i = 0; i < GoneWatch::kMaxWatched; ++i) watch.denied(std::to_string(i), 0);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(watch.denied("more", 2 * kDay_ms));
  watch.denied("1", 1);
  EXPECT_TRUE(watch.denied("1", kDay_ms));
}

}  // namespace
}  // namespace holdfast::provision
