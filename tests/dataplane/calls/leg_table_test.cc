// SPDX-License-Identifier: Apache-2.0
// max-legs made smaller than what is in use: calls go on, and calls for help still get their legs.
#include "dataplane/calls/leg_table.hh"

#include <gtest/gtest.h>

#include <filesystem>

#include "dataplane/calls/call_book.hh"
#include "tests/dataplane/calls/add_call.hh"
#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

constexpr uint64_t kNow = 1'000'000'000'000;
constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint32_t kCalls = 20, kFewLegs = 8;

class LegTable : public ::testing::Test {
 protected:
  LegTable() {
    std::string name = std::filesystem::temp_directory_path() / "hf-legs-XXXXXX";
    directory = ::mkdtemp(name.data());
    path = directory + "/dataplane.state";
  }
  ~LegTable() override { std::filesystem::remove_all(directory); }

  uint32_t room_for(uint32_t max_legs, uint64_t now_ns = kNow + kSecond) const {
    std::string why;
    const auto left = LeftState::open(path, now_ns, why);
    return legs_of_table(max_legs, left ? &*left : nullptr);
  }

  // A process with tables as the assembly makes them; lcores are served here.
  struct Life {
    Life(const std::string& path, uint32_t max_legs, uint32_t table)
        : file(StateFile::create(path, {1, table, {"lan", "wan"}}, nullptr).value()),
          rig({.max_legs = table, .memory = file.core(0)}),
          line(rig.core(), rig.board().core_bell(0)),
          book(rig.board(), {&line}, {{"lan", 7}, {"wan", 8}}, max_legs, file.calls(), {},
               table - max_legs) {
      file.beat(kNow);
      line.serve_here(true);
    }
    std::string add(const std::string& key, bool emergency = false) {
      return add_call(book, key, emergency);
    }
    StateFile file;
    test_rig::Rig rig;
    CoreLine line;
    CallBook book;
  };

  std::string directory, path;
};

TEST_F(LegTable, HasRoomForWhatIsLeftAndForHelp) {
  EXPECT_EQ(room_for(64), 64 + kLegsForHelp) << "nothing is left";
  {
    Life first(path, 64, room_for(64));
    for (uint32_t i = 0; i < kCalls; ++i) ASSERT_EQ(first.add(std::to_string(i)), "added");
    ASSERT_EQ(first.file.publish(), "");
  }
  EXPECT_EQ(room_for(64), 64 + kLegsForHelp);
  EXPECT_EQ(room_for(kFewLegs), 2 * kCalls + kLegsForHelp);
  EXPECT_EQ(room_for(kFewLegs, kNow + 121 * kSecond), kFewLegs + kLegsForHelp) << "they are over";

  const uint32_t table = room_for(kFewLegs);
  std::string why;
  const auto left = LeftState::open(path, kNow + kSecond, why);
  ASSERT_TRUE(left) << why;
  {
    Life second(path, kFewLegs, table);
    left->for_each([&](const LeftCall& call) { EXPECT_EQ(second.book.restore(call), ""); });
    EXPECT_EQ(second.book.legs_in_use(), 2 * kCalls);
    EXPECT_EQ(second.add("new"), "no_free_leg");
    for (uint32_t i = 0; i < kLegsForHelp / 2; ++i)
      ASSERT_EQ(second.add("h" + std::to_string(i), true), "added");
    EXPECT_EQ(second.add("one more", true), "no_free_leg");
    for (uint32_t i = 0; i < kLegsForHelp / 2; ++i)
      ASSERT_TRUE(second.book.remove("h" + std::to_string(i)));
    for (uint32_t i = 3; i < kCalls; ++i) {
      EXPECT_EQ(second.add("new"), "no_free_leg") << "as long as there are more than are wanted";
      ASSERT_TRUE(second.book.remove(std::to_string(i)));
    }
    EXPECT_EQ(second.add("new"), "added");
    EXPECT_EQ(second.add("newer"), "no_free_leg");
    ASSERT_EQ(second.file.publish(), "");
  }
  EXPECT_EQ(room_for(kFewLegs), kFewLegs + kLegsForHelp) << "as it was wanted";
}

}  // namespace
}  // namespace holdfast::dataplane
