// SPDX-License-Identifier: Apache-2.0
// The bucket, with time handed in.
#include "provision-proxy/upstream/token_bucket.hh"

#include <gtest/gtest.h>

#include <random>

namespace holdfast::provision {
namespace {

constexpr uint64_t kSecond = 1'000'000;

TEST(TokenBucket, WithoutARateNobodyWaits) {
  TokenBucket bucket(0, 0, 0);
  bucket.spend(UINT64_MAX, 0);
  EXPECT_TRUE(bucket.ready(0));
  EXPECT_EQ(bucket.wait_us(0), 0U);
  EXPECT_FALSE(bucket.limited());
}

TEST(TokenBucket, StartsFullAndGoesIntoDebtByOnePiece) {
  TokenBucket bucket(1000, 100, 0);
  EXPECT_TRUE(bucket.ready(0));
  bucket.spend(99, 0);
  EXPECT_TRUE(bucket.ready(0)) << "one byte is left";
  bucket.spend(1001, 0);  // 1000 below nothing
  EXPECT_FALSE(bucket.ready(0));
  EXPECT_EQ(bucket.wait_us(0), kSecond + 1000) << "until there is a byte again";
  EXPECT_FALSE(bucket.ready(kSecond));
  EXPECT_TRUE(bucket.ready(kSecond + 1000));
}

TEST(TokenBucket, HoldsNoMoreThanItsBurst) {
  TokenBucket bucket(1000, 100, 0);
  bucket.spend(100, 0);
  EXPECT_TRUE(bucket.ready(3600 * kSecond));
  bucket.spend(100, 3600 * kSecond);
  EXPECT_FALSE(bucket.ready(3600 * kSecond));
}

TEST(TokenBucket, TimeThatRunsBackwardsIsHeldStill) {
  TokenBucket bucket(1000, 10, 5 * kSecond);
  bucket.spend(20, 5 * kSecond);
  EXPECT_FALSE(bucket.ready(1));
  EXPECT_EQ(bucket.wait_us(1), 11'000U);
  EXPECT_TRUE(bucket.ready(5 * kSecond + 11'000));
}

TEST(TokenBucket, ExtremesDoNotOverflow) {
  for (const uint64_t rate : {uint64_t{1}, uint64_t{1'000'000}, UINT64_MAX}) {
    for (const uint64_t burst : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
      TokenBucket bucket(rate, burst, 0);
      bucket.spend(UINT64_MAX, 0);
      bucket.spend(UINT64_MAX, 0);
      EXPECT_GT(bucket.wait_us(0), 0U);
      EXPECT_TRUE(bucket.ready(UINT64_MAX)) << rate << " " << burst;
    }
  }
}

TEST(TokenBucket, ReadyWhenItSaidItWouldBe) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    const uint64_t rate = 1 + random() % 10'000'000;
    TokenBucket bucket(rate, 16384, 0);
    uint64_t now = random() % kSecond;
    for (int i = 0; i < 20; ++i) {
      bucket.spend(random() % 100'000, now);
      const auto wait = bucket.wait_us(now);
      if (wait > 1) {
        EXPECT_FALSE(bucket.ready(now + wait - 1));
      }
      now += wait;
      ASSERT_TRUE(bucket.ready(now));
      now += random() % 1000;
    }
  }
}

// Whatever the pieces: never more than burst + rate x time + one piece, and no less than the rate.
TEST(TokenBucket, KeepsTheRateOverTime) {
  std::mt19937_64 random(11);
  for (const uint64_t rate :
       {uint64_t{3}, uint64_t{999}, uint64_t{125'000}, uint64_t{125'000'000}}) {
    const uint64_t burst = rate / 10 + 1, piece = 16384;
    TokenBucket bucket(rate, burst, 0);
    uint64_t now = 0, sent = 0;
    for (int i = 0; i < 5000; ++i) {
      now += bucket.wait_us(now);
      ASSERT_LE(sent, burst +
                          static_cast<uint64_t>(static_cast<double>(rate) *
                                                (static_cast<double>(now) / 1e6)) +
                          piece);
      const uint64_t size = 1 + random() % piece;
      bucket.spend(size, now);
      sent += size;
    }
    const double expected = static_cast<double>(rate) * (static_cast<double>(now) / 1e6);
    EXPECT_GE(static_cast<double>(sent), expected * 0.99) << rate;
  }
}

}  // namespace
}  // namespace holdfast::provision
