// SPDX-License-Identifier: Apache-2.0
// The memory file: what one life leaves the next goes on with, whatever state it was left in.
#include "dataplane/state/state_file.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "dataplane/calls/call_book.hh"
#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

using test_rig::Rig;

constexpr uint64_t kNow = 1'000'000'000'000;
constexpr uint64_t kSecond = 1'000'000'000;

class StateFileTest : public ::testing::Test {
 protected:
  StateFileTest() {
    std::string name = std::filesystem::temp_directory_path() / "hf-state-XXXXXX";
    directory = ::mkdtemp(name.data());
    path = directory + "/dataplane.state";
  }
  ~StateFileTest() override { std::filesystem::remove_all(directory); }

  StateFile make(const StateShape& shape = {1, 8, {"lan", "wan"}}) {
    auto file = StateFile::create(path, shape);
    if (!file) throw std::runtime_error(file.error());
    file->beat(kNow);
    return std::move(file).value();
  }
  std::string refusal(uint64_t now_ns = kNow + kSecond) {
    std::string why;
    const auto left = LeftState::open(path, now_ns, why);
    return left ? "" : why.empty() ? "no file" : why;
  }
  std::vector<LeftCall> calls() {
    std::string why;
    std::vector<LeftCall> found;
    const auto left = LeftState::open(path, kNow + kSecond, why);
    EXPECT_TRUE(left) << why;
    if (left) left->for_each([&](const LeftCall& call) { found.push_back(call); });
    return found;
  }

  // A call of legs 3 and 4 with a stream each.
  static void fill(StateFile& file) {
    const CoreMemory memory = file.core(0);
    StreamPool pool(memory.slots, 8);
    for (const LegIndex index : {3u, 4u}) {
      Leg& leg = memory.legs[index - 1];
      leg.in_use = true;
      leg.setup.port = static_cast<uint16_t>(index - 3);
      for (uint16_t seq = 1; seq <= 5; ++seq)
        pool.find_or_add(leg, index, 0)->account.on_packet(seq, seq * 160u, kNow + seq);
    }
    SavedCall& call = file.calls()[call_of(3)];
    std::strncpy(call.key.data(), "call", call.key.size());
    call.started_ms = 99;
    call.valid = 1;
  }

  std::string directory, path;
};

TEST_F(StateFileTest, WhatIsStoredIsThereForTheNext) {
  {
    StateFile file = make();
    fill(file);
    ASSERT_EQ(file.publish(), "");
  }
  struct stat about {};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  const auto found = calls();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].key, "call");
  EXPECT_EQ(found[0].started_ms, 99u);
  EXPECT_EQ(found[0].interfaces[0], "lan");
  EXPECT_EQ(found[0].interfaces[1], "wan");
  ASSERT_EQ(found[0].legs[1].stream_count, 1u);
  EXPECT_EQ(found[0].legs[1].streams[0].account.report().received, 5u);
  std::string why;
  EXPECT_EQ(LeftState::open(path, kNow + 3 * kSecond, why)->silent_ns(), 3 * kSecond);
}

TEST_F(StateFileTest, TheOldOneStaysUntilTheNewOneIsPublished) {
  {
    StateFile file = make();
    fill(file);
    ASSERT_EQ(file.publish(), "");
  }
  {
    const StateFile unfinished = make();
    EXPECT_EQ(calls().size(), 1u);
  }
  EXPECT_EQ(calls().size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  StateFile next = make();
  ASSERT_EQ(next.publish(), "");
  EXPECT_TRUE(calls().empty());
}

TEST_F(StateFileTest, FilesThatAreNotOursAreNotUsed) {
  EXPECT_EQ(refusal(), "no file");
  {
    StateFile file = make();
    fill(file);
    ASSERT_EQ(file.publish(), "");
  }
  EXPECT_EQ(refusal(), "");
  EXPECT_NE(refusal(kNow + 121 * kSecond).find("older than 120 s"), std::string::npos);
  EXPECT_NE(refusal(kNow - 1).find("older"), std::string::npos) << "a clock of another boot";
  ::chmod(path.c_str(), 0640);
  EXPECT_NE(refusal().find("not ours alone"), std::string::npos);
  ::chmod(path.c_str(), 0600);

  // Each byte of the header, but for the time, changes what the file is.
  const auto byte = [&](long at, int change) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const int value = file.get();
    file.seekp(at);
    file.put(static_cast<char>(value + change));
  };
  for (const long at : {0L, 8L, 12L, 16L, 20L, 24L, 31L, 35L}) {
    byte(at, 1);
    EXPECT_NE(refusal(), "") << at;
    byte(at, -1);
  }
  EXPECT_EQ(refusal(), "");
  const auto size = std::filesystem::file_size(path);
  for (const uintmax_t cut : {size - 1, uintmax_t{5000}, uintmax_t{10}, uintmax_t{0}}) {
    std::filesystem::resize_file(path, cut);
    EXPECT_NE(refusal(), "") << cut;
  }
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/etc/passwd", path);
  EXPECT_NE(refusal(), "");
}

// Whatever the tables say, reading stays inside them and ends.
TEST_F(StateFileTest, DamagedTablesYieldWhatIsWhole) {
  StateFile file = make();
  fill(file);
  ASSERT_EQ(file.publish(), "");
  const CoreMemory memory = file.core(0);
  Leg& leg = memory.legs[2];

  leg.stream_count = 200;
  memory.slots[leg.streams].next = leg.streams;
  ASSERT_EQ(calls().size(), 1u);
  EXPECT_EQ(calls()[0].legs[0].stream_count, 1u) << "a list that goes round";
  leg.streams = 0xdeadbeef;
  EXPECT_EQ(calls()[0].legs[0].stream_count, 0u);
  const uint32_t second = memory.legs[3].streams;
  std::memset(static_cast<void*>(&memory.slots[second].account), 0xff,
              sizeof memory.slots[second].account);
  std::memset(static_cast<void*>(&leg.setup.strict_source), 7, 1);
  ASSERT_EQ(calls().size(), 1u);
  EXPECT_EQ(calls()[0].legs[1].stream_count, 0u) << "an account that cannot be";
  EXPECT_FALSE(calls()[0].legs[0].leg.setup.strict_source) << "a flag that is neither";
  leg.setup.port = 2;
  EXPECT_TRUE(calls().empty()) << "no such interface";
  leg.setup.port = 0;
  memory.legs[3].in_use = false;
  EXPECT_TRUE(calls().empty()) << "half a call";
  memory.legs[3].in_use = true;
  SavedCall& call = file.calls()[call_of(3)];
  call.key.fill('k');
  ASSERT_EQ(calls().size(), 1u);
  EXPECT_EQ(calls()[0].key.size(), SavedCall::kMaxKey);
  call.key.fill('\0');
  EXPECT_TRUE(calls().empty());
  call.key.fill('k');
  call.valid = 2;
  EXPECT_TRUE(calls().empty());
}

TEST_F(StateFileTest, NoRoomIsAnErrorAndNoSignal) {
  const auto file = StateFile::create(directory + "/none/dataplane.state", {1, 8, {}});
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().find("cannot be made"), std::string::npos);
}

// Two lives on one machine: calls of the first go on in the second.
class TwoLives : public StateFileTest {
 protected:
  struct Life {
    Life(StateFile& file, uint32_t max_legs)
        : rig({.max_legs = max_legs, .memory = file.core(0)}),
          line(rig.core(), rig.board().core_bell(0)),
          book(rig.board(), {&line}, {{"lan", 7}, {"wan", 8}}, max_legs, file.calls()) {}
    Rig rig;
    CoreLine line;
    CallBook book;
  };
  static control::CallAdd request(const std::string& key) {
    control::CallAdd add;
    add.call = key;
    add.legs[0].interface = "lan";
    add.legs[1].interface = "wan";
    add.legs[1].remote = SocketAddress::parse("198.18.3.10:30000");
    return add;
  }
  static void speak(Rig& rig, uint16_t from, uint16_t to, uint64_t at_ns = kNow) {
    for (uint16_t seq = from; seq < to; ++seq) {
      test::UdpFrame frame{.payload = test::rtp(seq, seq * 160u)};
      rig.arrive(0, test::build(frame));
      rig.run(at_ns + seq * 20'000'000u);
    }
  }
  // A receiver report of the far end: so many packets of the stream of speak() did not reach it.
  static void report(Rig& rig, uint8_t cumulative_lost) {
    test::UdpFrame frame{.to = *MacAddress::parse("02:00:00:00:00:02"),
                         .source = *SocketAddress::parse("198.18.3.10:30001"),
                         .destination = *SocketAddress::parse("198.18.2.2:20001"),
                         .payload = {0x81, 201, 0, 7, 0, 0, 0, 0xb, 0x11, 0x22, 0x33, 0x44, 0, 0, 0,
                                     cumulative_lost}};
    frame.payload.resize(32);
    rig.arrive(1, test::build(frame));
    rig.run(kNow + 4 * kSecond);
  }
  std::vector<std::string> restore(CallBook& book) {
    std::vector<std::string> refusals;
    for (const LeftCall& call : calls()) {
      if (std::string why = book.restore(call); !why.empty())
        refusals.push_back(call.key + ": " + why);
    }
    return refusals;
  }
};

TEST_F(TwoLives, CallsGoOnWithTheirSourcesSumsAndTheGap) {
  {
    StateFile file = make();
    Life first(file, 8);
    {
      const test_rig::Running running(first.rig);
      control::CallAdd video = request("a");
      for (control::LegSpec& leg : video.legs) leg.media = control::Media::kVideo;
      ASSERT_TRUE(first.book.add(video));
      ASSERT_TRUE(first.book.add(request("over")));
      ASSERT_TRUE(first.book.remove("over"));
    }
    speak(first.rig, 0, 100);
    ASSERT_EQ(file.publish(), "");
  }
  StateFile file = make();
  Life second(file, 8);
  {
    const test_rig::Running running(second.rig);
    EXPECT_TRUE(restore(second.book).empty());
    EXPECT_EQ(second.book.restore(calls()[0]), "it is there already");
  }
  speak(second.rig, 150, 200);
  // Nobody has told the second life where the phone is.
  test::UdpFrame answer{.to = *MacAddress::parse("02:00:00:00:00:02"),
                        .source = *SocketAddress::parse("198.18.3.10:30000"),
                        .destination = *SocketAddress::parse("198.18.2.2:20000"),
                        .payload = test::rtp(1)};
  second.rig.arrive(1, test::build(answer));
  second.rig.run();
  ASSERT_EQ(second.rig.departed(0).size(), 1u);
  report(second.rig, 57);

  const test_rig::Running running(second.rig);
  const auto last = second.book.remove("a");
  ASSERT_TRUE(last);
  EXPECT_EQ(last->legs[0].local.to_string(), "198.18.1.2:20000");
  EXPECT_EQ(last->legs[0].learned_source->to_string(), "198.18.1.10:4000");
  EXPECT_EQ(last->legs[0].rx.packets, 150u);
  ASSERT_EQ(last->legs[0].streams.size(), 1u);
  const auto& stream = last->legs[0].streams[0];
  EXPECT_EQ(stream.expected, 200u);
  EXPECT_EQ(stream.received, 150u);
  EXPECT_EQ(stream.lost, 0u);
  EXPECT_EQ(stream.lost_by_us, 50u);
  EXPECT_EQ(stream.unmarked, 150u) << "of both lives";
  EXPECT_EQ(last->legs[0].media, control::Media::kVideo);
  EXPECT_EQ(last->legs[0].mark.dscp, 34);
  ASSERT_EQ(last->legs[1].far_end.size(), 1u);
  EXPECT_EQ(last->legs[1].far_end[0].lost_before, 50u);
  EXPECT_EQ(last->legs[1].far_end[0].lost_beyond(), 7u) << "the gap is not the network's";
  const auto minutes = second.book.minutes().list({.after = 0, .epoch = {}, .limit = 9}).records;
  ASSERT_EQ(minutes.size(), 2u);
  EXPECT_EQ(minutes[0].received, 50u) << "what the first life had counted was its own to tell";
  EXPECT_EQ(minutes[0].lost_by_us, 50u);
}

TEST_F(TwoLives, ACallThatIsAddedAgainIsTakenUp) {
  StateFile file = make();
  Life life(file, 8);
  const test_rig::Running running(life.rig);
  ASSERT_TRUE(life.book.add(request("a")));
  control::CallAdd again = request("a");
  EXPECT_EQ(life.book.add(again).error().code, control::ErrorCode::kCallExists);
  again.resume = true;
  again.legs[0].local_port = 20000;
  again.legs[1].remote = SocketAddress::parse("198.18.3.11:30000");
  again.legs[1].rtcp_mux = true;
  const auto taken = life.book.add(again);
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->legs[1].remote->to_string(), "198.18.3.11:30000");
  EXPECT_EQ(taken->legs[1].local_rtcp, taken->legs[1].local);
  again.legs[0].local_port = 20002;
  EXPECT_EQ(life.book.add(again).error().code, control::ErrorCode::kCallExists);
  again = request("b");
  again.resume = true;
  EXPECT_TRUE(life.book.add(again)) << "one that is not there is added";
}

TEST_F(TwoLives, WhatCannotGoOnIsRefusedAndTakesNothing) {
  {
    StateFile file = make();
    Life first(file, 8);
    const test_rig::Running running(first.rig);
    for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(first.book.add(request(key)));
    ASSERT_EQ(file.publish(), "");
  }
  StateFile file = make({1, 4, {"lan", "wan"}});
  Life second(file, 4);
  const test_rig::Running running(second.rig);
  EXPECT_EQ(restore(second.book), (std::vector<std::string>{"c: max-legs are in use"}));
  EXPECT_EQ(second.book.legs_in_use(), 4u);
  LeftCall odd = calls()[2];
  for (const auto& change : std::initializer_list<void (*)(LeftCall&)>{
           [](LeftCall& c) { c.interfaces[1] = "dmz"; },
           [](LeftCall& c) { c.legs[0].leg.setup.local = *IpAddress::parse("198.18.1.3"); },
           [](LeftCall& c) {
             c.legs[0].leg.setup.local_port = {20001, 20002};
           },
           [](LeftCall& c) {
             c.legs[0].leg.setup.local_port = {20200, 20201};
           },
           [](LeftCall& c) {
             c.legs[1].leg.setup.local_port = {0, 1};
           }}) {
    LeftCall call = odd;
    change(call);
    EXPECT_NE(second.book.restore(call), "");
  }
  ASSERT_TRUE(second.book.remove("a"));
  EXPECT_EQ(second.book.restore(odd), "") << "the places are still free";
}

}  // namespace
}  // namespace holdfast::dataplane
