// SPDX-License-Identifier: Apache-2.0
// Which entries go and which never do, against a plain model.
#include "provision-proxy/store/memory_index.hh"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace holdfast::provision {
namespace {

std::shared_ptr<Entry> entry(int64_t id, const std::string& target, const std::string& hash,
                             uint64_t size, Keep keep = Keep::kNormal) {
  auto made = std::make_shared<Entry>();
  made->id = id;
  made->key = {"o", target, ""};
  made->meta.status = 200;
  made->body = {hash, size};
  made->keep = keep;
  return made;
}

constexpr IndexLimits kRoomy{1000, 100, 1'000'000, 3, 4};

TEST(MemoryIndex, ASharedBodyTakesItsRoomOnceAndGoesWithTheLast) {
  MemoryIndex index(kRoomy);
  index.put(entry(1, "/a", "h", 400), 0);
  index.put(entry(2, "/b", "h", 400), 0);
  EXPECT_EQ(index.body_bytes(), 400U);
  EXPECT_EQ(index.erase(1), "");
  EXPECT_EQ(index.erase(2), "h");
  EXPECT_EQ(index.erase(2), "");
  EXPECT_EQ(index.body_bytes(), 0U);
  EXPECT_EQ(index.meta_bytes(), 0U);
  EXPECT_EQ(index.keys(), 0U);
}

TEST(MemoryIndex, NothingIsMarkedWhenThereIsNoRoom) {
  MemoryIndex index(kRoomy);
  index.put(entry(1, "/a.cfg", "a", 900, Keep::kLastGood), 0);
  index.put(entry(2, "/b", "b", 50), 0);
  std::vector<int64_t> leaving;
  EXPECT_FALSE(index.make_room(*entry(3, "/c", "c", 200), 0, 0, leaving));
  EXPECT_TRUE(leaving.empty());
  EXPECT_EQ(index.body_bytes(), 950U);
  // With what is on its way to the disk.
  EXPECT_FALSE(index.make_room(*entry(3, "/c", "c", 60), 60, 1, leaving));
  EXPECT_TRUE(index.make_room(*entry(3, "/c", "c", 60), 0, 0, leaving));
  EXPECT_EQ(leaving, std::vector<int64_t>{2});
}

TEST(MemoryIndex, TheBodyThatComesIsNotEvictedForIt) {
  MemoryIndex index(kRoomy);
  index.put(entry(1, "/a", "h", 600), 0);
  index.put(entry(2, "/b", "x", 300), 0);
  std::vector<int64_t> leaving;
  ASSERT_TRUE(index.make_room(*entry(3, "/c", "h", 600), 200, 1, leaving));
  EXPECT_EQ(leaving, std::vector<int64_t>{2});
}

TEST(MemoryIndex, LimitsOfEntriesAndMetadataCountToo) {
  MemoryIndex few({1000, 2, 1'000'000, 3, 4});
  few.put(entry(1, "/a", "a", 1), 0);
  few.put(entry(2, "/b", "b", 1), 0);
  std::vector<int64_t> leaving;
  ASSERT_TRUE(few.make_room(*entry(3, "/c", "c", 1), 0, 0, leaving));
  EXPECT_EQ(leaving, std::vector<int64_t>{1});
  const size_t one = meta_bytes(*entry(1, "/a", "a", 1));
  MemoryIndex lean({1000, 100, 2 * one, 3, 4});
  lean.put(entry(1, "/a", "a", 1), 0);
  lean.put(entry(2, "/b", "b", 1), 0);
  leaving.clear();
  ASSERT_TRUE(lean.make_room(*entry(3, "/c", "c", 1), 0, 0, leaving));
  EXPECT_EQ(leaving, std::vector<int64_t>{1});
}

// Random commits of which some fail; the newest good copy of every target is always there, the
// limits hold, and the sums are those of what is there.
TEST(MemoryIndex, NoGoodCopyGoesWhateverComes) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    MemoryIndex index({2000, 40, 1'000'000, 3, 4});
    std::map<std::string, int64_t> good;  // the newest by target
    for (int64_t id = 1; id < 400; ++id) {
      const std::string target = "/" + std::to_string(random() % 12);
      const Keep keep = random() % 3 == 0 ? Keep::kLastGood : Keep::kNormal;
      const auto incoming =
          entry(id, target, "h" + std::to_string(random() % 60), 1 + random() % 150, keep);
      // One size for one hash.
      const_cast<Body&>(incoming->body).size =
          1 + std::hash<std::string>()(incoming->body.hash) % 150;
      std::vector<int64_t> leaving;
      if (random() % 4 == 0) index.touch(static_cast<int64_t>(random() % 400), id);
      if (!index.make_room(*incoming, 0, 0, leaving)) continue;
      if (random() % 5 == 0) {
        for (const int64_t gone : leaving) index.stay(gone);
        continue;
      }
      for (const int64_t gone : leaving) index.erase(gone);
      index.put(incoming, id);
      if (keep == Keep::kLastGood) good[target] = id;
      std::map<std::string, uint64_t> bodies;
      size_t entries = 0;
      index.for_each([&](const EntryPtr& there) {
        bodies[there->body.hash] = there->body.size;
        ++entries;
      });
      uint64_t sum = 0;
      for (const auto& [hash, size] : bodies) sum += size;
      ASSERT_EQ(index.body_bytes(), sum);
      ASSERT_LE(sum, 2000U);
      ASSERT_LE(entries, 40U);
      ASSERT_EQ(index.bodies(), bodies.size());
      for (const auto& [name, newest] : good) ASSERT_NE(index.by_id(newest), nullptr) << name;
      for (int i = 0; i < 12; ++i)
        ASSERT_LE(index.all({"o", "/" + std::to_string(i), ""}).size(), 4U);
    }
    EXPECT_GE(good.size(), 6U);
  }
}

}  // namespace
}  // namespace holdfast::provision
