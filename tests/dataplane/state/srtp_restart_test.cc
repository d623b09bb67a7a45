// SPDX-License-Identifier: Apache-2.0
// SRTP over the death of a process: with its memory file, with a checkpoint alone, and with a file
// that is damaged. What left is read: no index is used twice under a key.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "media/endian.hh"
#include "tests/dataplane/relay/srtp_calls.hh"

namespace holdfast::dataplane {
namespace {

using namespace test_rig;

constexpr uint64_t kNow = 1'000'000'000'000;

class SrtpRestart : public SrtpCall {
 protected:
  SrtpRestart() {
    std::string name = std::filesystem::temp_directory_path() / "hf-srtp-XXXXXX";
    directory = ::mkdtemp(name.data());
    path = directory + "/dataplane.state";
  }
  ~SrtpRestart() override { std::filesystem::remove_all(directory); }

  StateFile make() {
    auto file = StateFile::create(path, {1, 8, {"lan", "wan"}});
    if (!file) throw std::runtime_error(file.error());
    file->beat(kNow);
    return std::move(file).value();
  }
  static std::unique_ptr<SrtpLife> live(StateFile& file) {
    return std::make_unique<SrtpLife>(
        RigOptions{.max_legs = 8, .memory = file.core(0)}, file.calls(),
        [&file](LegIndex leg) { return file.reserve_srtp(leg); },
        [&file](LegIndex leg) { return file.has_brought_srtp(leg); });
  }
  void bring(StateFile& file) {
    std::string why;
    const auto left = LeftState::open(path, kNow + 1, why);
    ASSERT_TRUE(left) << why;
    file.bring_srtp(*left);
  }
  std::vector<std::string> restore(SrtpLife& life) {
    std::string why;
    std::vector<std::string> refusals;
    const auto left = LeftState::open(path, kNow + 1, why);
    EXPECT_TRUE(left) << why;
    const Running running(life.rig);
    left->for_each([&](const LeftCall& each) {
      if (std::string no = life.book->restore(each); !no.empty()) refusals.push_back(no);
    });
    if (const auto legs = life.book->legs_of_call("a")) {
      for (size_t i = 0; i < 2; ++i) call.legs[i].leg = (*legs)[i];
    }
    return refusals;
  }
  // A request in which the phone has keys, which it uses from now on.
  control::CallAdd secure(const std::string& name = "a") {
    const SdesKey mine = key(SrtpSuite::aead_aes_128_gcm);
    const SdesKey ours = key(SrtpSuite::aead_aes_128_gcm);
    control::CallAdd add = request(name);
    add.legs[0].srtp = keys(mine, ours);
    phone.use(mine, ours);
    return add;
  }
  // Both ways, and the SRTP index of each that left for the phone: never one twice.
  void talk(SrtpLife& life, size_t packets) {
    for (size_t i = 0; i < packets; ++i, ++number) {
      say(life, phone, centre, speech(number, 1, 7));
      const std::vector<Bytes> rtp =
          pass(life, centre, speech(static_cast<uint16_t>(number - behind), 1, 8));
      ASSERT_EQ(rtp.size(), 1u);
      const auto sent = static_cast<uint16_t>(rtp[0][2] << 8 | rtp[0][3]);
      ASSERT_TRUE(numbers.insert(sent).second) << sent;
      ASSERT_EQ(phone.hear(rtp[0], false).size(), 172u);
      Bytes report = test::rtcp_rr(8);
      const std::vector<Bytes> rtcp = pass(life, centre, {report}, true);
      ASSERT_EQ(rtcp.size(), 1u);
      const size_t at = rtcp[0].size() - 4;  // of GCM, behind the tag
      const uint32_t index = load_be32(&rtcp[0][at]) & 0x7fff'ffff;
      ASSERT_TRUE(rtcp_indices.insert(index).second) << index;
      ASSERT_EQ(phone.hear(rtcp[0], true), report);
    }
  }
  std::vector<control::LegCheckpoint> checkpoints(SrtpLife& life) {
    const Running running(life.rig);
    const auto page = life.book->checkpoints({});
    EXPECT_TRUE(page);
    return page ? page->legs : std::vector<control::LegCheckpoint>{};
  }

  std::string directory, path;
  uint16_t number = 65500;  // over a roll-over
  uint16_t behind = 0;      // how far the centre's numbers are
  std::set<uint16_t> numbers;
  std::set<uint32_t> rtcp_indices;
};

// Whether the keys come leg by leg, or before the calls do.
class SrtpHandover : public SrtpRestart, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Brought, SrtpHandover, testing::Bool());

TEST_P(SrtpHandover, ASuccessorGoesOnWithTheFile) {
  control::CallAdd add = secure();
  auto file = std::make_unique<StateFile>(make());
  auto life = live(*file);
  begin(*life, add);
  ASSERT_EQ(file->publish(), "");
  const Bytes early = phone.protect(media::rtp_packet(7, 65499, 160));
  ASSERT_EQ(pass(*life, phone, {early}).size(), 1u);
  for (int death = 0; death < 5; ++death) {
    talk(*life, 30);
    auto next = std::make_unique<StateFile>(make());
    if (GetParam()) bring(*next);
    EXPECT_EQ(next->has_brought_srtp(call.legs[0].leg), GetParam());
    auto successor = live(*next);
    ASSERT_TRUE(restore(*successor).empty());
    ASSERT_EQ(next->publish(), "");
    life = std::move(successor);
    file = std::move(next);
    EXPECT_TRUE(pass(*life, phone, {early}).empty());
    // The control plane tells the same keys once more.
    add.resume = true;
    begin(*life, add);
  }
  talk(*life, 30);
  const control::LegReport lan = report(*life, 0);
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

// A damaged state is no key; the call stays, and goes on when it is given keys again.
TEST_P(SrtpHandover, ADamagedStateIsRefused) {
  control::CallAdd add = secure();
  auto file = std::make_unique<StateFile>(make());
  auto life = live(*file);
  begin(*life, add);
  talk(*life, 5);
  const std::string kept = checkpoints(*life).at(0).checkpoint;
  SrtpLeg& srtp = file->core(0).srtp[(call.legs[0].leg - 1)];
  srtp.in.stream_count = 4000;
  srtp.out.streams[0].index = UINT64_MAX;
  ASSERT_EQ(file->publish(), "");
  auto next = std::make_unique<StateFile>(make());
  if (GetParam()) bring(*next);
  auto successor = live(*next);
  ASSERT_TRUE(restore(*successor).empty());
  life = std::move(successor);
  control::LegReport lan = report(*life, 0);
  ASSERT_TRUE(lan.srtp);
  EXPECT_EQ(lan.srtp->in, "");
  EXPECT_EQ(lan.srtp->out, "");
  EXPECT_TRUE(pass(*life, centre, speech(number, 1, 8)).empty());
  add.resume = true;
  add.legs[0].srtp_checkpoint = media::advance_checkpoint(kept).value();
  begin(*life, add);
  EXPECT_EQ(report(*life, 0).srtp->in, "AEAD_AES_128_GCM");
  talk(*life, 5);
}

TEST_F(SrtpRestart, ACallKeepsItsNumberAndWhatNobodyKeepsIsWiped) {
  control::CallAdd add = secure();
  StateFile file = make();
  const auto life = live(file);
  life->add(request("plain"));
  begin(*life, add);
  talk(*life, 5);
  life->remove("plain");
  ASSERT_EQ(file.publish(), "");
  const LegIndex leg = call.legs[0].leg;
  EXPECT_EQ(leg, 3u);

  StateFile next = make();
  bring(next);
  EXPECT_TRUE(next.has_brought_srtp(leg));
  EXPECT_FALSE(next.has_brought_srtp(leg + 1)) << "a plain leg";
  const auto successor = live(next);
  ASSERT_TRUE(restore(*successor).empty());
  EXPECT_EQ(call.legs[0].leg, leg);
  next.wipe_brought_srtp([&](LegIndex each) { return successor->book->has_srtp(each); });
  talk(*successor, 5);
  ASSERT_EQ(next.publish(), "");

  StateFile third = make();
  bring(third);
  const auto* bytes = reinterpret_cast<const uint8_t*>(&third.core(0).srtp[leg - 1]);
  const auto is_zero = [](uint8_t byte) { return byte == 0; };
  EXPECT_FALSE(std::all_of(bytes, bytes + sizeof(SrtpLeg), is_zero));
  third.wipe_brought_srtp([](LegIndex) { return false; });
  EXPECT_TRUE(std::all_of(bytes, bytes + sizeof(SrtpLeg), is_zero));
}

TEST_F(SrtpRestart, PlainLegsTakeNoMemoryAndTheEndWipesKeys) {
  StateFile file = make();
  const auto blocks = [&] {
    struct stat about {};
    EXPECT_EQ(::stat((path + ".new").c_str(), &about), 0);
    return about.st_blocks;
  };
  const auto life = live(file);
  const auto empty = blocks();
  life->add(request("plain"));
  EXPECT_EQ(blocks(), empty);
  begin(*life, secure());
  EXPECT_GE(blocks(), empty + 8);
  EXPECT_LE(blocks(), empty + 32);
  SrtpLeg& srtp = file.core(0).srtp[(call.legs[0].leg - 1)];
  EXPECT_NE(srtp.in_key, media::kNoSrtpKey);
  EXPECT_EQ(life->book->srtp_status().legs, 1u);
  life->remove("a");
  const auto* bytes = reinterpret_cast<const uint8_t*>(&srtp);
  EXPECT_TRUE(std::all_of(bytes, bytes + sizeof srtp, [](uint8_t byte) { return byte == 0; }));
  EXPECT_EQ(life->book->srtp_status().legs, 0u);
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
