// SPDX-License-Identifier: Apache-2.0
// What goes through the buffers of connections, and that nothing of it stays.
#include "media/key_buffer.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace holdfast::media {
namespace {

TEST(KeyBuffer, IsAQueue) {
  std::mt19937 random(1);
  KeyBuffer buffer;
  std::string wanted;
  for (int i = 0; i < 2000; ++i) {
    const std::string more(random() % 90, static_cast<char>('a' + i % 26));
    buffer.append(more);
    wanted += more;
    const size_t gone = random() % (wanted.size() + 1);
    buffer.drop(gone);
    wanted.erase(0, gone);
    ASSERT_EQ(buffer.view(), wanted);
    ASSERT_EQ(buffer.size(), wanted.size());
    ASSERT_EQ(buffer.empty(), wanted.empty());
  }
}

TEST(KeyBuffer, WhatIsDroppedIsWiped) {
  KeyBuffer buffer;
  buffer.append(std::string(100, 'k'));
  buffer.append(std::string(20, 'n'));
  const char* bytes = buffer.view().data();
  buffer.drop(100);
  EXPECT_EQ(buffer.view(), std::string(20, 'n'));
  ASSERT_EQ(buffer.view().data(), bytes) << "where it was";
  EXPECT_EQ(std::count(bytes + 20, bytes + 120, '\0'), 100);
  buffer.drop(20);
  EXPECT_EQ(std::count(bytes, bytes + 120, '\0'), 120);
}

}  // namespace
}  // namespace holdfast::media
