// SPDX-License-Identifier: Apache-2.0
// The hash index finds what is in it, and nothing else.
#include "dataplane/runtime/chain_index.hh"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

namespace holdfast::dataplane {
namespace {

TEST(ChainIndex, FindsWhatIsInIt) {
  const std::vector<std::string> table = {"a", "b", "c", "d"};
  // All hashes alike: then the keys alone tell.
  for (const uint64_t spread : {uint64_t{1}, uint64_t{0}}) {
    const auto hash_of = [&](uint32_t at) { return spread * (uint64_t{at} << 40 | at); };
    const auto find = [&](const ChainIndex& index, const std::string& key, uint32_t at) {
      return index.find(hash_of(at), [&](uint32_t each) { return table[each] == key; });
    };
    ChainIndex index;
    EXPECT_EQ(find(index, "a", 0), ChainIndex::kNone);
    for (const uint32_t at : {2u, 0u, 3u}) index.insert(at, hash_of);
    EXPECT_EQ(find(index, "a", 0), 0u);
    EXPECT_EQ(find(index, "b", 1), ChainIndex::kNone);
    EXPECT_EQ(find(index, "d", 3), 3u);
    index.erase(0, hash_of(0));
    EXPECT_EQ(find(index, "a", 0), ChainIndex::kNone);
    EXPECT_EQ(find(index, "c", 2), 2u);
    EXPECT_EQ(find(index, "d", 3), 3u);
  }
}

TEST(ChainIndex, GrowsAndShrinksLikeASet) {
  constexpr uint32_t kEntries = 2000;
  std::mt19937 random(1);
  const auto hash_of = [](uint32_t at) { return uint64_t{at} * 0x9E3779B97F4A7C15u >> 20; };
  ChainIndex index;
  std::set<uint32_t> wanted;
  for (int move = 0; move < 20'000; ++move) {
    const auto at = static_cast<uint32_t>(random() % kEntries);
    if (wanted.insert(at).second) {
      index.insert(at, hash_of);
    } else if (move % 3 == 0) {
      index.erase(at, hash_of(at));
      wanted.erase(at);
    }
  }
  for (uint32_t at = 0; at < kEntries; ++at) {
    const uint32_t found = index.find(hash_of(at), [at](uint32_t each) { return each == at; });
    ASSERT_EQ(found, wanted.contains(at) ? at : ChainIndex::kNone);
  }
}

}  // namespace
}  // namespace holdfast::dataplane
