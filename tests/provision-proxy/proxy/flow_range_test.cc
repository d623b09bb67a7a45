// SPDX-License-Identifier: Apache-2.0
// HEAD, ranges and conditions of phones.
#include "tests/provision-proxy/proxy/flow_fixture.hh"

namespace holdfast::provision {
namespace {

constexpr std::string_view kNumbers = "/numbers.dat";
constexpr std::string_view kTen = "0123456789";

TEST_F(FlowTest, HeadOfWhatIsStoredHasItsLengthAndNoBody) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  ask(kConfig);
  const auto head = ask(kConfig, {}, "HEAD");
  EXPECT_EQ(head.brief(), "200");
  EXPECT_EQ(head.length, master(kMac).size());
  EXPECT_EQ(head.field("ETag"), "\"1\"");
  EXPECT_TRUE(has_line(last_head(), "If-None-Match: \"1\""));
}

TEST_F(FlowTest, HeadOfWhatIsNotStoredPasses) {
  start();
  centre([](OriginConnection& c, const std::string& head) {
    return head.starts_with("HEAD ") &&
           c.send("HTTP/1.1 200 OK\r\nContent-Length: 77\r\nETag: \"7\"\r\n\r\n");
  });
  const auto head = ask(kConfig, {}, "HEAD");
  EXPECT_EQ(head.brief(), "200");
  EXPECT_EQ(head.length, 77U);
  EXPECT_EQ(head.field("ETag"), "\"7\"");
}

// To the letter a HEAD goes to the origin; when that does not answer, what is kept stands in.
TEST_F(FlowTest, HeadByRfcIsAnsweredFromTheStoreWhenTheOriginIsAway) {
  config_.profile = config::CacheProfile::kRfc;
  start();
  centre_says(ok(kTen, "ETag: \"1\"\r\nCache-Control: max-age=1\r\n"));
  ask(kNumbers);
  ASSERT_TRUE(settle());
  unix_ms_ += kMinute_ms;
  kill_centre();
  const auto head = ask(kNumbers, {}, "HEAD");
  EXPECT_EQ(head.brief(), "200");
  EXPECT_EQ(head.length, kTen.size());
  EXPECT_EQ(head.how(), "Holdfast; fwd=stale; detail=refused");
  EXPECT_EQ(head.field("Age"), "60");
}

// Else a body would get the head, and the freshness, of a version that it is not.
TEST_F(FlowTest, HeadByRfcWithoutValidatorsRenewsNothing) {
  config_.profile = config::CacheProfile::kRfc;
  start();
  centre_says(ok(kTen, "X-Version: 1\r\nCache-Control: max-age=1\r\n"));
  ask(kNumbers);
  ASSERT_TRUE(settle());
  unix_ms_ += kMinute_ms;
  centre([](OriginConnection& c, const std::string& head) {
    return head.starts_with("HEAD ")
               ? c.send("HTTP/1.1 200 OK\r\nX-Version: 2\r\nCache-Control: max-age=9\r\n\r\n")
               : c.send(ok("another", "X-Version: 2\r\nCache-Control: max-age=9\r\n"));
  });
  EXPECT_EQ(ask(kNumbers, {}, "HEAD").field("X-Version"), "2");
  const auto got = ask(kNumbers);
  EXPECT_EQ(got.body, "another");
  EXPECT_EQ(got.how(), "Holdfast; fwd=stale; stored");
}

TEST_F(FlowTest, A304OfOursTellsHowItCameAbout) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  ask(kConfig);
  const auto got = ask(kConfig, {{"If-None-Match", "\"1\""}});
  EXPECT_EQ(got.brief(), "304");
  EXPECT_EQ(got.how(), "Holdfast; fwd=stale; fwd-status=304");
  EXPECT_TRUE(got.fields.has("Age"));
}

// The centre is asked with GET, so what comes is judged and kept for a GET that came meanwhile.
TEST_F(FlowTest, HeadOfAChangedFileStoresIt) {
  start();
  centre_says(ok(master(kMac, "one")));
  ask(kConfig);
  unix_ms_ += kMinute_ms;
  centre_says(ok(master(kMac, "seven")));
  const auto head = begin(kConfig, {}, "HEAD");
  const auto get = begin(kConfig);
  ASSERT_TRUE(run_until([&] { return head->done() && get->done(); }));
  EXPECT_EQ(head->brief(), "200");
  EXPECT_EQ(head->length, master(kMac, "seven").size());
  EXPECT_EQ(get->body, master(kMac, "seven"));
  EXPECT_EQ(asked(), 2U);
  EXPECT_EQ(ask(kConfig).how(), "Holdfast; hit");
}

TEST_F(FlowTest, AHeadNeverOpensTheDoorForAPoison) {
  start();
  centre_says(ok(master(kMac)));
  ask(kConfig);
  unix_ms_ += kMinute_ms;
  centre_says(ok("Access denied"));
  const auto head = begin(kConfig, {}, "HEAD");
  const auto get = begin(kConfig);
  ASSERT_TRUE(run_until([&] { return head->done() && get->done(); }));
  EXPECT_EQ(get->body, master(kMac));
  EXPECT_EQ(head->length, master(kMac).size());
}

struct RangeCase {
  std::string_view range, brief, content_range;
};
const RangeCase kRanges[] = {
    {"bytes=0-3", "206 0123", "bytes 0-3/10"},
    {"bytes=7-", "206 789", "bytes 7-9/10"},
    {"bytes=-2", "206 89", "bytes 8-9/10"},
    {"bytes=9-9", "206 9", "bytes 9-9/10"},
    {"bytes=0-99", "206 0123456789", "bytes 0-9/10"},  // 14.1.2: cut to the size
    {"bytes=-99", "206 0123456789", "bytes 0-9/10"},
    {"bytes=10-", "416", "bytes */10"},
    {"bytes=0-1,2-3", "206 0123", "bytes 0-3/10"},  // they touch
    {"bytes=0-1,5-6", "200 0123456789", ""},        // scattered: the whole
    {"lines=1-2", "200 0123456789", ""},            // another unit
    {"bytes=3-1", "200 0123456789", ""},            // none at all
};

TEST_F(FlowTest, RangesFromTheStore) {
  start();
  centre_says(ok(kTen, "ETag: \"1\"\r\n"));
  ask(kNumbers);
  for (const auto& row : kRanges) {
    const auto got = ask(kNumbers, {{"Range", row.range}});
    EXPECT_EQ(got.brief(), row.brief) << row.range;
    EXPECT_EQ(got.field("Content-Range"), row.content_range) << row.range;
    EXPECT_TRUE(got.whole()) << row.range;
    EXPECT_EQ(last_head().find("\r\nRange"), std::string::npos);
  }
}

TEST_F(FlowTest, ARangeThatMissesFetchesTheWholeOnce) {
  start();
  for (const auto& row : kRanges) {
    const std::string target = "/of-" + std::string(row.range) + ".dat";
    centre_says(ok(kTen));
    const auto got = ask(target, {{"Range", row.range}});
    EXPECT_EQ(got.brief(), row.brief) << row.range;
    EXPECT_EQ(got.field("Content-Range"), row.content_range) << row.range;
    EXPECT_EQ(last_head().find("\r\nRange"), std::string::npos) << last_head();
    ASSERT_TRUE(settle());
    EXPECT_EQ(ask(target).brief(), "200 0123456789");
  }
  EXPECT_EQ(asked(), std::size(kRanges));
}

TEST_F(FlowTest, ARangeOfABodyOfUnknownSize) {
  start();
  centre([](OriginConnection& c, const std::string&) {
    return c.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n");
  });
  const auto got = ask(kNumbers, {{"Range", "bytes=-3"}});
  EXPECT_EQ(got.brief(), "206 789");
  EXPECT_EQ(got.field("Content-Range"), "bytes 7-9/10");
}

// The part that has come is given although the rest hangs.
TEST_F(FlowTest, ARangeWhileItFills) {
  start();
  const auto firmware = bytes_like_firmware(300'000);
  std::atomic<bool> go{false};
  centre([&](OriginConnection& c, const std::string&) {
    c.send(ok(firmware).substr(0, 200'000));
    while (!go) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return c.send(std::string_view(ok(firmware)).substr(200'000));
  });
  const auto whole = begin(kFirmware);
  ASSERT_TRUE(run_until([&] { return whole->body.size() > 100'000; }));
  const auto part = ask(kFirmware, {{"Range", "bytes=50000-99999"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_TRUE(part.body == firmware.substr(50'000, 50'000));
  const auto tail = begin(kFirmware, {{"Range", "bytes=-1000"}});
  EXPECT_FALSE(tail->done());
  go = true;
  ASSERT_TRUE(run_until([&] { return whole->done() && tail->done(); }));
  EXPECT_TRUE(whole->body == firmware);
  EXPECT_TRUE(tail->body == firmware.substr(299'000));
  EXPECT_EQ(asked(), 1U);
}

TEST_F(FlowTest, IfRange) {
  start();
  centre_says(ok(kTen, "ETag: \"1\"\r\n"));
  ask(kNumbers);
  EXPECT_EQ(ask(kNumbers, {{"Range", "bytes=0-1"}, {"If-Range", "\"1\""}}).brief(), "206 01");
  EXPECT_EQ(ask(kNumbers, {{"Range", "bytes=0-1"}, {"If-Range", "\"0\""}}).brief(),
            "200 0123456789");
  EXPECT_EQ(last_head().find("\r\nIf-Range"), std::string::npos);
}

struct ConditionCase {
  std::string_view name, value;
  int status;
};
const ConditionCase kConditions[] = {
    {"If-None-Match", "\"1\"", 304},
    {"If-None-Match", "W/\"1\"", 304},
    {"If-None-Match", "*", 304},
    {"If-None-Match", "\"0\", \"1\"", 304},
    {"If-None-Match", "\"0\"", 200},
    {"If-Modified-Since", "Wed, 01 Nov 2023 10:00:00 GMT", 304},
    {"If-Modified-Since", "Wed, 01 Nov 2023 09:59:59 GMT", 200},
    {"If-Modified-Since", "yesterday", 200},
};

TEST_F(FlowTest, ConditionsOfPhones) {
  start();
  for (const bool cold : {true, false})
    for (const auto& row : kConditions) {
      centre_says(ok(kTen, "ETag: \"1\"\r\nLast-Modified: Wed, 01 Nov 2023 10:00:00 GMT\r\n"));
      const std::string target =
          cold ? "/" + std::to_string(&row - kConditions) + ".dat" : std::string(kNumbers);
      if (!cold) ask(target);
      const auto got = ask(target, {{row.name, row.value}});
      EXPECT_EQ(got.status, row.status) << row.name << ": " << row.value << (cold ? " cold" : "");
      EXPECT_EQ(got.body, row.status == 200 ? kTen : "");
      EXPECT_EQ(got.field("ETag"), "\"1\"");
      ASSERT_TRUE(settle());
      EXPECT_EQ(ask(target).body, kTen) << "the phone's condition is not the centre's matter";
    }
}

TEST_F(FlowTest, ConditionsWhileTheCentreIsAway) {
  start();
  centre_says(ok(kTen, "ETag: \"1\"\r\n"));
  ask(kNumbers);
  open_breaker();
  EXPECT_EQ(ask(kNumbers, {{"If-None-Match", "\"1\""}}).status, 304);
  EXPECT_EQ(ask(kNumbers, {{"If-None-Match", "\"2\""}}).status, 200);
  EXPECT_EQ(ask(kNumbers, {{"Range", "bytes=1-2"}}).brief(), "206 12");
  EXPECT_EQ(ask(kNumbers, {}, "HEAD").length, 10U);
}

}  // namespace
}  // namespace holdfast::provision
