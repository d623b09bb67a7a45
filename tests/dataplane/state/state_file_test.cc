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
constexpr uint64_t kRest = 60 * kSecond;

class StateFileTest : public ::testing::Test {
 protected:
  StateFileTest() {
    std::string name = std::filesystem::temp_directory_path() / "hf-state-XXXXXX";
    directory = ::mkdtemp(name.data());
    path = directory + "/dataplane.state";
  }
  ~StateFileTest() override { std::filesystem::remove_all(directory); }

  StateFile make(const StateShape& shape = {1, 8, {"lan", "wan"}}) {
    auto file = StateFile::create(path, shape, nullptr);
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
  EXPECT_NE(refusal(kNow - 1).find("clock"), std::string::npos) << "of another boot";
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

TEST_F(StateFileTest, CallsEndWithTheSilenceAndTheirPortsAreStillKnown) {
  const StateShape shape{
      1,
      8,
      {"lan", "wan"},
      {{*IpAddress::parse("198.18.1.2"), 20000, 4}, {*IpAddress::parse("198.18.2.2"), 30000, 600}}};
  StateFile file = make(shape);
  fill(file);
  ASSERT_EQ(file.port_marks().size(), 604u);
  file.port_marks()[1].end(kNow - 7 * kSecond);
  file.port_marks()[2].lent = 1;
  file.port_marks()[3].end(kNow + 200 * kSecond);
  file.port_marks()[4].end(kNow + 121 * kSecond + 1);
  file.port_marks()[603].left = 1;
  file.port_marks()[603].end(kNow - 9 * kSecond);
  ASSERT_EQ(file.publish(), "");
  std::string why;
  const auto left = LeftState::open(path, kNow + 121 * kSecond + 1, why);
  ASSERT_TRUE(left);
  EXPECT_NE(why.find("older than 120 s"), std::string::npos) << why;
  EXPECT_TRUE(left->calls_are_over());
  left->for_each([](const LeftCall& call) { ADD_FAILURE() << call.key; });
  const auto ports = left->ports();
  const auto is = [&](size_t at, const char* ip, uint16_t port, uint64_t ended_ns, bool open) {
    return ports[at].ip == *IpAddress::parse(ip) && ports[at].rtp_port == port &&
           ports[at].ended_ns == ended_ns && ports[at].left == open;
  };
  ASSERT_EQ(ports.size(), 4u);
  EXPECT_TRUE(is(0, "198.18.1.2", 20002, kNow - 7 * kSecond, false));
  EXPECT_TRUE(is(1, "198.18.1.2", 20004, kNow, true)) << "lent: until the last sign of life";
  EXPECT_TRUE(is(2, "198.18.2.2", 30000, kNow + 121 * kSecond + PortMark::kTickNs, false))
      << "of the tick that is now";
  EXPECT_TRUE(is(3, "198.18.2.2", 31198, kNow - 9 * kSecond, true)) << "of the life before that";
  EXPECT_EQ(calls().size(), 1u) << "of a younger file";
}

TEST_F(StateFileTest, NoRoomIsAnErrorAndNoSignal) {
  const auto file = StateFile::create(directory + "/none/dataplane.state", {1, 8, {}}, nullptr);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().find("cannot be made"), std::string::npos);
}

// Two lives on one machine: calls of the first go on in the second.
class TwoLives : public StateFileTest {
 protected:
  struct Life {
    // With marks of ports in the file where its shape has them.
    Life(
        StateFile& file, uint32_t max_legs, std::function<uint64_t()> clock = [] { return kNow; })
        : rig({.max_legs = max_legs, .memory = file.core(0)}),
          line(rig.core(), rig.board().core_bell(0)),
          book(rig.board(), {&line}, {{"lan", 7}, {"wan", 8}}, max_legs, file.calls(),
               {kRest, std::move(clock), file.port_marks()}) {}
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
  second.line.serve_here(true);
  EXPECT_TRUE(restore(second.book).empty());
  EXPECT_EQ(second.book.restore(calls()[0]), "it is there already");
  second.line.serve_here(false);
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

// The ports of "b" are of the slices of two lcores now, and lcore 0 has legs for one of its calls
// alone.
TEST_F(TwoLives, CallsGoOnWithMoreLcores) {
  constexpr std::pair<uint16_t, uint16_t> kPorts[] = {
      {20000, 20000}, {20002, 20150}, {20004, 20004}};
  {
    StateFile file = make();
    Life first(file, 8);
    first.line.serve_here(true);
    for (const auto& [lan, wan] : kPorts) {
      control::CallAdd add = request(std::to_string(lan));
      add.legs[0].local_port = lan;
      add.legs[1].local_port = wan;
      ASSERT_TRUE(first.book.add(add));
    }
    for (const char* key : {"20000", "20002", "20004"})
      first.rig.resolve(first.book.legs_of_call(key).value()[1]);
    ASSERT_EQ(file.publish(), "");
  }
  Rig rig({.cores = 2, .max_legs = 6});
  CoreLine lines[] = {CoreLine(rig.core(0), rig.board().core_bell(0)),
                      CoreLine(rig.core(1), rig.board().core_bell(1))};
  CallBook book(rig.board(), {&lines[0], &lines[1]}, {{"lan", 7}, {"wan", 8}}, 6);
  for (CoreLine& line : lines) line.serve_here(true);
  EXPECT_EQ(restore(book), std::vector<std::string>{});
  std::array<size_t, 2> calls_of{};
  for (const auto& [lan, wan] : kPorts) {
    const auto legs = book.legs_of_call(std::to_string(lan));
    ASSERT_TRUE(legs);
    ++calls_of[rig.board().owner_of_leg(legs->front())];
    test::UdpFrame frame{.payload = test::rtp(1)};
    frame.destination.port = lan;
    rig.arrive(0, test::build(frame));
    rig.run(kNow);
    const auto left = rig.departed(1);
    ASSERT_EQ(left.size(), 1u) << lan;
    EXPECT_EQ(left[0][34] << 8 | left[0][35], wan) << "its source port";
  }
  EXPECT_EQ(calls_of, (std::array<size_t, 2>{2, 1}));
  rig.expect_balanced();
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

// The rig's media addresses.
StateShape with_marks() {
  StateShape shape{1, 8, {"lan", "wan"}, {}};
  for (const char* ip : {"198.18.1.2", "2001:db8:1::2", "198.18.2.2", "2001:db8:2::2"})
    shape.ports.push_back({*IpAddress::parse(ip), 20000, 100});
  return shape;
}

TEST_F(TwoLives, PortsOfCallsThatEndedRestForWhatIsLeft) {
  uint64_t now_ns = kNow - 20 * kSecond;
  const auto clock = [&now_ns] { return now_ns; };
  {
    StateFile file = make(with_marks());
    Life first(file, 8, clock);
    const test_rig::Running running(first.rig);
    for (const char* key : {"ended", "goes on", "lost"}) ASSERT_TRUE(first.book.add(request(key)));
    ASSERT_TRUE(first.book.remove("ended"));
    file.calls()[2].valid = 0;
    ASSERT_EQ(file.publish(), "");
  }
  now_ns = kNow + kSecond;
  StateFile file = make(with_marks());
  Life second(file, 8, clock);
  const test_rig::Running running(second.rig);
  std::string why;
  const auto left = LeftState::open(path, now_ns, why);
  ASSERT_TRUE(left) << why;
  EXPECT_TRUE(restore(second.book).empty());
  second.book.rest_again(left->ports());
  EXPECT_EQ(second.book.media_ports(0).lent, 1u);
  EXPECT_EQ(second.book.media_ports(0).resting, 2u);
  const auto next = second.book.add(request("next"));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->legs[0].local.port, 20006) << "the first that had no call";
  ASSERT_TRUE(second.book.remove("next"));
  EXPECT_EQ(file.port_marks()[3].ended_ns(), now_ns) << "for a third life";

  // The control plane gives the lost call back, and it alone.
  control::CallAdd again = request("lost");
  for (control::LegSpec& leg : again.legs) leg.local_port = 20004;
  EXPECT_EQ(second.book.add(again).error().code, control::ErrorCode::kPortTaken);
  again.resume = true;
  EXPECT_TRUE(second.book.add(again));
  again = request("ended");
  again.resume = true;
  again.legs[0].local_port = 20000;
  EXPECT_EQ(second.book.add(again).error().code, control::ErrorCode::kPortTaken);
  now_ns = kNow + 40 * kSecond - 1;
  EXPECT_EQ(second.book.media_ports(0).resting, 2u);
  now_ns = kNow + 40 * kSecond;
  EXPECT_EQ(second.book.media_ports(0).resting, 1u) << "20 s had passed in the first life";
}

}  // namespace
}  // namespace holdfast::dataplane
