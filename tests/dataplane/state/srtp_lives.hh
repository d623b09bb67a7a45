// SPDX-License-Identifier: Apache-2.0
// Calls with SRTP over several lives of a dataplane that have a memory file, and what each life
// says is read: no index is used twice under a key.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <stdexcept>

#include "dataplane/state/state_file.hh"
#include "media/endian.hh"
#include "tests/dataplane/relay/srtp_calls.hh"

namespace holdfast::dataplane::test_rig {

inline constexpr uint64_t kNow = 1'000'000'000'000;
inline constexpr uint32_t kLegs = 8;

// A process: its file, and what works with that. When it is dropped it has ended in an orderly way;
// one whose file is kept aside was killed, for the file takes nothing away then.
struct SrtpProcess {
  explicit SrtpProcess(StateFile made, uint32_t legs)
      : file(std::move(made)),
        life(
            RigOptions{.max_legs = legs, .memory = file.core(0)}, file.calls(),
            [this](LegIndex leg) { return file.reserve_srtp(leg); },
            [this](LegIndex leg) { return file.brought_srtp(leg); }) {}

  StateFile file;
  SrtpLife life;
};

class SrtpLives : public SrtpCall {
 protected:
  SrtpLives() {
    std::string name = std::filesystem::temp_directory_path() / "hf-srtp-XXXXXX";
    directory = ::mkdtemp(name.data());
    path = directory + "/dataplane.state";
  }
  ~SrtpLives() override { std::filesystem::remove_all(directory); }

  std::optional<LeftState> left() const {
    std::string why;
    return LeftState::open(path, kNow + 1, why);
  }
  // The next process, as assembly.cc makes it, until it would take the calls.
  std::unique_ptr<SrtpProcess> start(uint32_t legs = kLegs) const {
    const auto before = left();
    auto file = StateFile::create(path, {1, legs, {"lan", "wan"}}, before ? &*before : nullptr);
    if (!file) throw std::runtime_error(file.error());
    file->beat(kNow);
    if (before) file->bring_srtp(*before);
    return std::make_unique<SrtpProcess>(std::move(file).value(), legs);
  }
  // Takes the calls; what did not go on.
  std::vector<std::string> restore(SrtpProcess& process) {
    std::vector<std::string> refusals;
    const auto before = left();
    const Running running(process.life.rig);
    if (before) {
      before->for_each([&](const LeftCall& each) {
        std::string no = process.life.book->restore(each, process.file.is_in_place());
        if (!no.empty()) refusals.push_back(no);
      });
    }
    if (const auto legs = process.life.book->legs_of_call("a")) {
      for (size_t i = 0; i < 2; ++i) call.legs[i].leg = (*legs)[i];
    }
    return refusals;
  }
  static void publish(SrtpProcess& process) {
    EXPECT_EQ(process.file.publish(), "");
    process.file.wipe_brought_srtp([&](LegIndex leg) { return process.life.book->has_srtp(leg); });
  }
  // The next process, with the calls of the one before.
  std::unique_ptr<SrtpProcess> successor(uint32_t legs = kLegs) {
    auto process = start(legs);
    EXPECT_EQ(restore(*process), std::vector<std::string>{});
    publish(*process);
    return process;
  }
  // One whose only call does not go on, until it is told the keys and the checkpoint that was kept.
  std::unique_ptr<SrtpProcess> successor_with(std::string kept, control::CallAdd add,
                                              const std::string& why, uint32_t legs = kLegs) {
    auto process = start(legs);
    EXPECT_EQ(restore(*process), std::vector<std::string>{why});
    publish(*process);
    for (const SrtpLeg& leg : process->file.core(0).srtp) EXPECT_TRUE(is_zero(leg));
    kept = media::advance_checkpoint(kept).value();
    add.resume = true;
    add.legs[0].srtp_checkpoint = kept;
    begin(process->life, add);
    return process;
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

  std::vector<std::string> srtp_files() const {
    std::vector<std::string> found;
    for (uint32_t name = 0; name < kSrtpNames; ++name) {
      if (std::filesystem::exists(std::filesystem::symlink_status(srtp_path(path, name))))
        found.push_back(srtp_path(path, name));
    }
    return found;
  }
  // What the only file of SRTP takes, of 512 bytes each.
  blkcnt_t blocks() const {
    struct stat about {};
    EXPECT_EQ(srtp_files().size(), 1u);
    EXPECT_EQ(::stat(srtp_files().at(0).c_str(), &about), 0);
    return about.st_blocks;
  }
  static bool is_zero(const SrtpLeg& leg) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&leg);
    return std::all_of(bytes, bytes + sizeof leg, [](uint8_t byte) { return byte == 0; });
  }

  std::string directory, path;
  uint16_t number = 65500;  // over a roll-over
  uint16_t behind = 0;      // how far the centre's numbers are
  std::set<uint16_t> numbers;
  std::set<uint32_t> rtcp_indices;
};

}  // namespace holdfast::dataplane::test_rig
