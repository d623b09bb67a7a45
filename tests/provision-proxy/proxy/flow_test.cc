// SPDX-License-Identifier: Apache-2.0
// A centre that works: cold and warm, with validators and without.
#include "tests/provision-proxy/proxy/flow_fixture.hh"

namespace holdfast::provision {
namespace {

TEST_F(FlowTest, ColdIsFetchedStoredAndGivenAsItIs) {
  start();
  centre_says(ok(master(kMac), "Content-Type: text/xml\r\nServer: centre\r\nX-Odd: a  b\r\n"));
  const auto got = ask(kConfig, {{"User-Agent", "FileTransport PolycomSoundPointIP"}});
  EXPECT_EQ(got.brief(), "200 " + master(kMac));
  EXPECT_TRUE(got.whole());
  EXPECT_EQ(got.how(), "Holdfast; fwd=uri-miss; stored");
  EXPECT_EQ(got.field("Content-Type"), "text/xml");
  EXPECT_EQ(got.field("Server"), "centre");
  EXPECT_EQ(got.field("X-Odd"), "a  b");
  EXPECT_FALSE(got.fields.has("Content-Length")) << "the server writes it";
  EXPECT_TRUE(has_line(last_head(), "User-Agent: FileTransport PolycomSoundPointIP"));
  EXPECT_EQ(count(FlowCount::stored), 1U);
}

// What a phone has whole is stored, whatever happens next.
TEST_F(FlowTest, TheEndOfAnAnswerMeansItIsStored) {
  start();
  centre_says(ok(master(kMac)));
  ask(kConfig);
  EXPECT_EQ(store().find({"centre", std::string(kConfig), std::string(kMac)}).size(), 1U);
}

TEST_F(FlowTest, WarmWithValidatorsNoBodyCrosses) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\nLast-Modified: Wed, 01 Nov 2023 10:00:00 GMT\r\n"));
  ask(kConfig);
  const auto before = upstream().status().body_bytes;
  for (int i = 0; i < 3; ++i) {
    const auto got = ask(kConfig);
    EXPECT_EQ(got.brief(), "200 " + master(kMac));
    EXPECT_EQ(got.how(), "Holdfast; fwd=stale; fwd-status=304");
    EXPECT_TRUE(got.fields.has("Age"));
  }
  EXPECT_EQ(asked(), 4U) << "each request asks the centre";
  EXPECT_EQ(upstream().status().body_bytes, before);
  EXPECT_TRUE(has_line(last_head(), "If-None-Match: \"1\""));
  EXPECT_EQ(count(FlowCount::validated), 3U);
}

TEST_F(FlowTest, AfterARestartItIsAskedFirst) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  ask(kConfig);
  restart_flow();
  EXPECT_EQ(ask(kConfig).how(), "Holdfast; fwd=stale; fwd-status=304");
}

TEST_F(FlowTest, WithoutValidatorsOnceInAnInterval) {
  start();
  centre_says(ok(master(kMac)));
  ask(kConfig);
  unix_ms_ += kMinute_ms - 1;
  const auto within = ask(kConfig);
  EXPECT_EQ(within.how(), "Holdfast; hit");
  EXPECT_EQ(within.field("Age"), "59");
  EXPECT_EQ(asked(), 1U);
  unix_ms_ += 1;
  EXPECT_EQ(ask(kConfig).brief(), "200 " + master(kMac));
  EXPECT_EQ(asked(), 2U);
  EXPECT_EQ(count(FlowCount::unchanged), 1U);
  EXPECT_EQ(ask(kConfig).how(), "Holdfast; hit") << "compared, so the interval begins anew";
  EXPECT_EQ(asked(), 2U);
}

TEST_F(FlowTest, AChangedFileIsGivenAfterTheInterval) {
  start();
  centre_says(ok(master(kMac, "one")));
  ask(kConfig);
  centre_says(ok(master(kMac, "two")));
  EXPECT_EQ(ask(kConfig).body, master(kMac, "one"));
  unix_ms_ += kMinute_ms;
  EXPECT_EQ(ask(kConfig).body, master(kMac, "two"));
  EXPECT_EQ(store().generations({"centre", std::string(kConfig), std::string(kMac)}).size(), 2U);
}

// "Always" is the operator's word; without it the centre's no-cache is obeyed.
TEST_F(FlowTest, NoCacheIsAskedWithinTheIntervalToo) {
  config_.store = config::StoreContract::kRfc;
  config_.serve_stale = config::StaleContract::kRfc;
  start();
  centre_says(ok(master(kMac), "Cache-Control: no-cache\r\n"));
  ask(kConfig);
  ask(kConfig);
  EXPECT_EQ(asked(), 2U);
}

// A centre behind a compressing proxy answers 304 with another ETag than its 200 had.
TEST_F(FlowTest, A304OfAnotherTagConfirmsWhatWasAskedAbout) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  ask(kConfig);
  centre([](OriginConnection& c, const std::string&) {
    return c.send("HTTP/1.1 304 Not Modified\r\nETag: \"1-gzip\"\r\n\r\n");
  });
  for (int i = 0; i < 2; ++i) {
    const auto got = ask(kConfig);
    EXPECT_EQ(got.body, master(kMac));
    EXPECT_EQ(got.field("ETag"), "\"1\"");
  }
  EXPECT_TRUE(has_line(last_head(), "If-None-Match: \"1\""));
}

TEST_F(FlowTest, EarlyHintsPass) {
  start();
  centre_says("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(master(kMac)));
  EXPECT_EQ(ask(kConfig).interims, std::vector<int>{103});
}

TEST_F(FlowTest, ChunkedAndUntilCloseAreStoredToo) {
  start();
  centre_says(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n5\r\n\nb=2\n\r\n0\r\n\r\n");
  const auto chunked = ask("/one.cfg");
  EXPECT_EQ(chunked.brief(), "200 a=1\nb=2\n");
  EXPECT_FALSE(chunked.fields.has("Transfer-Encoding"));
  centre([](OriginConnection& c, const std::string&) {
    c.send("HTTP/1.0 200 OK\r\n\r\nc=3\n");
    return false;
  });
  EXPECT_EQ(ask("/two.cfg").brief(), "200 c=3\n");
  EXPECT_EQ(ask("/one.cfg").brief(), "200 a=1\nb=2\n");
  EXPECT_EQ(ask("/two.cfg").how(), "Holdfast; hit");
}

TEST_F(FlowTest, AnEmptyFileThatIsNoneOfThePhonesOwnIsGiven) {
  start();
  centre_says(ok(""));
  const auto got = ask("/feature.dat");
  EXPECT_EQ(got.brief(), "200");
  EXPECT_TRUE(got.whole());
}

TEST_F(FlowTest, RedirectsAndRefusalsPassAndAreNotKept) {
  start();
  for (const std::string_view status : {"302 Found", "401 Unauthorized", "403 Forbidden"}) {
    centre_says(with_status(status, "no", "Location: /elsewhere\r\n"));
    const auto got = ask(kConfig);
    EXPECT_EQ(got.brief(), std::string(status.substr(0, 3)) + " no");
    EXPECT_EQ(got.field("Location"), "/elsewhere");
  }
  EXPECT_EQ(count(FlowCount::stored), 0U);
  EXPECT_EQ(count(FlowCount::passed), 3U);
}

struct Upload : RequestBody {
  std::optional<uint64_t> length() const override { return 7; }
  void next(std::function<void(BodyPiece)> then) override {
    if (std::exchange(given, true)) return then({BodyState::kEnd, {}});
    then({BodyState::kBytes, std::span<const char>("<dir/>\n", 7)});
  }
  bool given = false;
};

TEST_F(FlowTest, APutPassesAndIsAskedAfterwards) {
  start();
  constexpr std::string_view kDirectory = "/0004f2aaaaaa-directory.xml";
  centre_says(ok("<directory/>\n"));
  ask(kDirectory);
  EXPECT_EQ(ask(kDirectory).how(), "Holdfast; hit");
  centre([](OriginConnection& c, const std::string& head) {
    if (!head.starts_with("PUT")) return c.send(ok("<directory/>\n"));
    EXPECT_EQ(c.read(7), "<dir/>\n");
    return c.send(with_status("201 Created"));
  });
  auto put = request(kDirectory, {{"Expect", "100-continue"}}, "PUT");
  put.body = std::make_shared<Upload>();
  const auto got = send(std::move(put));
  ASSERT_TRUE(run_until([&] { return got->done(); }));
  EXPECT_EQ(got->status, 201);
  EXPECT_EQ(got->how(), "Holdfast; fwd=method");
  ask(kDirectory);
  EXPECT_EQ(asked(), 3U) << "what was changed is not believed fresh";
}

}  // namespace
}  // namespace holdfast::provision
