// SPDX-License-Identifier: Apache-2.0
// Answers with status 200 that are not the file, and changes that only look like it.
#include "tests/provision-proxy/proxy/flow_fixture.hh"

namespace holdfast::provision {
namespace {

std::string registration(std::string_view name, std::string_view more = "") {
  return "<?xml version=\"1.0\"?>\n<PHONE_CONFIG>\n  <reg reg.1.displayName=\"" +
         std::string(name) + "\" reg.1.address=\"4711\" reg.1.auth.userId=\"4711\" " +
         "reg.1.auth.password=\"s3cret\" reg.1.server.1.address=\"centre.lab.voip\"/>\n" +
         std::string(more) + "</PHONE_CONFIG>\n";
}

struct PoisonCase {
  std::string_view name, target;
  std::string before, after;
  std::string_view detail;
};

std::vector<PoisonCase> poisons() {
  const auto firmware = bytes_like_firmware(100'000);
  const std::string html = "<!DOCTYPE html>\n<html><body><h1>Log in</h1></body></html>\n";
  return {
      {"denied", kConfig, ok(master(kMac)), ok("Access denied"), "denial"},
      {"denied as XML", kConfig, ok(master(kMac)),
       ok("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"), "denial"},
      {"empty", kConfig, ok(master(kMac)), ok(""), "empty"},
      {"HTML", kConfig, ok(master(kMac)), ok(html), "html"},
      {"truncated by the centre itself", kConfig, ok(master(kMac)),
       ok(master(kMac, "two").substr(0, 150)), "truncated"},
      {"another phone's", kConfig, ok(master(kMac)), ok(master(kOtherMac)), "another_phone"},
      {"provisional", "/phone/6f9619ff.cfg", ok(registration("Reception")),
       ok("<?xml version=\"1.0\"?>\n<PHONE_CONFIG>\n  <reg reg.1.displayName=\"Provisional\" "
          "reg.1.address=\"\"/>\n</PHONE_CONFIG>\n"),
       "provisional"},
      {"firmware denied", kFirmware, ok(firmware), ok("Access denied"), "denial"},
      {"text for firmware", kFirmware, ok(firmware),
       ok("The service is being moved.\nPlease come back tomorrow.\n"), "text_for_bytes"},
      {"firmware empty", kFirmware, ok(firmware), ok(""), "empty"},
      {"firmware HTML, long", kFirmware, ok(firmware), ok(html + std::string(20'000, ' ')), "html"},
      {"directory HTML", "/contacts/0004f2aaaaaa-directory.xml",
       ok("<?xml version=\"1.0\"?>\n<directory><item_list/></directory>\n"), ok(html), "html"},
  };
}

TEST_F(FlowTest, APoisonGivesTheOldOneAndAnAlarm) {
  start();
  for (const auto& row : poisons()) {
    centre_says(row.before);
    const auto good = ask(row.target);
    ASSERT_EQ(good.status, 200) << row.name;
    unix_ms_ += 120 * kMinute_ms;
    const auto raised = alarms(AlarmKind::implausible);
    centre_says(row.after);
    const auto one = begin(row.target);
    const auto two = begin(row.target);
    const auto part = begin(row.target, {{"Range", "bytes=0-4"}});
    ASSERT_TRUE(run_until([&] { return one->done() && two->done() && part->done(); })) << row.name;
    EXPECT_TRUE(one->body == good.body) << row.name << ": " << one->brief().substr(0, 200);
    EXPECT_TRUE(two->body == good.body) << row.name;
    EXPECT_EQ(part->body, good.body.substr(0, 5)) << row.name;
    EXPECT_EQ(one->how(), "Holdfast; fwd=stale; detail=" + std::string(row.detail)) << row.name;
    EXPECT_EQ(alarms(AlarmKind::implausible), raised + 1) << row.name;
    ASSERT_TRUE(settle());
    open_breaker();
    EXPECT_TRUE(ask(row.target).body == good.body) << row.name << ", the centre away";
    revive_centre();
    ASSERT_TRUE(run_until([&] { return upstream().health().admits(); }));
    unix_ms_ += 120 * kMinute_ms;
    EXPECT_TRUE(ask(row.target).body == good.body) << row.name << ", said again";
    // It heals by itself.
    centre_says(row.before);
    EXPECT_TRUE(ask(row.target).body == good.body) << row.name;
    ASSERT_TRUE(settle());
    for (const auto& entry : store().generations(
             {"centre", std::string(row.target), row.target == kFirmware ? "" : std::string(kMac)}))
      EXPECT_EQ(entry->body.size, good.body.size()) << row.name << ": it was stored";
  }
}

TEST_F(FlowTest, AWrongContentLengthGivesTheOldOne) {
  start();
  centre_says(ok(master(kMac)));
  ask(kConfig);
  unix_ms_ += kMinute_ms;
  centre([](OriginConnection& c, const std::string&) {
    c.send("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + master(kMac, "two"));
    return false;
  });
  EXPECT_EQ(ask(kConfig).body, master(kMac));
  EXPECT_EQ(alarms(AlarmKind::truncated), 1U);
  // Shorter than it is: what is cut off of XML shows.
  centre([](OriginConnection& c, const std::string&) {
    c.send("HTTP/1.1 200 OK\r\nContent-Length: 150\r\n\r\n" + master(kMac, "two"));
    return false;
  });
  EXPECT_EQ(ask(kConfig).body, master(kMac));
  EXPECT_EQ(alarms(AlarmKind::implausible), 1U);
}

// Nothing better is known: the phone gets what the centre says, and it is not kept.
TEST_F(FlowTest, APoisonWhereNothingWasIsGivenButNotKept) {
  start();
  centre_says(ok("Access denied"));
  EXPECT_EQ(ask(kConfig).brief(), "200 Access denied");
  ASSERT_TRUE(settle());
  EXPECT_EQ(count(FlowCount::stored), 0U);
  EXPECT_EQ(alarms(AlarmKind::implausible), 1U);
  centre_says(ok(master(kMac)));
  EXPECT_EQ(ask(kConfig).body, master(kMac));
}

TEST_F(FlowTest, APoisonAfterAnInvalidationFindsTheOldOneStill) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  ask(kConfig);
  store().invalidate({"centre", std::string(kConfig), std::string(kMac)}, [](StoreError) {});
  centre_says(ok("Access denied"));
  EXPECT_EQ(ask(kConfig).body, master(kMac));
}

TEST_F(FlowTest, WhatWasRolledBackDoesNotComeAgain) {
  start();
  const Key key{"centre", std::string(kConfig), std::string(kMac)};
  centre_says(ok(master(kMac, "one")));
  ask(kConfig);
  unix_ms_ += kMinute_ms;
  centre_says(ok(master(kMac, "bad")));
  EXPECT_EQ(ask(kConfig).body, master(kMac, "bad"));
  store().rollback(key, [](StoreError) {});
  store().drain();
  unix_ms_ += kMinute_ms;
  const auto got = ask(kConfig);
  EXPECT_EQ(got.body, master(kMac, "one"));
  EXPECT_EQ(got.how(), "Holdfast; fwd=stale; detail=rolled-back");
  centre_says(ok(master(kMac, "three")));
  unix_ms_ += kMinute_ms;
  EXPECT_EQ(ask(kConfig).body, master(kMac, "three"));
}

// One phone had the bad file, one the older, one nothing. The last gets no other's, and not a byte
// of the bad one; nor after a restart, until the operator trusts it.
TEST_F(FlowTest, WhatWasRolledBackComesToNoOtherPhone) {
  const Lines updated = {{"User-Agent", "Phone/1 0004f2000001"}};
  const Lines behind = {{"User-Agent", "Phone/1 0004f2000002"}};
  const Lines absent = {{"User-Agent", "Phone/1 0004f2000003"}};
  const std::string path = "/sip.cfg", one = "<localcfg word=\"one\"/>\n",
                    bad = "<localcfg word=\"bad\"/>\n";
  start();
  centre_says(ok(one, "ETag: \"1\"\r\n"));
  EXPECT_EQ(ask(path, updated).body, one);
  EXPECT_EQ(ask(path, behind).body, one);
  centre_says(ok(bad, "ETag: \"2\"\r\n"));
  EXPECT_EQ(ask(path, updated).body, bad);
  ASSERT_TRUE(settle());
  store().rollback({"centre", path, ""},
                   [](StoreError error) { EXPECT_EQ(error, StoreError::kNone); });
  store().drain();
  for (int run = 0; run < 2; ++run) {
    for (const auto& phone : {updated, behind}) {
      const auto got = ask(path, phone);
      EXPECT_EQ(got.brief(), "200 " + one);
      EXPECT_EQ(got.how(), "Holdfast; fwd=stale; detail=rolled-back");
    }
    const auto refused = ask(path, absent);
    EXPECT_EQ(refused.status, 502);
    EXPECT_EQ(refused.how(), "Holdfast; fwd=miss; detail=rolled-back");
    EXPECT_EQ(refused.body.find("localcfg"), std::string::npos);
    EXPECT_TRUE(store().generations({"centre", path, "0004f2000003"}).empty());
    restart();
  }
  store().trust({"centre", path, ""}, [](StoreError) {});
  for (const auto& phone : {updated, behind, absent}) EXPECT_EQ(ask(path, phone).body, bad);
}

// Too large to be held: it is broken off before its end, so that no phone takes it for whole.
TEST_F(FlowTest, ALargeFileThatWasRolledBackIsBrokenOff) {
  start();
  const std::string path = "/2345-12500-001.sip.ld";
  const auto good = bytes_like_firmware(1'500'000, 1), bad = bytes_like_firmware(1'500'000, 2);
  centre_says(ok(good, "ETag: \"1\"\r\n"));
  EXPECT_EQ(ask(path).body.size(), good.size());
  ASSERT_TRUE(settle());
  centre_says(ok(bad, "ETag: \"2\"\r\n"));
  EXPECT_TRUE(ask(path).body == bad);
  ASSERT_TRUE(settle());
  Key key;
  store().for_each([&](const EntryPtr& entry) { key = entry->key; });
  store().rollback(key, [](StoreError) {});
  store().drain();
  const auto got = ask(path);
  EXPECT_TRUE(got.failed || got.body == good);
  EXPECT_FALSE(got.body == bad);
  ASSERT_TRUE(settle());
  EXPECT_TRUE(ask(path).body != bad);
}

struct ChangeCase {
  std::string_view name, target;
  std::string before, after;
};

std::vector<ChangeCase> changes() {
  std::string many;
  for (int i = 0; i < 100; ++i) {
    const auto number = std::to_string(i);
    many.append("  <speed speed.")
        .append(number)
        .append(".number=\"47")
        .append(number)
        .append("\"/>\n");
  }
  return {
      {"another value", kConfig, master(kMac, "one"), master(kMac, "two")},
      {"halved", "/phone/a.cfg", registration("Reception", many),
       registration("Reception", many.substr(0, many.find("  <speed speed.50")))},
      {"tenfold", "/phone/b.cfg", registration("Reception"), registration("Reception", many)},
      {"a new root element", "/sip.cfg", "<?xml version=\"1.0\"?>\n<sip>\n  <a b=\"1\"/>\n</sip>\n",
       "<?xml version=\"1.0\"?>\n<polycomConfig>\n  <a b=\"1\"/>\n</polycomConfig>\n"},
      {"firmware of another size", kFirmware, bytes_like_firmware(100'000),
       bytes_like_firmware(70'000, 2)},
      {"larger firmware", "/other.sip.ld", bytes_like_firmware(10'000),
       bytes_like_firmware(400'000, 3)},
  };
}

TEST_F(FlowTest, ALegitimateChangePasses) {
  start();
  for (const auto& row : changes()) {
    centre_says(ok(row.before));
    EXPECT_TRUE(ask(row.target).body == row.before) << row.name;
    unix_ms_ += 120 * kMinute_ms;
    centre_says(ok(row.after));
    EXPECT_TRUE(ask(row.target).body == row.after) << row.name;
    ASSERT_TRUE(settle());
    EXPECT_TRUE(ask(row.target).body == row.after) << row.name << ", stored";
  }
  EXPECT_EQ(alarms(AlarmKind::implausible), 0U);
}

}  // namespace
}  // namespace holdfast::provision
