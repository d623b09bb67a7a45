// SPDX-License-Identifier: Apache-2.0
// A rate that holds over any time, and bursts that are never longer than the bucket.
#include "dataplane/runtime/token_bucket.hh"

#include <gtest/gtest.h>

namespace holdfast::dataplane {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kStart = 5'000'000 * kMs;  // of a steady clock that runs since long ago

uint64_t drain(TokenBucket& bucket, uint64_t piece = 1) {
  uint64_t spent = 0;
  for (; bucket.has(); spent += piece) bucket.spend(piece);
  return spent;
}

TEST(TokenBucket, BeginsFullAndIsNeverFuller) {
  TokenBucket bucket(1000, 20);
  bucket.refill(kStart);
  EXPECT_EQ(drain(bucket), 20u);
  bucket.refill(kStart + 5 * kMs);
  EXPECT_EQ(drain(bucket), 5u);
  bucket.refill(kStart + 3'600'000 * kMs);
  EXPECT_EQ(drain(bucket), 20u);
}

TEST(TokenBucket, LosesNothingHoweverOftenItIsAsked) {
  for (const uint64_t step_ns : {uint64_t{700}, 33'333 * uint64_t{1}, kMs, 19 * kMs}) {
    TokenBucket bucket(1000, 20);
    bucket.refill(kStart);
    drain(bucket);
    uint64_t spent = 0;
    uint64_t now_ns = kStart;
    while (now_ns < kStart + 2000 * kMs) {
      now_ns += step_ns;
      bucket.refill(now_ns);
      spent += drain(bucket);
    }
    const uint64_t due = (now_ns - kStart) / kMs;
    EXPECT_LE(spent, due) << step_ns;
    EXPECT_GE(spent + 1, due) << step_ns;
  }
}

TEST(TokenBucket, WhatWasOverdrawnIsEarnedBackFirst) {
  TokenBucket bucket(1'000'000, 1000);  // bytes: smaller than a frame
  bucket.refill(kStart);
  EXPECT_EQ(drain(bucket, 1514), 1514u);
  bucket.refill(kStart + 514'000);
  EXPECT_FALSE(bucket.has()) << "it owes 514 and has earned them";
  bucket.refill(kStart + 515'000);
  EXPECT_TRUE(bucket.has());
  uint64_t bytes = 0;
  for (uint64_t ms = 1; ms <= 1000; ++ms) {
    bucket.refill(kStart + ms * kMs);
    bytes += drain(bucket, 1514);
  }
  EXPECT_LE(bytes, 1'000'000u + 1514u);
  EXPECT_GE(bytes, 1'000'000u - 1514u);
}

TEST(TokenBucket, AnEmptyOneStillLetsOnePass) {
  TokenBucket bucket(10, 0);
  bucket.refill(kStart);
  EXPECT_EQ(drain(bucket), 1u);
}

}  // namespace
}  // namespace holdfast::dataplane
