// SPDX-License-Identifier: Apache-2.0
// What the store cannot take: bodies that are too large, a disk that is full, a store that is full.
#include <sqlite3.h>

#include <cerrno>

#include "tests/control/store/failing_vfs.hh"
#include "tests/provision-proxy/proxy/flow_fixture.hh"

namespace holdfast::provision {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMiB = size_t{1} << 20;

class FlowDiskTest : public FlowTest {
 protected:
  FlowDiskTest() { store_config_.max_bytes = 8 * kMiB; }
  void SetUp() override {
    store::FailingVfs::install();
    store::FailingVfs::code = 0;
    FlowTest::SetUp();
    config_.max_object_mib = 1;
  }
  void TearDown() override {
    heal();
    FlowTest::TearDown();
  }
  void heal() {
    disk_.heal();
    store::FailingVfs::code = 0;
  }
  // Sees that the disk takes data again.
  void recover() {
    heal();
    unix_ms_ += store_config_.retry_ms;
    for (int i = 0; i < 2; ++i) {
      store().tick();
      store().drain();
    }
  }
  // That body in chunks, or with its length.
  void centre_sends(const std::string& body, bool length_known) {
    centre([body, length_known](OriginConnection& c, const std::string&) {
      if (length_known) return c.send(ok(body));
      c.send("HTTP/1.1 200 OK\r\n\r\n" + body);
      return false;
    });
  }
  // Files that the store makes lasting fit no more.
  void fill_disk() { disk_.write_error = ENOSPC; }
};

// ---- too large ----------------------------------------------------------------------------------

TEST_F(FlowDiskTest, ALargerBodyPassesAndIsNotKept) {
  start();
  const auto large = bytes_like_firmware(3 * kMiB + 7);
  uint64_t alarmed = 0;
  for (const bool length_known : {true, false}) {
    centre_sends(large, length_known);
    for (const auto target : {kFirmware, kConfig}) {
      const auto got = ask(target);
      EXPECT_EQ(got.status, 200);
      EXPECT_TRUE(got.whole() && got.body == large) << target << length_known << got.body.size();
      EXPECT_EQ(alarms(AlarmKind::not_stored), ++alarmed);
    }
    ASSERT_TRUE(settle());
    const auto part = ask(kFirmware, {{"Range", "bytes=3000000-3000009"}});
    EXPECT_TRUE(part.body == large || part.body == large.substr(3'000'000, 10)) << part.status;
    ++alarmed;
  }
  EXPECT_EQ(count(FlowCount::stored), 0U);
  EXPECT_EQ(store().status().entries, 0U);
}

TEST_F(FlowDiskTest, AllWhoShareALargerBodyGetItAndTheSlowestSetsThePace) {
  start();
  const auto large = bytes_like_firmware(6 * kMiB);
  centre_sends(large, false);
  const auto first = begin(kFirmware), second = begin(kFirmware), slow = begin(kFirmware);
  slow->hold = true;
  ASSERT_TRUE(run_until([&] { return slow->answered && first->body.size() > kMiB + 200'000; }));
  run_until([] { return false; }, milliseconds(100));
  EXPECT_LE(first->body.size(), kMiB + 2 * PassPipe::kHighWater) << "memory without bounds";
  slow->hold = false;
  slow->read_on();
  ASSERT_TRUE(run_until([&] { return first->done() && second->done() && slow->done(); }));
  for (const auto& phone : {first, second, slow})
    EXPECT_TRUE(phone->whole() && phone->body == large) << phone->body.size();
  EXPECT_EQ(asked(), 1U);
}

TEST_F(FlowDiskTest, WhenAllHaveLeftALargerBodyEnds) {
  start();
  std::atomic<bool> closed{false};
  centre([&](OriginConnection& c, const std::string&) {
    c.send("HTTP/1.1 200 OK\r\n\r\n");
    const std::string piece(64 * 1024, 'x');
    for (int i = 0; i < 100'000; ++i)
      if (!c.send(piece)) break;
    closed = true;
    return false;
  });
  const auto first = begin(kFirmware), second = begin(kFirmware);
  second->hold = true;
  ASSERT_TRUE(run_until([&] { return first->body.size() > kMiB && second->answered; }));
  first->leave();
  run_until([] { return false; }, milliseconds(20));
  EXPECT_FALSE(closed);
  second->leave();
  EXPECT_TRUE(run_until([&] { return closed.load(); }));
  EXPECT_TRUE(settle());
}

TEST_F(FlowDiskTest, ACutLargerBodyIsCutForThePhone) {
  start();
  centre([&](OriginConnection& c, const std::string&) {
    c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" +
           std::string(kMiB + 100'000, 'x'));
    return false;
  });
  EXPECT_TRUE(ask(kFirmware).failed);
}

// A configuration that has no end is none; firmware is judged by its beginning.
TEST_F(FlowDiskTest, WhatIsKeptIsGivenInsteadOfAConfigurationWithoutEnd) {
  start();
  centre_says(ok(master(kMac)));
  ask(kConfig);
  centre_says(ok(bytes_like_firmware(5000, 1)));
  ask(kFirmware);
  ASSERT_TRUE(settle());
  for (const bool length_known : {true, false}) {
    unix_ms_ += 48 * 60 * kMinute_ms;  // past every class's interval
    centre_sends(master(kMac).append(3 * kMiB, ' '), length_known);
    EXPECT_EQ(ask(kConfig).body, master(kMac)) << length_known;
    const auto firmware = bytes_like_firmware(3 * kMiB, 2);
    centre_sends(firmware, length_known);
    const auto got = ask(kFirmware);
    EXPECT_TRUE(got.body == firmware) << length_known << got.how();
  }
  EXPECT_EQ(count(FlowCount::stored), 2U);
}

// ---- a full disk --------------------------------------------------------------------------------

TEST_F(FlowDiskTest, AFullDiskServesOnStoresNothingAndComesBack) {
  start();
  centre_says(ok(master(kMac, "one")));
  ask(kConfig);
  ASSERT_TRUE(settle());
  for (const bool index : {false, true}) {
    SCOPED_TRACE(index ? "the index" : "the bodies");
    const std::string word = index ? "three" : "two";
    (index ? store::FailingVfs::code = SQLITE_FULL : disk_.write_error = ENOSPC);
    unix_ms_ += kMinute_ms;
    centre_says(ok(master(kMac, word)));
    const auto alarmed = alarms(AlarmKind::not_stored);
    const auto stored = count(FlowCount::stored);
    EXPECT_EQ(ask(kConfig).brief(), "200 " + master(kMac, word)) << "in the middle of a body";
    ASSERT_TRUE(settle());
    EXPECT_EQ(store().status().state, StoreError::kDiskFull);
    EXPECT_EQ(alarms(AlarmKind::not_stored), alarmed + 1);
    EXPECT_EQ(ask(kConfig).brief(), "200 " + master(kMac, word)) << "from its beginning";
    const auto firmware = bytes_like_firmware(300'000);
    centre_says(ok(firmware));
    EXPECT_TRUE(ask(kFirmware).body == firmware);
    centre_says(ok("<html><body>access denied</body></html>"));
    const std::string kept = index ? master(kMac, "two") : master(kMac, "one");
    EXPECT_EQ(ask(kConfig).body, kept) << "it is judged as ever";
    EXPECT_EQ(count(FlowCount::stored), stored);
    open_breaker();
    EXPECT_EQ(ask(kConfig).body, kept) << "what is stored is not lost";
    recover();
    EXPECT_EQ(store().status().state, StoreError::kNone);
    centre_says(ok(master(kMac, word)));
    revive_centre();
    ASSERT_TRUE(run_until([&] { return upstream().health().admits(); }));
    EXPECT_EQ(ask(kConfig).body, master(kMac, word));
    ASSERT_TRUE(settle());
    EXPECT_EQ(count(FlowCount::stored), stored + 1);
    open_breaker();
    restart();
    EXPECT_EQ(ask(kConfig).body, master(kMac, word));
    revive_centre();
    ASSERT_TRUE(run_until([&] { return upstream().health().admits(); }));
  }
}

TEST_F(FlowDiskTest, WhatWasRolledBackDoesNotComeWithAFullDisk) {
  start();
  for (const std::string_view word : {"one", "two"}) {
    centre_says(ok(master(kMac, word)));
    ask(kConfig);
    ASSERT_TRUE(settle());
    unix_ms_ += kMinute_ms;
  }
  Key key;
  store().for_each([&](const EntryPtr& entry) { key = entry->key; });
  store().rollback(key, [](StoreError error) { EXPECT_EQ(error, StoreError::kNone); });
  store().drain();
  fill_disk();
  for (int i = 0; i < 2; ++i) {
    const auto got = ask(kConfig);
    EXPECT_EQ(got.body, master(kMac, "one")) << i;
    EXPECT_EQ(got.how(), "Holdfast; fwd=stale; detail=rolled-back");
  }
}

TEST_F(FlowDiskTest, ADiskThatFillsInTheMiddleCutsNobody) {
  start();
  const auto firmware = bytes_like_firmware(800'000);
  std::atomic<bool> go{false};
  centre([&](OriginConnection& c, const std::string&) {
    const auto answer = ok(firmware);
    c.send(answer.substr(0, 400'000));
    for (int i = 0; i < 5000 && !go; ++i) std::this_thread::sleep_for(milliseconds(2));
    return c.send(answer.substr(400'000));
  });
  const auto first = begin(kFirmware), second = begin(kFirmware);
  const auto part = begin(kFirmware, {{"Range", "bytes=700000-700009"}});
  ASSERT_TRUE(run_until([&] { return first->body.size() > 300'000; }));
  fill_disk();
  go = true;
  ASSERT_TRUE(run_until([&] { return first->done() && second->done() && part->done(); }));
  EXPECT_TRUE(first->whole() && first->body == firmware) << first->body.size();
  EXPECT_TRUE(second->whole() && second->body == firmware);
  EXPECT_EQ(part->status, 206);
  EXPECT_EQ(part->body, firmware.substr(700'000, 10));
  EXPECT_EQ(asked(), 1U);
  EXPECT_EQ(alarms(AlarmKind::not_stored), 1U);
  EXPECT_EQ(store().status().entries, 0U);
}

// ---- a full store -------------------------------------------------------------------------------

TEST_F(FlowDiskTest, FirmwareGoesAndTheLastGoodConfigurationsStay) {
  start();
  const int phones = 20;
  const auto mac_of = [](int i) {
    char text[13];
    std::snprintf(text, sizeof text, "0004f2%06x", static_cast<unsigned>(i));
    return std::string(text);
  };
  for (int i = 0; i < phones; ++i) {
    centre_says(ok(master(mac_of(i)), "ETag: \"c\"\r\n"));
    ASSERT_EQ(ask("/" + mac_of(i) + ".cfg").status, 200);
  }
  for (unsigned i = 0; i < 12; ++i) {  // 900 KB each, of 8 MiB
    unix_ms_ += 1000;
    const auto firmware = bytes_like_firmware(900'000, i + 1);
    centre_says(ok(firmware, "ETag: \"f\"\r\n"));
    ASSERT_TRUE(ask("/" + std::to_string(i) + ".sip.ld").body == firmware);
    ASSERT_TRUE(settle());
    EXPECT_LE(store().status().body_bytes, store_config_.max_bytes);
  }
  EXPECT_GE(store().status().evicted, 3U);
  EXPECT_EQ(store().status().state, StoreError::kNone);
  EXPECT_EQ(alarms(AlarmKind::not_stored), 0U);
  open_breaker();
  restart();
  for (int i = 0; i < phones; ++i)
    EXPECT_EQ(ask("/" + mac_of(i) + ".cfg").body, master(mac_of(i))) << "the only copy";
  EXPECT_EQ(ask("/0.sip.ld").status, 504) << "the least recently used";
  EXPECT_EQ(ask("/11.sip.ld").status, 200);
}

}  // namespace
}  // namespace holdfast::provision
