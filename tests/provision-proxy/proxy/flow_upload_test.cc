// SPDX-License-Identifier: Apache-2.0
// Uploads: through while the centre is there; kept in order, given back and replayed when it is
// not.
#include <filesystem>

#include "tests/provision-proxy/proxy/flow_fixture.hh"

namespace holdfast::provision {
namespace {

constexpr std::string_view kOverrides = "/0004f2aaaaaa-phone.cfg";
constexpr std::string_view kOtherOverrides = "/0004f2bbbbbb-phone.cfg";
constexpr std::string_view kLog = "/0004f2aaaaaa-app.log";
constexpr std::string_view kDirectory = "/0004f2aaaaaa-directory.xml";
constexpr std::string_view kBasic = "Basic cGhvbmU6c2VjcmV0";

std::string overrides(std::string_view word) {
  return "<PHONE_CONFIG><OVERRIDES up.word=\"" + std::string(word) + "\"/></PHONE_CONFIG>\n";
}

// What a centre was sent, and what it answers: a file server.
struct FileServer {
  std::string status = "201 Created";
  std::string refuse;  // a target that gets `status_of_refused`
  std::string status_of_refused = "403 Forbidden";
  std::mutex mutex;
  std::vector<std::string> writes;  // "PUT /target body"
  std::map<std::string, std::string> files;

  bool act(OriginConnection& c, const std::string& head) {
    const std::string method = head.substr(0, head.find(' '));
    const std::string target =
        head.substr(method.size() + 1, head.find(' ', method.size() + 1) - method.size() - 1);
    const std::lock_guard lock(mutex);
    if (method != "PUT" && method != "POST") {
      const auto file = files.find(target);
      return c.send(file == files.end() ? with_status("404 Not Found") : ok(file->second));
    }
    const auto at = head.find("Content-Length: ");
    std::string body;
    if (at != std::string::npos) {
      body = c.read(std::stoul(head.substr(at + 16)));
    } else {
      body = c.read_until("\r\n0\r\n\r\n");
    }
    if (target == refuse) return c.send(with_status(status_of_refused));
    writes.push_back(method + " " + target + " " + body);
    if (status.starts_with("2")) files[target] = body;
    return c.send(with_status(status));
  }
  std::vector<std::string> written() {
    const std::lock_guard lock(mutex);
    return writes;
  }
};

class FlowUpload : public FlowTest {
 protected:
  void begin_there() {
    start();
    centre([this](OriginConnection& c, const std::string& head) { return server_.act(c, head); });
  }
  void back() {
    revive_centre();
    ASSERT_TRUE(run_until([&] { return upstream().health().admits(); }));
  }
  // Replays until nothing more happens by itself.
  void replay() {
    flow().replay();
    ASSERT_TRUE(run_until([&] { return upstream().status().running == 0 && quiet(); }));
  }
  bool quiet() {
    spool().drain();
    return upstream().status().running == 0 && upstream().status().queued == 0;
  }
  size_t waiting() { return spool().status().uploads + spool().status().logs; }

  FileServer server_;
};

TEST_F(FlowUpload, PassesWhileTheCentreIsThere) {
  begin_there();
  const auto got = put(kOverrides, overrides("one"));
  EXPECT_EQ(got.status, 201);
  EXPECT_EQ(got.how(), "Holdfast; fwd=method");
  EXPECT_EQ(put(kLog, "line\n", {}, "POST", 3).status, 201) << "chunked, gathered";
  EXPECT_EQ(server_.written(),
            (std::vector<std::string>{"PUT /0004f2aaaaaa-phone.cfg " + overrides("one"),
                                      "POST /0004f2aaaaaa-app.log line\n"}));
  EXPECT_EQ(waiting(), 0U);
  EXPECT_EQ(count(FlowCount::passed), 2U);
}

TEST_F(FlowUpload, WaitsWhileTheCentreIsAwayAndIsReplayedInOrder) {
  begin_there();
  open_breaker();
  for (const char* word : {"one", "two", "three"}) {
    const auto got = put(kOverrides, overrides(word), {{"Content-Type", "text/xml"}});
    EXPECT_EQ(got.status, 204);
    EXPECT_EQ(got.how(), "Holdfast; fwd=method; stored; detail=unreachable");
  }
  EXPECT_EQ(put(kDirectory, "<directory/>\n").status, 204);
  EXPECT_EQ(put("/report", "a=1", {}, "POST").status, 202);
  EXPECT_EQ(waiting(), 5U);
  EXPECT_EQ(count(FlowCount::spooled), 5U);
  replay();
  EXPECT_EQ(waiting(), 5U) << "the centre is away still";
  back();
  replay();
  EXPECT_EQ(waiting(), 0U);
  EXPECT_EQ(server_.written(),
            (std::vector<std::string>{"PUT /0004f2aaaaaa-phone.cfg " + overrides("one"),
                                      "PUT /0004f2aaaaaa-phone.cfg " + overrides("two"),
                                      "PUT /0004f2aaaaaa-phone.cfg " + overrides("three"),
                                      "PUT /0004f2aaaaaa-directory.xml <directory/>\n",
                                      "POST /report a=1"}));
  EXPECT_EQ(count(FlowCount::replayed), 5U);
}

TEST_F(FlowUpload, IsGivenBackToItsWriterAlone) {
  begin_there();
  open_breaker();
  put(kOverrides, overrides("mine"), {{"Content-Type", "text/xml"}});
  const auto got = ask(kOverrides);
  EXPECT_EQ(got.brief(), "200 " + overrides("mine"));
  EXPECT_EQ(got.how(), "Holdfast; hit; detail=spooled");
  EXPECT_EQ(got.field("Content-Type"), "text/xml");
  const auto head = ask(kOverrides, {}, "HEAD");
  EXPECT_EQ(head.brief(), "200");
  EXPECT_EQ(head.length, overrides("mine").size());
  // The path alone says whose it is; with a password it is that password's.
  put(kOverrides, overrides("with a password"), {{"Authorization", kBasic}});
  EXPECT_EQ(ask(kOverrides).body, overrides("mine"));
  EXPECT_EQ(ask(kOverrides, {{"Authorization", kBasic}}).body, overrides("with a password"));
  EXPECT_EQ(ask(kOverrides, {{"Authorization", "Basic b3RoZXI6eA=="}}).status, 504);
  // Where nothing in the path says it, the User-Agent does.
  const std::string_view mine = "FileTransport PolycomVVX-VVX_410-UA/5.9.0 (SN:0004f2aaaaaa)";
  const std::string_view other = "FileTransport PolycomVVX-VVX_410-UA/5.9.0 (SN:0004f2bbbbbb)";
  put("/mine", "x", {{"User-Agent", mine}});
  EXPECT_EQ(ask("/mine", {{"User-Agent", mine}}).body, "x");
  EXPECT_EQ(ask("/mine", {{"User-Agent", other}}).status, 504);
  back();
  EXPECT_EQ(ask(kOverrides).body, overrides("mine")) << "the centre does not have it yet";
  replay();
  EXPECT_EQ(ask(kOverrides).how(), "Holdfast; fwd=uri-miss; stored") << "now it has";
}

TEST_F(FlowUpload, TheCentreDiesInTheMiddle) {
  begin_there();
  server_.status = "503 Service Unavailable";
  EXPECT_EQ(put(kOverrides, overrides("one")).how(), "Holdfast; fwd=method; stored; detail=error");
  server_.status = "500 Oops";
  EXPECT_EQ(put(kOtherOverrides, overrides("other")).status, 500) << "its own word";
  centre([](OriginConnection& c, const std::string&) {
    c.read(10);
    return false;
  });
  EXPECT_EQ(put(kDirectory, std::string(50'000, 'd')).status, 204);
  EXPECT_EQ(waiting(), 2U);
}

TEST_F(FlowUpload, ACentreThatHangsIsWaitedForAnswerMsAndNoLonger) {
  config_.answer_ms = 150;
  begin_there();
  centre([](OriginConnection& c, const std::string&) {
    c.wait_for_close();
    return false;
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(put(kOverrides, overrides("one")).status, 204);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
  EXPECT_TRUE(run_until([&] { return !upstream().health().admits(); })) << "that was evidence";
}

TEST_F(FlowUpload, GoesBehindWhatWaits) {
  begin_there();
  open_breaker();
  put(kOverrides, overrides("old"));
  back();
  EXPECT_EQ(put(kOverrides, overrides("new")).how(), "Holdfast; fwd=method; stored; detail=queued");
  EXPECT_EQ(put(kOtherOverrides, overrides("other")).status, 201) << "another phone's does not";
  replay();
  EXPECT_EQ(server_.written(),
            (std::vector<std::string>{"PUT /0004f2bbbbbb-phone.cfg " + overrides("other"),
                                      "PUT /0004f2aaaaaa-phone.cfg " + overrides("old"),
                                      "PUT /0004f2aaaaaa-phone.cfg " + overrides("new")}));
  EXPECT_EQ(put(kOverrides, overrides("newest")).status, 201);
}

TEST_F(FlowUpload, ARestartLosesNothing) {
  begin_there();
  open_breaker();
  put(kOverrides, overrides("one"));
  put(kOverrides, overrides("two"));
  restart_flow();
  EXPECT_EQ(ask(kOverrides).body, overrides("two"));
  back();
  replay();
  EXPECT_EQ(server_.written().size(), 2U);
  EXPECT_EQ(server_.files[std::string(kOverrides)], overrides("two"));
}

TEST_F(FlowUpload, WhatTheCentreRefusesIsDroppedWithAnAlarm) {
  begin_there();
  open_breaker();
  put(kDirectory, "<directory/>\n");
  put(kOverrides, overrides("one"));
  server_.refuse = kDirectory;
  back();
  replay();
  EXPECT_EQ(waiting(), 0U);
  EXPECT_EQ(server_.written().size(), 1U) << "the next one is not held up";
  EXPECT_EQ(alarms(AlarmKind::upload_refused), 1U);
  EXPECT_EQ(count(FlowCount::replay_refused), 1U);
}

TEST_F(FlowUpload, WhatTheCentreCannotTakeNowHoldsUpItsPhoneAlone) {
  begin_there();
  open_breaker();
  put(kDirectory, "<directory/>\n");
  put(kOverrides, overrides("one"));
  put(kOtherOverrides, overrides("other"));
  server_.refuse = kDirectory;
  server_.status_of_refused = "503 Service Unavailable";
  back();
  replay();
  EXPECT_EQ(server_.written(),
            (std::vector<std::string>{"PUT /0004f2bbbbbb-phone.cfg " + overrides("other")}));
  EXPECT_EQ(waiting(), 2U);
  replay();
  EXPECT_EQ(asked(), 2U) << "and is not asked again and again";
  server_.refuse.clear();
  unix_ms_ += SpoolReplay::kFirstPause_ms;
  replay();
  EXPECT_EQ(waiting(), 0U);
  EXPECT_EQ(server_.written().back(), "PUT /0004f2aaaaaa-phone.cfg " + overrides("one"));
}

TEST_F(FlowUpload, WhatTheDiskDoesNotGiveHoldsUpItsPhoneAlone) {
  begin_there();
  open_breaker();
  put(kOverrides, overrides("one"));
  put(kOtherOverrides, overrides("other"));
  const std::string first = spool_config_.directory + "/0000000000000001.upload";
  std::filesystem::rename(first, first + ".away");
  back();
  replay();
  EXPECT_EQ(server_.written(),
            (std::vector<std::string>{"PUT /0004f2bbbbbb-phone.cfg " + overrides("other")}));
  EXPECT_EQ(waiting(), 1U);
  std::filesystem::rename(first + ".away", first);
  unix_ms_ += SpoolReplay::kFirstPause_ms;
  replay();
  EXPECT_EQ(waiting(), 0U);
  EXPECT_EQ(server_.written().size(), 2U);
}

TEST_F(FlowUpload, OneThatTheCentreFailsOnForHoursIsGivenUp) {
  begin_there();
  open_breaker();
  put(kDirectory, "<directory/>\n");
  put(kOverrides, overrides("one"));
  server_.refuse = kDirectory;
  server_.status_of_refused = "500 Oops";
  back();
  const int64_t begun = unix_ms_;
  for (int i = 0; i < 100 && waiting() > 0; ++i) {
    replay();
    unix_ms_ += SpoolReplay::kMaxPause_ms;
  }
  EXPECT_EQ(waiting(), 0U);
  EXPECT_EQ((unix_ms_ - begun) / SpoolReplay::kMaxPause_ms, SpoolReplay::kMaxTries);
  EXPECT_EQ(alarms(AlarmKind::upload_refused), 1U);
  EXPECT_EQ(server_.written().size(), 1U);
}

// What the centre has taken is what the phone gets should it die now.
TEST_F(FlowUpload, WhatWasTakenIsTheLastKnownGoodOne) {
  begin_there();
  server_.files[std::string(kOverrides)] = overrides("before");
  EXPECT_EQ(ask(kOverrides).body, overrides("before"));
  put(kOverrides, overrides("after"), {{"Content-Type", "text/xml"}});
  ASSERT_TRUE(settle());
  open_breaker();
  const auto got = ask(kOverrides);
  EXPECT_EQ(got.body, overrides("after"));
  EXPECT_EQ(got.field("Content-Type"), "text/xml");
  put(kOverrides, overrides("offline"));
  back();
  replay();
  ASSERT_TRUE(settle());
  open_breaker();
  EXPECT_EQ(ask(kOverrides).body, overrides("offline"));
}

TEST_F(FlowUpload, WithoutTheContractNothingIsRemembered) {
  config_.store = config::StoreContract::kRfc;
  begin_there();
  server_.files[std::string(kOverrides)] = overrides("before");
  ask(kOverrides);
  put(kOverrides, overrides("after"));
  ASSERT_TRUE(settle());
  EXPECT_EQ(store().find({"centre", std::string(kOverrides), std::string(kMac)}).at(0)->body.size,
            overrides("before").size());
}

TEST_F(FlowUpload, NeverWeakerThanOnline) {
  begin_there();
  server_.refuse = kOverrides;
  server_.status_of_refused = "401 Unauthorized";
  EXPECT_EQ(put(kOverrides, overrides("one")).status, 401);
  open_breaker();
  const auto denied = put(kOverrides, overrides("one"));
  EXPECT_EQ(denied.status, 503);
  EXPECT_EQ(denied.how(), "Holdfast; fwd=method; detail=denied");
  EXPECT_EQ(denied.field("Retry-After"), "60");
  EXPECT_EQ(put(kOverrides, overrides("one"), {{"Authorization", kBasic}}).status, 204);
  const auto digest =
      put(kOverrides, overrides("one"),
          {{"Authorization", "Digest username=\"p\", realm=\"r\", nonce=\"n\", response=\"x\""}});
  EXPECT_EQ(digest.status, 503);
  EXPECT_EQ(digest.how(), "Holdfast; fwd=method; detail=digest");
  EXPECT_EQ(put(kFirmware, "x").status, 504) << "no phone writes that";
  EXPECT_EQ(waiting(), 1U);
}

TEST_F(FlowUpload, IsBounded) {
  spool_config_.max_upload_bytes = 1000;
  spool_config_.max_phone_uploads = 2;
  spool_config_.max_phone_logs = 2;
  begin_there();
  EXPECT_EQ(put(kDirectory, std::string(1001, 'd')).status, 201) << "it passes, as it comes";
  EXPECT_EQ(put(kDirectory, std::string(1001, 'd'), {}, "PUT", 4).status, 201);
  open_breaker();
  EXPECT_EQ(put(kDirectory, std::string(1001, 'd')).status, 413);
  EXPECT_EQ(put(kDirectory, std::string(1001, 'd'), {}, "PUT", 4).status, 413);
  EXPECT_EQ(put(kOverrides, overrides("one")).status, 204);
  EXPECT_EQ(put(kOverrides, overrides("two")).status, 204);
  const auto full = put(kOverrides, overrides("three"));
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(full.how(), "Holdfast; fwd=method; detail=phone_full");
  EXPECT_EQ(alarms(AlarmKind::spool_full), 3U);
  for (const char* line : {"1\n", "2\n", "3\n"}) EXPECT_EQ(put(kLog, line).status, 204);
  EXPECT_EQ(spool().status().logs, 2U) << "the oldest went";
  EXPECT_EQ(ask(kLog).body, "3\n");
}

TEST_F(FlowUpload, OnesThatBreakOffAreNoUploads) {
  begin_there();
  struct Breaks final : RequestBody {
    std::optional<uint64_t> length() const override { return 10; }
    void next(std::function<void(BodyPiece)> then) override {
      if (!std::exchange(given, true)) return then({BodyState::kBytes, std::string_view("half")});
      then({BodyState::kFailed, {}});
    }
    bool given = false;
  };
  auto made = request(kOverrides, {}, "PUT");
  made.body = std::make_shared<Breaks>();
  const auto got = send(std::move(made));
  EXPECT_EQ(got->status, 400);
  EXPECT_EQ(asked(), 0U);
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(FlowUpload, AnEmptyOneIsOne) {
  begin_there();
  EXPECT_EQ(put(kOverrides, "").status, 201);
  open_breaker();
  EXPECT_EQ(put(kOverrides, "").status, 204);
  EXPECT_EQ(ask(kOverrides).length, 0U);
  back();
  replay();
  EXPECT_EQ(server_.written(), (std::vector<std::string>{"PUT /0004f2aaaaaa-phone.cfg ",
                                                         "PUT /0004f2aaaaaa-phone.cfg "}));
}

}  // namespace
}  // namespace holdfast::provision
