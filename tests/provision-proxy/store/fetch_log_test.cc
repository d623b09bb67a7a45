// SPDX-License-Identifier: Apache-2.0
// Who fetched what: the last of each, and the bounds.
#include "provision-proxy/store/fetch_log.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

Key key(const std::string& target) {
  return {"o", target, ""};
}

TEST(FetchLog, KeepsTheLastFetchOfEachPhone) {
  FetchLog log(10, 100);
  log.note(key("/a"), "p1", "UA/1", 10, 200);
  log.note(key("/a"), "p2", "UA/1", 11, 404);
  log.note(key("/a"), "p1", "UA/2", 12, 200);
  const auto of = log.of(key("/a"));
  ASSERT_EQ(of.size(), 2U);
  EXPECT_EQ(of[0].identity, "p1");
  EXPECT_EQ(of[0].user_agent, "UA/2");
  EXPECT_EQ(of[0].count, 2U);
  EXPECT_EQ(of[1].identity, "p2");
  EXPECT_EQ(of[1].status, 404);
  EXPECT_TRUE(log.of(key("/b")).empty());
}

TEST(FetchLog, IsBoundedForAKeyAndInAll) {
  FetchLog log(3, 5);
  for (int i = 0; i < 5; ++i) log.note(key("/a"), "p" + std::to_string(i), "UA", i, 200);
  auto of = log.of(key("/a"));
  ASSERT_EQ(of.size(), 3U);
  EXPECT_EQ(of[2].identity, "p2");
  log.note(key("/a"), "p2", "UA", 9, 200);  // again: now p3 is the oldest
  for (int i = 0; i < 3; ++i) log.note(key("/b"), "q" + std::to_string(i), "UA", 10 + i, 200);
  EXPECT_EQ(log.size(), 5U);
  of = log.of(key("/a"));
  ASSERT_EQ(of.size(), 2U);
  EXPECT_EQ(of[0].identity, "p2");
  EXPECT_EQ(log.dropped(), 3U);
  for (int i = 0; i < 10'000; ++i) log.note(key("/c"), std::to_string(i), "UA", 100, 200);
  const auto changes = log.take_changes();
  EXPECT_LE(changes.put.size(), 5U);
  EXPECT_LE(changes.gone.size(), 5U);
  log.note(key("/d"), std::string(1000, 'i'), std::string(1000, 'u'), 1, 200);
  EXPECT_EQ(log.of(key("/d"))[0].identity.size(), FetchLog::kMaxIdentity);
  EXPECT_EQ(log.of(key("/d"))[0].user_agent.size(), FetchLog::kMaxUserAgent);
}

TEST(FetchLog, GivesEachChangeOnce) {
  FetchLog log(2, 10);
  log.note(key("/a"), "p1", "UA", 1, 200);
  log.note(key("/a"), "p1", "UA", 2, 200);
  log.note(key("/a"), "p2", "UA", 3, 200);
  EXPECT_EQ(log.take_changes().put.size(), 2U);
  EXPECT_FALSE(log.has_changes());
  log.note(key("/a"), "p3", "UA", 4, 200);
  const auto changes = log.take_changes();
  ASSERT_EQ(changes.put.size(), 1U);
  ASSERT_EQ(changes.gone.size(), 1U);
  EXPECT_EQ(changes.gone[0].second, "p1");
  EXPECT_EQ(log.take_changes(true).put.size(), 2U);
}

TEST(FetchLog, PhonesShowTheirNewestFirmware) {
  FetchLog log(10, 100);
  log.note(key("/a"), "p1", "UA/1", 1, 200);
  log.note(key("/b"), "p1", "UA/2", 2, 200);
  log.note(key("/b"), "p0", "UA/9", 3, 200);
  log.note(key("/b"), "", "curl", 4, 200);  // nobody we know
  const auto phones = log.phones();
  ASSERT_EQ(phones.size(), 2U);
  EXPECT_EQ(phones[0].fetch.user_agent, "UA/9");
  EXPECT_EQ(phones[1].fetch.user_agent, "UA/2");
}

}  // namespace
}  // namespace holdfast::provision
