// SPDX-License-Identifier: Apache-2.0
// The file of SRTP that one process after the other goes on with: deaths in the middle of that,
// files that are not what they were, and what is left behind.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <map>

#include "tests/dataplane/state/srtp_lives.hh"

namespace holdfast::dataplane {
namespace {

using namespace test_rig;
namespace fs = std::filesystem;

// A call whose keys the phone has, in a process that is published.
class SrtpInPlace : public SrtpLives {
 protected:
  SrtpInPlace() : add(secure()), process(start()) {
    begin(process->life, add);
    talk(process->life, 10);
    EXPECT_EQ(process->file.publish(), "");
  }
  std::set<std::string> files() const {
    std::set<std::string> found;
    for (const auto& each : fs::directory_iterator(directory))
      found.insert(each.path().filename().string());
    return found;
  }
  SrtpLeg& srtp_of(LegIndex leg) const { return process->file.core(0).srtp[leg - 1]; }

  control::CallAdd add;
  std::unique_ptr<SrtpProcess> process;
};

TEST_F(SrtpInPlace, DeathsOfSuccessorsRepeatNothing) {
  std::vector<StateFile> killed;
  killed.push_back(std::move(start()->file));  // before it took the calls
  for (const uint32_t legs : {kLegs, kLegs + 2, kLegs + 4, kLegs, kLegs}) {
    const auto next = start(legs);
    EXPECT_EQ(next->file.is_in_place(), legs == kLegs);
    EXPECT_TRUE(restore(*next).empty());  // and not published
    EXPECT_FALSE(is_zero(srtp_of(call.legs[0].leg)));
    killed.push_back(std::move(next->file));
  }
  EXPECT_EQ(files().size(), 4u) << "one that was copied, and one under way";
  process = successor();
  EXPECT_EQ(files(), (std::set<std::string>{"dataplane.state", "dataplane.state.srtp0"}));
  talk(process->life, 30);
  EXPECT_EQ(numbers.size(), 40u);
  killed.push_back(std::move(process->file));
  process = successor(kLegs + 2);
  EXPECT_EQ(files(), (std::set<std::string>{"dataplane.state", "dataplane.state.srtp1"}));
  talk(process->life, 30);
}

// A start that fails in an orderly way takes away what it made, and nothing else.
TEST_F(SrtpInPlace, AStartThatFailsLeavesTheFiles) {
  for (const uint32_t legs : {kLegs, kLegs + 2}) {
    EXPECT_TRUE(restore(*start(legs)).empty());
    EXPECT_EQ(files(), (std::set<std::string>{"dataplane.state", "dataplane.state.srtp0"}));
  }
  process = successor();
  talk(process->life, 10);
}

// One under another configuration could not hold the call. If it died before it was published, the
// next one can; else what it had not wiped yet is nobody's.
TEST_F(SrtpInPlace, WhatADeadOneDidNotWantIsWantedUntilItIsPublished) {
  const StateFile killed = std::move(start()->file);
  process = successor();
  talk(process->life, 10);
  StateFile published = std::move(start()->file);
  ASSERT_EQ(published.publish(), "");
  EXPECT_FALSE(is_zero(published.core(0).srtp[call.legs[0].leg - 1]));
  process = successor();
  EXPECT_EQ(process->life.book->legs_in_use(), 0u);
  EXPECT_TRUE(is_zero(srtp_of(call.legs[0].leg)));
}

// What lies where nobody has SRTP: of a leg whose page another one has as well, too.
TEST_F(SrtpInPlace, WhatNobodyHasIsGivenBack) {
  ASSERT_EQ(call.legs[0].leg, 1u);
  const auto before = blocks();
  for (const LegIndex leg : {2u, 7u}) {
    ASSERT_TRUE(process->file.reserve_srtp(leg));
    std::memset(static_cast<void*>(&srtp_of(leg)), 0xee, sizeof(SrtpLeg));
  }
  EXPECT_GT(blocks(), before);
  process = start();
  for (const LegIndex leg : {2u, 7u}) {
    EXPECT_EQ(process->file.brought_srtp(leg), nullptr);
    EXPECT_TRUE(is_zero(srtp_of(leg))) << leg;
  }
  EXPECT_EQ(blocks(), before);
  EXPECT_TRUE(restore(*process).empty());
  publish(*process);
  talk(process->life, 10);
}

TEST_F(SrtpInPlace, WhatIsNoFileOfOursGoes) {
  process.reset();
  fs::create_symlink("/etc/passwd", srtp_path(path, 1));
  process = successor();
  EXPECT_EQ(srtp_files(), std::vector<std::string>{srtp_path(path, 0)});
  process.reset();
  // Of another version, which may come back until we are there.
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(8).put('x');
  process = start();
  EXPECT_EQ(srtp_files().size(), 2u);
  EXPECT_FALSE(process->file.is_in_place());
  ASSERT_EQ(process->file.publish(), "");
  EXPECT_EQ(srtp_files(), std::vector<std::string>{srtp_path(path, 1)});
  std::ofstream(srtp_path(path, 0)) << "x";
  std::ofstream(path + ".new") << "x";
  remove_state(path);
  EXPECT_EQ(files(), std::set<std::string>{});
}

// It goes on with the SRTP that the file before names: nobody else must.
TEST_F(SrtpInPlace, WhatCannotBePublishedIsNotLeftToASuccessor) {
  for (const uint32_t legs : {kLegs, kLegs + 2}) {
    process = start(legs);
    ASSERT_TRUE(restore(*process).empty());
    fs::remove(path + ".new");
    EXPECT_NE(process->file.publish(), "");
    EXPECT_EQ(files(), std::set<std::string>{});
    talk(process->life, 10);
    const std::string kept = checkpoints(process->life).at(0).checkpoint;
    process = successor();
    EXPECT_EQ(process->life.book->legs_in_use(), 0u);
    add.legs[0].srtp_checkpoint = media::advance_checkpoint(kept).value();
    begin(process->life, add);
    talk(process->life, 10);
  }
}

// In the place of the file that was left; each of these is no such file.
struct Spoilt {
  const char* name;
  void (*spoil)(const std::string& path);
};
class SrtpLost : public SrtpInPlace, public testing::WithParamInterface<Spoilt> {};
INSTANTIATE_TEST_SUITE_P(
    Because, SrtpLost,
    testing::Values(
        Spoilt{"missing", [](const std::string& path) { fs::remove(path); }},
        Spoilt{"cut_short",
               [](const std::string& path) { fs::resize_file(path, fs::file_size(path) - 4096); }},
        Spoilt{"too_long",
               [](const std::string& path) { fs::resize_file(path, fs::file_size(path) + 1); }},
        Spoilt{"empty", [](const std::string& path) { fs::resize_file(path, 0); }},
        Spoilt{"of_wrong_mode", [](const std::string& path) { ::chmod(path.c_str(), 0640); }},
        Spoilt{"a_symlink",
               [](const std::string& path) {
                 fs::rename(path, path + ".moved");
                 fs::create_symlink(path + ".moved", path);
               }},
        Spoilt{"a_pipe",
               [](const std::string& path) {
                 fs::remove(path);
                 ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
               }}),
    [](const auto& row) { return row.param.name; });

TEST_P(SrtpLost, TheCallWaitsForItsCheckpoint) {
  const std::string kept = checkpoints(process->life).at(0).checkpoint;
  process.reset();
  GetParam().spoil(srtp_path(path, 0));
  std::string why;
  ASSERT_TRUE(LeftState::open(path, kNow + 1, why));
  EXPECT_NE(why.find(".srtp0"), std::string::npos) << why;
  EXPECT_NE(why.find("do not go on"), std::string::npos) << why;
  process = successor_with(kept, add, "its SRTP is lost");
  EXPECT_FALSE(process->file.is_in_place());
  EXPECT_EQ(srtp_files(), std::vector<std::string>{srtp_path(path, 1)});
  talk(process->life, 10);
  process = successor();
  EXPECT_TRUE(process->file.is_in_place());
  talk(process->life, 10);
}

// Two are of another lcore by their numbers, though their ports are of the first one's slice, and
// one is beyond those that are lent.
TEST_F(SrtpInPlace, CallsKeepTheirNumbers) {
  for (const char* more : {"b", "c", "d"}) process->life.add(request(more));
  SrtpLife next({.cores = 2, .max_legs = 6});
  const Running running(next.rig);
  std::map<std::string, CallNumber> numbers_of;
  const auto before = left();
  before->for_each([&](LeftCall each) {
    EXPECT_EQ(next.book->restore(each, true), "") << each.key;
    numbers_of[each.key] = call_of(next.book->legs_of_call(each.key)->front());
    each.key += " again";
    EXPECT_EQ(next.book->restore(each, true), "its place is taken");
    for (LegSnapshot& leg : each.legs) leg.index += kLegs;
    EXPECT_EQ(next.book->restore(each, true), "max-legs are in use");
  });
  EXPECT_EQ(numbers_of,
            (std::map<std::string, CallNumber>{{"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}}));
  EXPECT_EQ(next.rig.board().owner_of_leg(legs_of(2)[0]), 1u);
}

}  // namespace
}  // namespace holdfast::dataplane
