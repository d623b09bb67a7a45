// SPDX-License-Identifier: Apache-2.0
// The streams of a leg: found again, bounded, and summed up exactly when room runs out.
#include "media/leg_streams.hh"

#include <gtest/gtest.h>

#include <type_traits>

namespace holdfast::media {
namespace {

static_assert(std::is_trivially_copyable_v<LegStreams<4>>);

TEST(LegStreams, AnSsrcChangeIsANewStreamAndNoLoss) {
  LegStreams<4> leg;
  uint64_t now = 0;
  for (uint32_t ssrc = 1; ssrc <= 3; ++ssrc)
    for (uint16_t n = 0; n < 100; ++n)
      leg.of(ssrc, 8000)
          .on_packet(static_cast<uint16_t>(ssrc * 20'000 + n), n * 160U, now += 20'000'000);
  ASSERT_EQ(leg.streams().size(), 3U);
  for (const StreamAccount& stream : leg.streams()) {
    EXPECT_EQ(stream.report().expected, 100U);
    EXPECT_EQ(stream.report().lost, 0U);
  }
  EXPECT_EQ(leg.retired().streams, 0U);
}

TEST(LegStreams, InterleavedStreamsAreFoundAgain) {
  LegStreams<2> leg;
  for (uint16_t n = 0; n < 100; ++n)
    for (const uint32_t ssrc : {0U, 0xffffffffU})
      leg.of(ssrc, 8000).on_packet(n, n * 160U, n * 20'000'000U);
  ASSERT_EQ(leg.streams().size(), 2U);
  EXPECT_EQ(leg.streams()[0].report().received, 100U);
  EXPECT_EQ(leg.streams()[1].report().received, 100U);
}

TEST(LegStreams, FullTheQuietestIsRetiredAndSumsStayExact) {
  LegStreams<3> leg;
  uint64_t now = 1;
  uint64_t told = 0;
  for (uint32_t ssrc = 1; ssrc <= 10; ++ssrc)
    for (uint16_t n = 0; n < 50; ++n) {
      leg.of(7777, 8000).on_packet(static_cast<uint16_t>(told / 2), 0, now);  // never quiet
      if (n != 20) leg.of(ssrc, 8000).on_packet(n, n * 160U, now);
      now += 20'000'000;
      told += 2;
    }
  uint64_t received = leg.retired().received;
  uint64_t lost = leg.retired().lost;
  bool main_there = false;
  for (const StreamAccount& stream : leg.streams()) {
    received += stream.report().received;
    lost += stream.report().lost;
    main_there |= stream.ssrc() == 7777;
  }
  EXPECT_EQ(leg.streams().size(), 3U);
  EXPECT_EQ(leg.retired().streams, 8U);
  EXPECT_EQ(lost, 10U);
  EXPECT_EQ(received, 500U + 490U);
  EXPECT_TRUE(main_there);
}

}  // namespace
}  // namespace holdfast::media
