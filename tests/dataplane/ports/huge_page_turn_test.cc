// SPDX-License-Identifier: Apache-2.0
// One at a time, and nobody waits for ever.
#include "dataplane/ports/huge_page_turn.hh"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

namespace holdfast::dataplane {
namespace {

TEST(HugePageTurn, SecondWaitsUntilTheFirstHasEnded) {
  std::optional<HugePageTurn> first(std::in_place);
  ASSERT_TRUE(first->is_ours());
  EXPECT_FALSE(HugePageTurn(0).is_ours());
  EXPECT_FALSE(HugePageTurn(30).is_ours());
  bool second_had_it = false;
  std::thread second([&] { second_had_it = HugePageTurn().is_ours(); });
  first.reset();
  second.join();
  EXPECT_TRUE(second_had_it);
}

}  // namespace
}  // namespace holdfast::dataplane
