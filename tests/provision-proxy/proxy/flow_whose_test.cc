// SPDX-License-Identifier: Apache-2.0
// Whose file it is: credentials, identities, owners and strangers.
#include "tests/provision-proxy/proxy/flow_fixture.hh"

namespace holdfast::provision {
namespace {

constexpr std::string_view kBasic = "Basic cGhvbmU6cHc=";
constexpr std::string_view kOtherBasic = "Basic cGhvbmU6cHg=";
constexpr std::string_view kDigest =
    "Digest username=\"phone\", realm=\"centre\", nonce=\"n1\", uri=\"/\", response=\"aa\"";

// A centre that wants those credentials.
void demand(OriginConnection& c, const std::string& head, std::string_view credentials) {
  c.send(has_line(head, "Authorization: " + std::string(credentials))
             ? ok(master(kMac), "ETag: \"1\"\r\n")
             : with_status("401 Unauthorized", "who?", "WWW-Authenticate: Basic realm=\"r\"\r\n"));
}

TEST_F(FlowTest, BasicCredentialsOnlineAndOffline) {
  start();
  centre([](OriginConnection& c, const std::string& head) {
    demand(c, head, kBasic);
    return true;
  });
  const auto refused = ask(kConfig);
  EXPECT_EQ(refused.brief(), "401 who?");
  EXPECT_EQ(refused.field("WWW-Authenticate"), "Basic realm=\"r\"");
  EXPECT_EQ(ask(kConfig, {{"Authorization", kBasic}}).status, 200);
  EXPECT_EQ(ask(kConfig, {{"Authorization", kOtherBasic}}).status, 401);
  EXPECT_EQ(ask(kConfig).status, 401);
  open_breaker();
  EXPECT_EQ(ask(kConfig, {{"Authorization", kBasic}}).brief(), "200 " + master(kMac));
  EXPECT_EQ(ask(kConfig, {{"Authorization", kOtherBasic}}).status, 504);
  EXPECT_EQ(ask(kConfig).status, 504) << "without credentials no more than online";
}

TEST_F(FlowTest, WhoWaitsWithOtherCredentialsAsksForHimself) {
  start();
  centre([](OriginConnection& c, const std::string& head) {
    demand(c, head, kBasic);
    return true;
  });
  const auto good = begin(kConfig, {{"Authorization", kBasic}});
  const auto other = begin(kConfig, {{"Authorization", kOtherBasic}});
  const auto none = begin(kConfig);
  ASSERT_TRUE(run_until([&] { return good->done() && other->done() && none->done(); }));
  EXPECT_EQ(good->status, 200);
  EXPECT_EQ(other->status, 401);
  EXPECT_EQ(none->status, 401);
}

TEST_F(FlowTest, CredentialsThatWereRefusedOpenNothingOffline) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  ask(kConfig, {{"Authorization", kBasic}});
  centre_says(with_status("401 Unauthorized", "who?"));
  EXPECT_EQ(ask(kConfig, {{"Authorization", kBasic}}).status, 401);
  centre_says(with_status("503 Busy", "later"));
  EXPECT_EQ(ask(kConfig, {{"Authorization", kBasic}}).status, 503) << "nor when it is in trouble";
  open_breaker();
  EXPECT_EQ(ask(kConfig, {{"Authorization", kBasic}}).status, 504);
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  revive_centre();
  ASSERT_TRUE(run_until([&] { return upstream().health().admits(); }));
  EXPECT_EQ(ask(kConfig, {{"Authorization", kBasic}}).status, 200);
  open_breaker();
  EXPECT_EQ(ask(kConfig, {{"Authorization", kBasic}}).status, 200) << "taken again";
}

// A centre that was open to all has got a password.
TEST_F(FlowTest, WhoHasNoCredentialsIsRefusedOfflineOnceTheCentreAsksForThem) {
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  EXPECT_EQ(ask(kConfig).status, 200);
  centre_says(with_status("401 Unauthorized", "who?"));
  EXPECT_EQ(ask(kConfig).status, 401);
  ASSERT_TRUE(settle());
  open_breaker();
  restart();
  EXPECT_EQ(ask(kConfig).status, 504);
}

TEST_F(FlowTest, CredentialsThatWereRefusedAreRefusedAfterARestart) {
  start();
  for (const auto profile : {config::CacheProfile::kPhone, config::CacheProfile::kRfc}) {
    config_.profile = profile;
    for (const std::string_view refusal : {"401 Unauthorized", "403 Forbidden"}) {
      centre_says(ok(master(kMac), "ETag: \"1\"\r\nCache-Control: public, max-age=1\r\n"));
      EXPECT_EQ(ask(kConfig, {{"Authorization", kBasic}}).status, 200);
      EXPECT_EQ(ask(kConfig, {{"Authorization", kOtherBasic}}).status, 200);
      ASSERT_TRUE(settle());
      unix_ms_ += kMinute_ms;
      centre_says(with_status(refusal, "who?"));
      EXPECT_EQ(ask(kConfig, {{"Authorization", kBasic}}).status, std::stoi(std::string(refusal)));
      open_breaker();
      restart();
      EXPECT_EQ(ask(kConfig, {{"Authorization", kBasic}}).status, 504) << refusal;
      EXPECT_EQ(ask(kConfig, {{"Authorization", kOtherBasic}}).status, 200) << "it was not asked";
      centre_says(ok(master(kMac), "ETag: \"1\"\r\nCache-Control: public, max-age=1\r\n"));
      revive_centre();
      ASSERT_TRUE(run_until([&] { return upstream().health().admits(); }));
      EXPECT_EQ(ask(kConfig, {{"Authorization", kBasic}}).status, 200);
      ASSERT_TRUE(settle());
      unix_ms_ += kMinute_ms;
      open_breaker();
      restart();
      EXPECT_EQ(ask(kConfig, {{"Authorization", kBasic}}).status, 200) << "taken again";
      revive_centre();
      ASSERT_TRUE(run_until([&] { return upstream().health().admits(); }));
    }
  }
}

// The response of Digest is another one each time; only the centre can tell whether it is right.
TEST_F(FlowTest, DigestIsAskedEachTimeAndNeverGivenOffline) {
  start();
  centre([](OriginConnection& c, const std::string& head) {
    if (head.find("response=\"aa\"") == std::string::npos)
      return c.send(with_status("401 Unauthorized", "who?"));
    return c.send(ok(master(kMac)));  // without validators: the interval does not count
  });
  EXPECT_EQ(ask(kConfig, {{"Authorization", kDigest}}).status, 200);
  EXPECT_EQ(ask(kConfig, {{"Authorization", kDigest}}).status, 200);
  EXPECT_EQ(asked(), 2U);
  std::string wrong(kDigest);
  wrong.replace(wrong.find("\"aa\""), 4, "\"bb\"");
  const auto right = begin(kConfig, {{"Authorization", kDigest}});
  const auto liar = begin(kConfig, {{"Authorization", wrong}});
  ASSERT_TRUE(run_until([&] { return right->done() && liar->done(); }));
  EXPECT_EQ(right->status, 200);
  EXPECT_EQ(liar->status, 401);
  open_breaker();
  EXPECT_EQ(ask(kConfig, {{"Authorization", kDigest}}).status, 504);
}

// A centre that refuses with status 200 or with 404 has not confirmed who asks.
TEST_F(FlowTest, WrongDigestGetsNothingOfWhatIsKept) {
  start();
  centre_says(ok(master(kMac)));
  ask(kConfig, {{"Authorization", kDigest}});
  for (const auto& answer :
       {ok("Access denied"), with_status("404 Not Found", "none"), with_status("503 Busy", "x")}) {
    centre_says(answer);
    const auto got = ask(kConfig, {{"Authorization", kDigest}});
    EXPECT_EQ(got.body.find("APPLICATION"), std::string::npos) << got.brief();
  }
}

// ---- identities ---------------------------------------------------------------------------------

constexpr std::string_view kAgent = "AUDC-IPPhone/2.2.2 (420HD; 00908F3BBCBA)";
constexpr std::string_view kOtherAgent = "AUDC-IPPhone/2.2.2 (420HD; 00908F3BBCBB)";

// A centre that tells phones apart by the User-Agent alone.
bool by_agent(OriginConnection& c, const std::string& head) {
  const bool first = has_line(head, "User-Agent: " + std::string(kAgent));
  const bool other = has_line(head, "User-Agent: " + std::string(kOtherAgent));
  if (!first && !other) return c.send(with_status("403 Forbidden", "who?"));
  return c.send(ok(first ? "password=first\n" : "password=other\n"));
}

TEST_F(FlowTest, TwoPhonesOneUrlOnlineAndOffline) {
  start();
  centre(by_agent);
  const auto first = begin("/config.cfg", {{"User-Agent", kAgent}});
  const auto other = begin("/config.cfg", {{"User-Agent", kOtherAgent}});
  ASSERT_TRUE(run_until([&] { return first->done() && other->done(); }));
  EXPECT_EQ(first->body, "password=first\n");
  EXPECT_EQ(other->body, "password=other\n");
  EXPECT_EQ(ask("/config.cfg", {{"User-Agent", kAgent}}).body, "password=first\n");
  EXPECT_EQ(ask("/config.cfg", {{"User-Agent", kOtherAgent}}).body, "password=other\n");
  EXPECT_EQ(ask("/config.cfg").status, 403);
  open_breaker();
  EXPECT_EQ(ask("/config.cfg", {{"User-Agent", kAgent}}).body, "password=first\n");
  EXPECT_EQ(ask("/config.cfg", {{"User-Agent", kOtherAgent}}).body, "password=other\n");
  EXPECT_EQ(ask("/config.cfg").status, 504);
  EXPECT_EQ(ask("/config.cfg", {{"User-Agent", "AUDC-IPPhone/2.2.2 (420HD; 00908F3BBCBC)"}}).status,
            504);
}

TEST_F(FlowTest, WhoSaysNothingIsToldByAddress) {
  start();
  centre_says(ok("password=first\n"));
  EXPECT_EQ(ask("/config.cfg").body, "password=first\n");
  peer_ = *IpAddress::parse("198.18.1.11");
  centre_says(ok("password=other\n"));
  EXPECT_EQ(ask("/config.cfg").body, "password=other\n");
  open_breaker();
  EXPECT_EQ(ask("/config.cfg").body, "password=other\n");
  peer_ = *IpAddress::parse("198.18.1.12");
  EXPECT_EQ(ask("/config.cfg").status, 504);
}

// By TFTP nobody says who it is: the neighbour table does, and a phone finds what it had by HTTP.
TEST_F(FlowTest, ByTftpThePhoneIsTheNeighbour) {
  neighbours_[peer_.to_string()] = *mac_of("00908f3bbcba");
  start();
  centre_says(ok("password=first\n"));
  EXPECT_EQ(ask("/config.cfg", {{"User-Agent", kAgent}}).body, "password=first\n");
  open_breaker();
  const auto by_tftp = [this](std::string_view path) {
    auto asked = request(path);
    asked.asked_by = AskedBy::tftp;
    const auto got = send(std::move(asked));
    EXPECT_TRUE(run_until([&] { return got->done(); }));
    return got->brief();
  };
  EXPECT_EQ(by_tftp("/config.cfg"), "200 password=first\n");
  EXPECT_EQ(ask("/config.cfg").status, 504) << "by HTTP the User-Agent says it, or nobody";
  peer_ = *IpAddress::parse("198.18.1.11");
  EXPECT_EQ(by_tftp("/config.cfg").substr(0, 3), "504") << "not in the table";
  neighbours_[peer_.to_string()] = *mac_of("00908f3bbcbb");
  EXPECT_EQ(by_tftp("/config.cfg").substr(0, 3), "504") << "another phone";
}

TEST_F(FlowTest, ByTftpTheOwnerCheckHolds) {
  owner_ = OwnerConfig{.policy = OwnerPolicy::strict};
  neighbours_[peer_.to_string()] = *mac_of(kOtherMac);
  start();
  centre_says(ok(master(kMac)));
  auto asked_for = request(kConfig);
  asked_for.asked_by = AskedBy::tftp;
  const auto got = send(std::move(asked_for));
  ASSERT_TRUE(run_until([&] { return got->done(); }));
  EXPECT_EQ(got->status, 403);
  EXPECT_EQ(got->how(), "Holdfast; detail=foreign_neighbour");
  EXPECT_EQ(asked(), 0U);
}

TEST_F(FlowTest, FirmwareIsSharedAndFetchedOnce) {
  start();
  centre_says(ok(bytes_like_firmware(1000)));
  ask(kFirmware, {{"User-Agent", kAgent}});
  EXPECT_EQ(ask(kFirmware, {{"User-Agent", kOtherAgent}}).how(), "Holdfast; hit");
  EXPECT_EQ(asked(), 1U);
}

TEST_F(FlowTest, WhoFetchedWhatIsNoted) {
  start();
  centre_says(ok("a=1\n"));
  ask("/config.cfg", {{"User-Agent", kAgent}});
  store().drain();
  EXPECT_FALSE(store().find({"centre", "/config.cfg", "00908f3bbcba"}).empty());
}

// ---- owners -------------------------------------------------------------------------------------

TEST_F(FlowTest, AFileGoesToItsPhoneOnly) {
  owner_ = OwnerConfig{.policy = OwnerPolicy::strict};
  neighbours_[peer_.to_string()] = *mac_of(kMac);
  start();
  centre_says(ok(master(kMac)));
  EXPECT_EQ(ask(kConfig).status, 200);
  peer_ = *IpAddress::parse("198.18.1.11");
  EXPECT_EQ(ask(kConfig).how(), "Holdfast; detail=no_proof");
  neighbours_[peer_.to_string()] = *mac_of(kOtherMac);
  const auto refused = ask(kConfig);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.how(), "Holdfast; detail=foreign_neighbour");
  EXPECT_EQ(refused.field("Cache-Control"), "no-store");
  EXPECT_EQ(ask(kConfig, {}, "HEAD").brief(), "403");
  EXPECT_EQ(ask(kConfig, {}, "PUT").status, 403) << "nor may it be changed";
  auto certified = request(kConfig);
  certified.certificate_mac = *mac_of(kMac);
  const auto got = send(std::move(certified));
  ASSERT_TRUE(run_until([&] { return got->done(); }));
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(asked(), 1U) << "the centre hears nothing of strangers";
  EXPECT_EQ(alarms(AlarmKind::foreign_file), 4U);
  open_breaker();
  EXPECT_EQ(ask(kConfig).status, 403) << "offline neither";
}

TEST_F(FlowTest, SharedFilesAreForAnyone) {
  owner_ = OwnerConfig{.policy = OwnerPolicy::strict};
  start();
  centre_says(ok("<APPLICATION/>\n"));
  EXPECT_EQ(ask("/000000000000.cfg").status, 200);
  EXPECT_EQ(ask("/sip.cfg").status, 200) << "no phone's own";
}

// A row as "*.cfg" is meant for /sip.cfg, and takes in each phone's own file.
TEST_F(FlowTest, AFileThatNamesAPhoneIsNeverShared) {
  FileClass row;
  row.name = "*.cfg";
  row.globs = {"*.cfg"};
  row.shared = true;
  classes_ = FileClasses({row});
  owner_ = OwnerConfig{.policy = OwnerPolicy::strict};
  neighbours_[peer_.to_string()] = *mac_of(kMac);
  start();
  centre_says(ok(master(kMac), "ETag: \"1\"\r\n"));
  EXPECT_EQ(ask(kConfig).status, 200);
  ASSERT_TRUE(settle());
  EXPECT_FALSE(store().find({"centre", std::string(kConfig), std::string(kMac)}).empty());
  EXPECT_EQ(ask("/sip.cfg").status, 200);
  ASSERT_TRUE(settle());
  EXPECT_FALSE(store().find({"centre", "/sip.cfg", ""}).empty()) << "what names none is shared";
  neighbours_[peer_.to_string()] = *mac_of(kOtherMac);
  for (const auto* path :
       {"/0004f2aaaaaa.cfg", "/0004f2aaaaaa/sip.cfg", "/%300:04:f2:aa:aa:aa.cfg"})
    EXPECT_EQ(ask(path).how(), "Holdfast; detail=foreign_neighbour") << path;
}

TEST_F(FlowTest, AStrangerWhoAsksForEveryMacIsStopped) {
  owner_ = OwnerConfig{.policy = OwnerPolicy::off, .max_unproven = 4};
  start();
  centre_says(ok(master(kMac)));
  size_t given = 0;
  for (int i = 10; i < 60; ++i) {
    const auto got = ask("/0004f2aaaa" + std::to_string(i) + ".cfg");
    if (got.status == 200) ++given;
  }
  EXPECT_EQ(given, 4U);
  EXPECT_EQ(asked(), 4U);
  EXPECT_EQ(count(FlowCount::refused), 46U);
  EXPECT_EQ(alarms(AlarmKind::enumeration), 46U);
  peer_ = *IpAddress::parse("198.18.1.11");
  EXPECT_EQ(ask(kConfig).status, 200) << "others are not the stranger";
}

}  // namespace
}  // namespace holdfast::provision
