// SPDX-License-Identifier: Apache-2.0
// Many who want the same: one fetch, streamed to all; those who leave, and a centre that dies.
#include "tests/provision-proxy/proxy/flow_fixture.hh"

#include <atomic>
#include <thread>

namespace holdfast::provision {
namespace {

using std::chrono::milliseconds;

// Sends the beginning, and the rest when a test says so.
struct Gate {
  std::atomic<bool> open{false};
  void wait() const {
    for (int i = 0; i < 5000 && !open; ++i) std::this_thread::sleep_for(milliseconds(2));
  }
};

TEST_F(FlowTest, ManyWaitForOneFetchAndStream) {
  start();
  const auto firmware = bytes_like_firmware(1'000'000);
  Gate gate;
  centre([&](OriginConnection& c, const std::string&) {
    const auto answer = ok(firmware);
    c.send(answer.substr(0, 400'000));
    gate.wait();
    return c.send(std::string_view(answer).substr(400'000));
  });
  std::vector<GotPtr> phones;
  phones.reserve(100);
  for (int i = 0; i < 50; ++i) phones.push_back(begin(kFirmware));
  ASSERT_TRUE(run_until([&] {
    return std::ranges::all_of(phones, [](const auto& p) { return p->body.size() > 300'000; });
  })) << "it streams while it arrives";
  for (int i = 0; i < 50; ++i) phones.push_back(begin(kFirmware));
  gate.open = true;
  ASSERT_TRUE(run_until(
      [&] { return std::ranges::all_of(phones, [](const auto& p) { return p->done(); }); }));
  for (const auto& phone : phones) {
    EXPECT_TRUE(phone->whole());
    EXPECT_TRUE(phone->body == firmware);
    EXPECT_EQ(phone->replies, 1);
  }
  EXPECT_EQ(phones.front()->how(), "Holdfast; fwd=uri-miss; stored");
  EXPECT_EQ(phones.back()->how(), "Holdfast; fwd=uri-miss; stored; collapsed");
  EXPECT_EQ(asked(), 1U);
  EXPECT_EQ(count(FlowCount::fetches), 1U);
  EXPECT_EQ(count(FlowCount::joined), 99U);
}

TEST_F(FlowTest, ManyRevalidateByOneRequest) {
  start();
  centre_says(ok("a=1\n", "ETag: \"1\"\r\n"));
  ask("/sip.ver");
  std::vector<GotPtr> phones;
  phones.reserve(100);
  for (int i = 0; i < 20; ++i) phones.push_back(begin("/sip.ver"));
  ASSERT_TRUE(run_until(
      [&] { return std::ranges::all_of(phones, [](const auto& p) { return p->done(); }); }));
  for (const auto& phone : phones) EXPECT_EQ(phone->brief(), "200 a=1\n");
  EXPECT_EQ(asked(), 2U);
}

TEST_F(FlowTest, OneLeavesTheOthersGoOn) {
  start();
  const auto firmware = bytes_like_firmware(600'000);
  Gate gate;
  centre([&](OriginConnection& c, const std::string&) {
    const auto answer = ok(firmware);
    c.send(answer.substr(0, 200'000));
    gate.wait();
    return c.send(std::string_view(answer).substr(200'000));
  });
  const auto first = begin(kFirmware);
  const auto second = begin(kFirmware);
  ASSERT_TRUE(run_until([&] { return second->body.size() > 100'000; }));
  first->leave();
  gate.open = true;
  ASSERT_TRUE(run_until([&] { return second->done(); }));
  EXPECT_TRUE(second->body == firmware);
  EXPECT_FALSE(first->done());
}

TEST_F(FlowTest, TheOnlyOneLeavesAndItIsStoredAllTheSame) {
  start();
  const auto firmware = bytes_like_firmware(600'000);
  Gate gate;
  centre([&](OriginConnection& c, const std::string&) {
    const auto answer = ok(firmware);
    c.send(answer.substr(0, 200'000));
    gate.wait();
    return c.send(std::string_view(answer).substr(200'000));
  });
  const auto phone = begin(kFirmware);
  ASSERT_TRUE(run_until([&] { return phone->body.size() > 100'000; }));
  phone->leave();
  gate.open = true;
  ASSERT_TRUE(settle());
  EXPECT_EQ(ask(kFirmware).how(), "Holdfast; hit");
  EXPECT_EQ(asked(), 1U);
}

TEST_F(FlowTest, WhoLeavesWhatPassesCancelsIt) {
  start();
  std::atomic<bool> closed{false};
  centre([&](OriginConnection& c, const std::string&) {
    c.send("HTTP/1.1 302 Found\r\nContent-Length: 100000000\r\n\r\n");
    while (c.send(std::string(10'000, 'x'))) {
    }
    closed = true;
    return false;
  });
  const auto phone = begin("/moved.dat");
  ASSERT_TRUE(run_until([&] { return phone->body.size() > 100'000; }));
  phone->leave();
  EXPECT_TRUE(run_until([&] { return closed.load(); }));
}

// A slow phone holds the centre back, not our memory.
TEST_F(FlowTest, WhatPassesWaitsForThePhone) {
  start();
  std::atomic<size_t> sent{0};
  centre([&](OriginConnection& c, const std::string&) {
    c.send("HTTP/1.1 302 Found\r\nContent-Length: 20000000\r\n\r\n");
    for (; sent < 20'000'000 && c.send(std::string(10'000, 'x')); sent += 10'000) {
    }
    return true;
  });
  const auto phone = begin("/moved.dat");
  phone->hold = true;
  ASSERT_TRUE(run_until([&] { return !phone->body.empty(); }));
  run_until([] { return false; }, milliseconds(300));
  EXPECT_LT(sent, 19'000'000U);
  phone->hold = false;
  phone->read_on();
  ASSERT_TRUE(run_until([&] { return phone->done(); }));
  EXPECT_EQ(phone->body.size(), 20'000'000U);
}

TEST_F(FlowTest, ACentreThatDiesMidBodyCutsEveryone) {
  start();
  const auto firmware = bytes_like_firmware(400'000);
  centre([&](OriginConnection& c, const std::string&) {
    c.send(ok(firmware).substr(0, 300'000));
    return false;
  });
  const auto first = begin(kFirmware);
  const auto second = begin(kFirmware);
  ASSERT_TRUE(run_until([&] { return first->done() && second->done(); }));
  for (const auto& phone : {first, second}) {
    EXPECT_TRUE(phone->failed);
    EXPECT_FALSE(phone->whole()) << "no torso is presented as a whole";
  }
  ASSERT_TRUE(settle());
  EXPECT_EQ(count(FlowCount::stored), 0U);
  EXPECT_EQ(alarms(AlarmKind::truncated), 1U);
  centre_says(ok(firmware));
  EXPECT_TRUE(ask(kFirmware).body == firmware);
}

TEST_F(FlowTest, ChunksThatBreakOffAreNoWhole) {
  start();
  centre([&](OriginConnection& c, const std::string&) {
    c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na=1\n\r\n");
    return false;
  });
  EXPECT_EQ(ask("/sip.cfg").failed, true);
  ASSERT_TRUE(settle());
  EXPECT_EQ(count(FlowCount::stored), 0U);
}

TEST_F(FlowTest, HeldWaitersGetTheOldOneWhenTheCentreDies) {
  start();
  centre_says(ok(master(kMac)));
  ask(kConfig);
  unix_ms_ += kMinute_ms;
  centre([&](OriginConnection& c, const std::string&) {
    c.send(ok(master(kMac, "two")).substr(0, 120));
    return false;
  });
  const auto first = begin(kConfig);
  const auto second = begin(kConfig);
  ASSERT_TRUE(run_until([&] { return first->done() && second->done(); }));
  for (const auto& phone : {first, second}) {
    EXPECT_EQ(phone->brief(), "200 " + master(kMac));
    EXPECT_EQ(phone->how(), "Holdfast; fwd=stale; detail=truncated");
  }
}

TEST_F(FlowTest, ARangeThatWaitsForTheSizeWhenTheCentreDies) {
  start();
  centre([&](OriginConnection& c, const std::string&) {
    c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na=1\n\r\n");
    return false;
  });
  EXPECT_EQ(ask("/numbers.dat", {{"Range", "bytes=-2"}}).status, 502);
}

TEST_F(FlowTest, VaryKeepsAnswersApart) {
  start();
  centre([&](OriginConnection& c, const std::string& head) {
    const bool german = has_line(head, "Accept-Language: de");
    return c.send(ok(german ? "eins=1\n" : "one=1\n", "Vary: Accept-Language\r\n"));
  });
  const auto german = begin("/words.dat", {{"Accept-Language", "de"}});
  const auto english = begin("/words.dat", {{"Accept-Language", "en"}});
  ASSERT_TRUE(run_until([&] { return german->done() && english->done(); }));
  EXPECT_EQ(german->body, "eins=1\n");
  EXPECT_EQ(english->body, "one=1\n");
}

}  // namespace
}  // namespace holdfast::provision
