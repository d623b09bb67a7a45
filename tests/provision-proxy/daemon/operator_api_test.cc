// SPDX-License-Identifier: Apache-2.0
// What an operator sees and does: warm, rollback, trust and purge, by origin; status, files,
// uploads.
#include "provision-proxy/daemon/operator_api.hh"

#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "tests/provision-proxy/proxy/flow_fixture.hh"

namespace holdfast::provision {
namespace {

using nlohmann::json;

class OperatorApiTest : public FlowTest {
 protected:
  void begin_api() {
    start();
    config::ProvisionListenerConfig listener;
    listener.origin = "centre";
    listener.addresses = {*IpAddress::parse("127.0.0.1")};
    listener.port = 0;
    sections_.listeners = {listener};
    sections_.origins = {config_};
    auto server = Server::start(io_, sections_.listeners, {}, flow(), ignore());
    ASSERT_TRUE(server);
    server_ = std::move(server).value();
    auto tftp = TftpFronts::start(io_, {}, 1, flow());
    ASSERT_TRUE(tftp);
    tftp_ = std::move(tftp).value();
    api_ = std::make_unique<OperatorApi>(OperatorSources{store(), spool(), flow(), alarms_,
                                                         counters_, *server_, *tftp_, sections_,
                                                         [this] { return unix_ms_; }});
  }
  void TearDown() override {
    api_.reset();
    tftp_.reset();
    server_.reset();
    FlowTest::TearDown();
  }

  unsigned status_ = 0;
  json call(std::string_view method, std::string_view target) {
    std::optional<OperatorAnswer> answer;
    api_->handle(method, target, [&](OperatorAnswer got) { answer = std::move(got); });
    EXPECT_TRUE(run_until([&] { return answer.has_value(); })) << target;
    if (!answer) return {};
    status_ = answer->status;
    return json::parse(answer->body, nullptr, false);
  }
  static Logger ignore() {
    return [](LogLevel, const std::string&) {};
  }
  static std::string agent(std::string_view mac) {
    return "FileTransport PolycomSoundPointIP-SPIP_550-UA/4.0.14 (SN:" + std::string(mac) + ")";
  }

  boost::asio::io_context io_;
  config::ProvisionSections sections_;
  Alarms alarms_{[this] { return unix_ms_; }, ignore()};
  std::unique_ptr<Server> server_;
  std::unique_ptr<TftpFronts> tftp_;
  std::unique_ptr<OperatorApi> api_;
};

TEST_F(OperatorApiTest, WhatItDoesNotKnow) {
  begin_api();
  const struct {
    const char *method, *target;
    unsigned status;
  } rows[] = {{"GET", "/nothing", 404},
              {"PUT", "/files", 405},
              {"POST", "/purge", 400},
              {"POST", "/purge?path=sip.cfg", 400},
              {"POST", "/melt?path=/sip.cfg", 404},
              {"POST", "/rollback?path=/sip.cfg", 404},
              {"POST", "/trust?path=/sip.cfg", 404},
              {"POST", "/purge?path=/sip.cfg", 404},
              {"POST", "/warm?path=/sip.cfg&origin=nowhere", 404},
              {"POST", "/warm?path=/sip.cfg&phone=0004f2", 400},
              {"POST", "/warm?path=/sip.cfg", 409}};
  for (const auto& row : rows) {
    const auto answer = call(row.method, row.target);
    EXPECT_EQ(status_, row.status) << row.target;
    EXPECT_FALSE(answer.value("error", "").empty()) << row.target;
  }
}

// The centre gives each phone its own; each known phone's copy is renewed, as that phone's.
TEST_F(OperatorApiTest, WarmRenewsTheCopyOfEachPhone) {
  begin_api();
  const auto says = [this](const std::string& word) {
    centre([word](OriginConnection& c, const std::string& head) {
      const bool first = head.find("SN:0004f2000001") != std::string::npos;
      const bool second = head.find("SN:0004f2000002") != std::string::npos;
      const std::string who = first ? "1" : second ? "2" : "?";
      return c.send(with_status("200 OK", "<localcfg word=\"" + word + who + "\"/>\n"));
    });
  };
  says("one");
  const auto first = agent("0004f2000001"), second = agent("0004f2000002");
  ask("/sip.cfg", {{"User-Agent", first}});
  ask("/sip.cfg", {{"User-Agent", second}});
  ASSERT_TRUE(settle());
  says("two");
  unix_ms_ += 24 * 60 * kMinute_ms;
  const auto answer = call("POST", "/warm?path=%2Fsip.cfg");
  EXPECT_EQ(status_, 200U);
  EXPECT_EQ(answer["trouble"], "");
  ASSERT_EQ(answer["files"].size(), 2U) << answer.dump();
  EXPECT_EQ(answer["files"][0]["phone"], "0004f2000001");
  EXPECT_EQ(answer["files"][0]["status"], 200);
  EXPECT_EQ(answer["files"][1]["phone"], "0004f2000002");
  open_breaker();
  EXPECT_EQ(ask("/sip.cfg", {{"User-Agent", first}}).body, "<localcfg word=\"two1\"/>\n");
  EXPECT_EQ(ask("/sip.cfg", {{"User-Agent", second}}).body, "<localcfg word=\"two2\"/>\n");
  const auto away = call("POST", "/warm?path=/other.cfg&phone=00:04:f2:00:00:01");
  EXPECT_EQ(away["trouble"], "1 of 1 could not be fetched");
  EXPECT_EQ(away["files"][0]["status"], 504);
}

// Neither the owner check nor its watch over enumeration are for the operator.
TEST_F(OperatorApiTest, WarmFetchesAPhonesOwnFilesUnderAStrictOwnerCheck) {
  owner_ = OwnerConfig{};
  owner_->policy = OwnerPolicy::strict;
  begin_api();
  std::vector<std::string> macs;
  macs.reserve(12);
  for (int i = 0; i < 12; ++i) macs.push_back("0004f20000" + std::to_string(10 + i));
  for (const auto& mac : macs) {
    centre_says(with_status("200 OK", master(mac)));
    const auto answer = call("POST", "/warm?path=/" + mac + ".cfg");
    EXPECT_EQ(answer["trouble"], "") << answer.dump();
    EXPECT_EQ(answer["files"][0]["phone"], mac);
  }
  EXPECT_EQ(alarms(AlarmKind::foreign_file) + alarms(AlarmKind::enumeration), 0U);
  ASSERT_TRUE(settle());
  open_breaker();
  neighbours_[peer_.to_string()] = *mac_of(macs.front());
  EXPECT_EQ(ask("/" + macs.front() + ".cfg").body, master(macs.front()));
  EXPECT_EQ(ask("/" + macs.back() + ".cfg").status, 403) << "a phone is asked as ever";
  const auto status = call("GET", "/status");
  EXPECT_EQ(status["origins"][0]["owner_verdicts"]["neighbour"], 1);
  EXPECT_EQ(status["origins"][0]["owner_verdicts"]["foreign_neighbour"], 1);
  EXPECT_TRUE(call("GET", "/phones")["phones"].size() <= 2U)
      << "no phone has fetched what was warmed";
}

TEST_F(OperatorApiTest, RollbackTrustAndPurgeSayWhatTheyDid) {
  begin_api();
  const auto first = agent("0004f2000001"), second = agent("0004f2000002");
  centre_says(with_status("200 OK", "<localcfg word=\"one\"/>\n"));
  ask("/sip.cfg", {{"User-Agent", first}});
  EXPECT_EQ(call("POST", "/rollback?path=/sip.cfg")["error"],
            "no copy has an older one to go back to");
  EXPECT_EQ(status_, 409U);
  unix_ms_ += 24 * 60 * kMinute_ms;
  centre_says(with_status("200 OK", "<localcfg word=\"two\"/>\n"));
  ask("/sip.cfg", {{"User-Agent", first}});
  ask("/sip.cfg", {{"User-Agent", second}});
  ASSERT_TRUE(settle());
  EXPECT_EQ(call("POST", "/rollback?path=/sip.cfg&origin=other").value("error", ""),
            "nothing is kept of /sip.cfg");
  const auto rolled = call("POST", "/rollback?path=/sip.cfg&origin=centre")["files"][0];
  EXPECT_EQ(rolled["origin"], "centre");
  EXPECT_EQ(rolled["back"], 1);
  EXPECT_EQ(rolled["withheld"], 1);
  const auto files = call("GET", "/files?path=/sip.cfg");
  ASSERT_EQ(files["files"].size(), 3U);
  EXPECT_FALSE(files["more"].get<bool>());
  EXPECT_EQ(files["files"][0]["fetches"].size(), 1U);
  EXPECT_EQ(files["files"][1]["fetches"].size(), 0U) << "once for each copy";
  EXPECT_EQ(files["files"][0]["distrusted"], true);
  EXPECT_EQ(call("GET", "/files?origin=other")["files"].size(), 0U);
  EXPECT_EQ(call("POST", "/trust?path=/sip.cfg")["files"][0]["bodies"], 1);
  EXPECT_EQ(call("POST", "/trust?path=/sip.cfg")["error"],
            "no body of it is refused: there is nothing to take back");
  EXPECT_EQ(status_, 409U);
  EXPECT_EQ(call("POST", "/rollback?path=foo")["error"],
            "foo is no file's path: it begins with /, as phones ask for it");
  EXPECT_EQ(call("POST", "/purge?path=/sip.cfg&origin=other")["error"],
            "nothing is kept of /sip.cfg");
  EXPECT_EQ(call("POST", "/purge?path=/sip.cfg")["purged"], 3);
}

TEST_F(OperatorApiTest, UploadsHaveTheSizeOfWhatThePhoneWrote) {
  begin_api();
  open_breaker();
  EXPECT_EQ(put("/0004f2aaaaaa-phone.cfg", std::string(100, 'x'),
                {{"Authorization", "Basic cGhvbmU6cHc="}})
                .status,
            204);
  const auto upload = call("GET", "/uploads")["uploads"][0];
  EXPECT_EQ(upload["bytes"], 100);
  EXPECT_GT(upload["file_bytes"], 100);
  EXPECT_EQ(upload["phone"], "0004f2aaaaaa");
  EXPECT_EQ(upload["credentials"], true);
}

TEST_F(OperatorApiTest, AlarmsThatAreOverSaySo) {
  begin_api();
  alarms_.raise(AlarmKind::origin_away, "centre", "refused");
  EXPECT_EQ(call("GET", "/status")["alarms"][0]["ended"], "");
  alarms_.end(AlarmKind::origin_away, "centre");
  EXPECT_EQ(call("GET", "/status")["alarms"][0]["ended"], "2023-11-14T22:13:20Z");
}

TEST(AlarmsTest, ARepeatIsLoggedAgainAfterAnHourOrAnEnd) {
  int64_t now = 1'000'000;
  std::vector<std::string> lines;
  Alarms alarms([&] { return now; },
                [&](LogLevel, const std::string& line) { lines.push_back(line); });
  alarms.raise(AlarmKind::gone, "/a", "");
  alarms.raise(AlarmKind::gone, "/a", "");
  EXPECT_EQ(lines.size(), 1U);
  now += Alarms::kLogAgain_ms - 1;
  alarms.raise(AlarmKind::gone, "/a", "");
  EXPECT_EQ(lines.size(), 1U);
  now += 1;
  alarms.raise(AlarmKind::gone, "/a", "");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_NE(lines[1].find("4 times"), std::string::npos) << lines[1];
  alarms.end(AlarmKind::gone, "/a");
  alarms.end(AlarmKind::gone, "/a");
  alarms.end(AlarmKind::gone, "/b");
  EXPECT_EQ(lines.size(), 3U);
  alarms.raise(AlarmKind::gone, "/a", "");
  EXPECT_EQ(lines.size(), 4U);
  EXPECT_EQ(alarms.kept().front().ended_ms, 0);
  EXPECT_EQ(alarms.kept().front().times, 5U);
}

}  // namespace
}  // namespace holdfast::provision
