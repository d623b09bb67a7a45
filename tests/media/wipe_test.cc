// SPDX-License-Identifier: Apache-2.0
// Text with keys in it leaves none of them in memory that it gives back.
#include "media/wipe.hh"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/freed_memory.hh"

namespace holdfast::media {
namespace {

constexpr std::string_view kKey = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

TEST(Wipe, OfTextTakesItsWholeCapacity) {
  std::string text(100, 'k');
  text.resize(50);
  wipe(text);
  EXPECT_TRUE(text.empty());
  ASSERT_GE(text.capacity(), 100U) << "the memory is the one that it had";
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(text.data()[i], '\0') << i;
}

TEST(WipedString, LeavesNothingBehindHoweverItGrows) {
  test::FreedMemory freed{{kKey}};
  { std::string plain(kKey); }
  ASSERT_EQ(freed.seen(), 1U) << "or this test sees nothing";
  freed.forget();
  {
    WipedString text(kKey);
    std::string behind;  // what comes after the key
    const auto grow = [&](const auto& more) {
      text += more;
      behind += more;
      ASSERT_TRUE(text.starts_with(kKey));
      ASSERT_EQ(std::string_view(text).substr(kKey.size()), behind);
    };
    for (int i = 0; i < 300; ++i) grow('x');
    for (size_t size = 1; size < 3000; size *= 3) grow(std::string(size, 'y'));
    const size_t half = text.size();
    text.append(text);
    text.reserve(100'000);
    EXPECT_GE(text.capacity(), 100'000U);
    const std::string_view all(text);
    EXPECT_EQ(all.substr(half), all.substr(0, half));
    EXPECT_EQ(all.substr(half + kKey.size()), behind);
  }
  EXPECT_EQ(freed.seen(), 0U);
}

TEST(WipedString, NorWhenItMovesOrIsWrittenAnew) {
  test::FreedMemory freed{{kKey}};
  {
    std::vector<WipedString> all;
    for (int i = 0; i < 20; ++i)
      all.emplace_back(kKey);  // NOLINT(performance-inefficient-vector-operation): they shall move
    WipedString other(kKey), copy(all.front());
    other = "new";
    copy = all.back();
    all.front() = std::move(other);
    EXPECT_EQ(copy, kKey);
    EXPECT_EQ(all.front(), "new");
  }
  EXPECT_EQ(freed.seen(), 0U);
}

}  // namespace
}  // namespace holdfast::media
