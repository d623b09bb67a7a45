// SPDX-License-Identifier: Apache-2.0
// SRTP over the death of a process: with its memory file, with a checkpoint alone, and with a file
// that is damaged. What left is read: no index is used twice under a key.
#include <gtest/gtest.h>

#include "tests/dataplane/state/srtp_lives.hh"

namespace holdfast::dataplane {
namespace {

using namespace test_rig;

using SrtpRestart = SrtpLives;

// In place, or copied leg by leg since the tables are divided otherwise.
class SrtpHandover : public SrtpRestart, public testing::WithParamInterface<bool> {
 protected:
  static uint32_t legs_of(int life) { return GetParam() || life % 2 == 0 ? kLegs : kLegs + 2; }
};
INSTANTIATE_TEST_SUITE_P(InPlace, SrtpHandover, testing::Bool());

TEST_P(SrtpHandover, ASuccessorGoesOnWithTheFile) {
  control::CallAdd add = secure();
  auto process = start(legs_of(0));
  begin(process->life, add);
  ASSERT_EQ(process->file.publish(), "");
  const Bytes early = phone.protect(media::rtp_packet(7, 65499, 160));
  ASSERT_EQ(pass(process->life, phone, {early}).size(), 1u);
  for (int death = 1; death <= 5; ++death) {
    talk(process->life, 30);
    const std::vector<std::string> files = srtp_files();
    ASSERT_EQ(files.size(), 1u);
    auto next = start(legs_of(death));
    EXPECT_EQ(next->file.is_in_place(), GetParam());
    EXPECT_EQ(next->file.brought_srtp(call.legs[0].leg) != nullptr, GetParam());
    ASSERT_TRUE(restore(*next).empty());
    EXPECT_TRUE(std::filesystem::exists(files[0])) << "until the next one is published";
    publish(*next);
    EXPECT_EQ(srtp_files().size(), 1u);
    EXPECT_EQ(srtp_files() == files, GetParam());
    process = std::move(next);
    EXPECT_TRUE(pass(process->life, phone, {early}).empty());
    // The control plane tells the same keys once more.
    add.resume = true;
    begin(process->life, add);
  }
  talk(process->life, 30);
  const control::LegReport lan = report(process->life, 0);
  EXPECT_EQ(drops(lan, "srtp_replayed") + drops(lan, "srtp_too_old"), 5u);
  EXPECT_EQ(lan.srtp->in, "AEAD_AES_128_GCM");
  EXPECT_EQ(numbers.size(), 180u);
}

TEST_F(SrtpRestart, WithoutTheFileACheckpointIsEnough) {
  control::CallAdd add = secure();
  auto life = std::make_unique<SrtpLife>(RigOptions{.max_legs = 8});
  begin(*life, add);
  std::string kept;
  const Bytes early = phone.protect(media::rtp_packet(7, 65499, 160));
  ASSERT_EQ(pass(*life, phone, {early}).size(), 1u);
  for (int death = 0; death < 3; ++death) {
    talk(*life, 40);
    if (death != 1) {  // the second comes before another checkpoint was asked for
      const auto legs = checkpoints(*life);
      ASSERT_EQ(legs.size(), 1u) << "plain legs have none";
      EXPECT_EQ(legs[0].call, "a");
      EXPECT_EQ(legs[0].leg, call.legs[0].leg);
      kept = legs[0].checkpoint;
      talk(*life, 20);
    }
    life = std::make_unique<SrtpLife>(RigOptions{.max_legs = 8});
    kept = media::advance_checkpoint(kept).value();
    add.legs[0].srtp_checkpoint = kept;
    begin(*life, add);
    EXPECT_TRUE(pass(*life, phone, {early}).empty());
  }
  talk(*life, 40);
}

// A key that is newer than the checkpoint: SRTCP jumps, with each loss anew, and so does RTP.
TEST_F(SrtpRestart, ACheckpointOfTheKeyBeforeDoesNotCount) {
  auto life = std::make_unique<SrtpLife>(RigOptions{.max_legs = 8});
  control::CallAdd add = secure();
  begin(*life, add);
  talk(*life, 60);  // the ROC is 1
  std::string kept = checkpoints(*life).at(0).checkpoint;
  const SdesKey my_next = key(SrtpSuite::aead_aes_256_gcm);
  const SdesKey our_next = key(SrtpSuite::aead_aes_256_gcm);
  control::LegUpdate update;
  update.leg = call.legs[0].leg;
  update.srtp = keys(my_next, our_next);
  life->update(update);
  phone.use(my_next, our_next);
  rtcp_indices.clear();
  talk(*life, 10);
  add.legs[0].srtp = update.srtp;
  for (uint32_t loss = 0; loss < media::kYoungLosses; ++loss) {
    life = std::make_unique<SrtpLife>(RigOptions{.max_legs = 8});
    kept = media::advance_checkpoint(kept).value();
    add.legs[0].srtp_checkpoint = kept;
    begin(*life, add);
    talk(*life, 10);
  }
}

TEST_F(SrtpRestart, LossesBeforeTheFirstCheckpointRepeatNothing) {
  control::CallAdd add = secure();
  std::string kept;
  for (int life_number = 0; life_number < 3; ++life_number) {
    SrtpLife life(RigOptions{.max_legs = 8});
    begin(life, add);
    talk(life, 10);
    kept = media::advance_checkpoint(kept).value();
    add.legs[0].srtp_checkpoint = kept;
    behind = static_cast<uint16_t>(behind + 15);  // begins with what it said before
  }
}

// Of a damaged state nothing is known. The call does not go on without: keys that are told again
// would begin anew.
TEST_P(SrtpHandover, ADamagedStateIsRefused) {
  control::CallAdd add = secure();
  auto process = start(legs_of(0));
  begin(process->life, add);
  talk(process->life, 5);
  const std::string kept = checkpoints(process->life).at(0).checkpoint;
  SrtpLeg& srtp = process->file.core(0).srtp[call.legs[0].leg - 1];
  srtp.in.stream_count = 4000;
  srtp.out.streams[0].index = UINT64_MAX;
  ASSERT_EQ(process->file.publish(), "");
  process = successor_with(kept, add, "its SRTP is damaged, or of another library", legs_of(1));
  EXPECT_EQ(process->file.is_in_place(), GetParam());
  talk(process->life, 5);
}

TEST_F(SrtpRestart, ACallKeepsItsNumberAndWhatNobodyKeepsIsWiped) {
  control::CallAdd add = secure();
  auto process = start();
  process->life.add(request("plain"));
  begin(process->life, add);
  talk(process->life, 5);
  process->life.remove("plain");
  ASSERT_EQ(process->file.publish(), "");
  const LegIndex leg = call.legs[0].leg;
  EXPECT_EQ(leg, 3u);

  auto next = start();
  EXPECT_NE(next->file.brought_srtp(leg), nullptr);
  EXPECT_EQ(next->file.brought_srtp(leg + 1), nullptr) << "a plain leg";
  ASSERT_TRUE(restore(*next).empty());
  EXPECT_EQ(call.legs[0].leg, leg);
  publish(*next);
  talk(next->life, 5);

  auto third = start();
  const SrtpLeg& srtp = third->file.core(0).srtp[leg - 1];
  EXPECT_FALSE(is_zero(srtp));
  third->file.wipe_brought_srtp([](LegIndex) { return false; });
  EXPECT_TRUE(is_zero(srtp));
}

TEST_F(SrtpRestart, PlainLegsTakeNoMemoryAndTheEndWipesKeys) {
  const auto process = start();
  SrtpLife& life = process->life;
  const auto empty = blocks();
  EXPECT_EQ(empty, 0);
  life.add(request("plain"));
  EXPECT_EQ(blocks(), empty);
  begin(life, secure());
  EXPECT_GE(blocks(), empty + 8);
  EXPECT_LE(blocks(), empty + 32);
  SrtpLeg& srtp = process->file.core(0).srtp[call.legs[0].leg - 1];
  EXPECT_NE(srtp.in_key, media::kNoSrtpKey);
  EXPECT_EQ(life.book->srtp_status().legs, 1u);
  life.remove("a");
  EXPECT_TRUE(is_zero(srtp));
  EXPECT_EQ(life.book->srtp_status().legs, 0u);
}

TEST_F(SrtpRestart, WithoutMemoryOrEngineItIsRefused) {
  SrtpLife full({.max_legs = 8}, {}, [](LegIndex) { return false; });
  const Running running(full.rig);
  const auto refused = full.book->add(secure());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, control::ErrorCode::kNoSrtp);
  EXPECT_TRUE(full.book->add(request())) << "its places are free";
  SrtpSetup none({nullptr, "no library works"}, [](LegIndex) { return true; });
  full.book->set_srtp(&none);
  const auto without = full.book->add(secure("b"));
  ASSERT_FALSE(without);
  EXPECT_NE(without.error().message.find("no library works"), std::string::npos);
  full.book->set_srtp(&full.setup);
}

TEST_F(SrtpRestart, CheckpointsComeInPages) {
  SrtpLife life({.cores = 2, .max_legs = 64});
  std::set<LegIndex> secured;
  for (int i = 0; i < 20; ++i) {
    control::CallAdd add = request("call " + std::to_string(i));
    if (i % 3 == 0)
      add.legs[1].srtp =
          keys(key(SrtpSuite::aead_aes_128_gcm), key(SrtpSuite::aes_cm_128_hmac_sha1_80));
    if (i % 3 == 1)
      add.legs[0].srtp = add.legs[1].srtp =
          keys(key(SrtpSuite::aead_aes_128_gcm), key(SrtpSuite::aead_aes_128_gcm));
    const auto added = life.add(add);
    for (size_t leg = 0; leg < 2; ++leg)
      if (add.legs[leg].srtp) secured.insert(added.legs[leg].leg);
  }
  const Running running(life.rig);
  for (const uint32_t limit : {1u, 3u, 7u, 512u}) {
    std::set<LegIndex> seen;
    control::CheckpointList ask{0, limit};
    for (;;) {
      const auto page = life.book->checkpoints(ask);
      ASSERT_TRUE(page);
      EXPECT_LE(page->legs.size(), std::max(limit, 2u));
      for (const auto& leg : page->legs) EXPECT_TRUE(seen.insert(leg.leg).second);
      if (!page->next) break;
      ASSERT_GT(*page->next, ask.after);
      ask.after = *page->next;
    }
    EXPECT_EQ(seen, secured) << limit;
  }
}

}  // namespace
}  // namespace holdfast::dataplane
