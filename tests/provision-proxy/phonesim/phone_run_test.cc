// SPDX-License-Identifier: Apache-2.0
// Phones against a scripted origin over real sockets.
#include "provision-proxy/phonesim/phone_run.hh"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "provision-proxy/phonesim/fleet.hh"
#include "scripted_origin.hh"

namespace holdfast::provision {
namespace {

RunOptions options_for(const ScriptedOrigin& origin, PhoneModel model = PhoneModel::polycom) {
  RunOptions options;
  options.client.url = origin.url();
  options.client.timeout_ms = 5000;
  options.boot.model = model;
  options.boot.mac = model == PhoneModel::polycom ? "0004f2aaaaaa" : "00908f3bbcba";
  return options;
}

const FetchRecord& fetch_of(const PhoneRun& run, const std::string& target) {
  for (const auto& fetch : run.fetches)
    if (fetch.step.target == target) return fetch;
  ADD_FAILURE() << target << " was not asked for";
  return run.fetches.front();
}

const Attribute* attribute_of(const PhoneRun& run, const std::string& name) {
  for (const auto& attribute : run.attributes)
    if (attribute.name == name) return &attribute;
  return nullptr;
}

TEST(PhoneRun, APolycomPhoneComesUp) {
  ScriptedOrigin origin(serving(branch_files()));
  size_t told = 0;
  const PhoneRun run = run_phone(options_for(origin), [&](const FetchRecord&) { ++told; });
  EXPECT_TRUE(run.held) << (run.problems.empty() ? "" : run.problems.front());
  EXPECT_EQ(run.fetches.size(), 13U);
  EXPECT_EQ(told, 13U);
  EXPECT_EQ(fetch_of(run, "/2345-12500-001.sip.ld").answer.bytes, 20000U);
  EXPECT_EQ(fetch_of(run, "/0004f2aaaaaa-license.cfg").outcome, "absent");
  const auto* address = attribute_of(run, "reg.1.address");
  ASSERT_NE(address, nullptr);
  EXPECT_EQ(address->value, "4711");
  EXPECT_EQ(address->file, "/phone/guid%201.cfg");
  EXPECT_EQ(address->also, std::vector<std::string>{"/server/xic.cfg"});
  EXPECT_EQ(attribute_of(run, "mb.home")->value, "x");
  EXPECT_EQ(attribute_of(run, "up.light")->file, "/overrides/0004f2aaaaaa-phone.cfg");
  const auto requests = origin.requests();
  EXPECT_NE(requests.front().user_agent.find("(SN:0004f2aaaaaa) Type/Updater"), std::string::npos);
  EXPECT_NE(requests.back().user_agent.find("Type/Application"), std::string::npos);
}

TEST(PhoneRun, ASipStationLooksAtAPartFirst) {
  ScriptedOrigin origin(serving(branch_files()));
  const PhoneRun run = run_phone(options_for(origin, PhoneModel::sip_station));
  EXPECT_TRUE(run.held) << (run.problems.empty() ? "" : run.problems.front());
  ASSERT_EQ(run.fetches.size(), 5U);
  EXPECT_EQ(run.fetches[0].answer.status, 206);
  EXPECT_EQ(run.fetches[0].answer.bytes, kFirmwarePartBytes);
  EXPECT_EQ(run.fetches[1].answer.bytes, 10000U);
  EXPECT_EQ(origin.requests().front().range, "bytes=0-4095");
}

TEST(PhoneRun, AnAudioCodesPhoneTakesTheLastValue) {
  ScriptedOrigin origin(serving(branch_files()), false);
  const PhoneRun run = run_phone(options_for(origin, PhoneModel::audiocodes));
  EXPECT_TRUE(run.held) << (run.problems.empty() ? "" : run.problems.front());
  const auto* id = attribute_of(run, "voip/line/0/id");
  ASSERT_NE(id, nullptr);
  EXPECT_EQ(id->value, "1234");
  EXPECT_EQ(id->file, "/00908f3bbcba.cfg");
  EXPECT_EQ(attribute_of(run, "network/vlan")->file, "/site.cfg");
}

TEST(PhoneRun, DoesNotHold) {
  const struct {
    const char* what;
    const char* target;
    OriginAnswer answer;
    const char* outcome;
  } rows[] = {
      {"a listed file is missing", "/sip.cfg", {404, ""}, "missing"},
      {"the server fails", "/sip.cfg", {500, "oops"}, "failed"},
      {"refused where it may be absent", "/0004f2aaaaaa-license.cfg", {403, ""}, "failed"},
      {"the body is cut", "/phone/guid%201.cfg", {200, "<a>", "", 10}, "failed"},
      {"moved", "/sip.cfg", {302, "", "Location: /other.cfg\r\n"}, "failed"},
      {"firmware cut", "/2345-12500-001.sip.ld", {200, "x", "", 10}, "failed"},
  };
  for (const auto& row : rows) {
    const auto others = serving(branch_files());
    ScriptedOrigin origin([&](const OriginRequest& request) {
      return request.target == row.target ? row.answer : others(request);
    });
    const PhoneRun run = run_phone(options_for(origin));
    EXPECT_FALSE(run.held) << row.what;
    EXPECT_FALSE(run.problems.empty()) << row.what;
    EXPECT_EQ(fetch_of(run, row.target).outcome, row.outcome) << row.what;
  }
}

TEST(PhoneRun, APolycomPhoneUploads) {
  ScriptedOrigin origin([files = serving(branch_files())](const OriginRequest& request) {
    if (request.method != "PUT") return files(request);
    return request.target.ends_with("-app.log") ? OriginAnswer{504, ""} : OriginAnswer{201, ""};
  });
  auto options = options_for(origin);
  options.boot.upload = true;
  const PhoneRun run = run_phone(options);
  EXPECT_FALSE(run.held) << "an upload that nobody took";
  EXPECT_EQ(run.problems.size(), 1U);
  std::vector<std::string> uploads;
  for (const auto& request : origin.requests())
    if (request.method == "PUT") uploads.push_back(request.target + " " + request.body);
  ASSERT_EQ(uploads.size(), 3U);
  EXPECT_EQ(uploads[0], "/0004f2aaaaaa-boot.log boot of 0004f2aaaaaa\n");
  EXPECT_EQ(uploads[1], "/0004f2aaaaaa-app.log application of 0004f2aaaaaa\n");
  EXPECT_TRUE(uploads[2].starts_with("/overrides/0004f2aaaaaa-phone.cfg <?xml")) << uploads[2];
  EXPECT_EQ(run.fetches.back().outcome, "ok");
}

TEST(PhoneRun, ASilentServerCostsTheTimeoutOnly) {
  ScriptedOrigin origin([](const OriginRequest&) {
    OriginAnswer answer;
    answer.silent = true;
    return answer;
  });
  auto options = options_for(origin);
  options.client.timeout_ms = 50;
  const PhoneRun run = run_phone(options);
  EXPECT_FALSE(run.held);
  ASSERT_EQ(run.fetches.size(), 2U);
  EXPECT_EQ(run.fetches[0].answer.status, 0);
  EXPECT_FALSE(run.fetches[0].answer.error.empty());
}

TEST(PhoneRun, ShowsWhatACacheSays) {
  ScriptedOrigin origin([others = serving(branch_files())](const OriginRequest& request) {
    OriginAnswer answer = others(request);
    answer.fields = "Cache-Status: origin; fwd=miss\r\nCache-Status: holdfast; hit\r\nAge: 7\r\n";
    return answer;
  });
  const PhoneRun run = run_phone(options_for(origin));
  EXPECT_EQ(run.fetches[0].answer.cache_status, "origin; fwd=miss, holdfast; hit");
  EXPECT_EQ(run.fetches[0].answer.age, "7");
}

TEST(PhoneRun, SavesFilesForTheirOwnerAlone) {
  ScriptedOrigin origin(serving(branch_files()));
  const auto folder =
      std::filesystem::temp_directory_path() / ("holdfast-phonesim-" + std::to_string(::getpid()));
  auto options = options_for(origin);
  options.save_folder = folder.string();
  EXPECT_TRUE(run_phone(options).held);
  const auto file = folder / "0004f2aaaaaa" / "phone" / "guid%201.cfg";
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str(), branch_files().at("/phone/guid%201.cfg"));
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_FALSE(std::filesystem::exists(folder / "0004f2aaaaaa" / "0004f2aaaaaa-license.cfg"));
  EXPECT_EQ(std::filesystem::file_size(folder / "0004f2aaaaaa" / "2345-12500-001.sip.ld"), 20000U);
  std::filesystem::remove_all(folder);
}

TEST(PhoneRun, SavedNamesStayInTheirFolder) {
  EXPECT_EQ(saved_name("/a/b.cfg"), "a/b.cfg");
  EXPECT_EQ(saved_name("/../../etc/passwd"), "etc/passwd");
  EXPECT_EQ(saved_name("/./a//b?x=/../y"), "a/b");
  EXPECT_EQ(saved_name("/a b\\c"), "a_b_c");
  EXPECT_EQ(saved_name("/"), "_");
}

TEST(HttpClient, RefusesWhatItCannotUse) {
  for (const char* url : {"", "ftp://x/", "http://", "file:///etc/passwd", "http://x/?a=b"}) {
    ClientOptions options;
    options.url = url;
    EXPECT_FALSE(HttpClient::open(options)) << url;
  }
  ClientOptions options;
  options.url = "https://127.0.0.1/";
  options.ca_file = "/nowhere.pem";
  EXPECT_FALSE(HttpClient::open(options));
}

TEST(HttpClient, NobodyListensThere) {
  ClientOptions options;
  options.url = "http://127.0.0.1:1";
  options.timeout_ms = 2000;
  auto client = HttpClient::open(options);
  ASSERT_TRUE(client);
  const auto answer = (*client)->ask({"/a"});
  EXPECT_TRUE(answer.broken());
  EXPECT_EQ(answer.status, 0);
}

TEST(Fleet, ManyPhonesAtOnce) {
  ScriptedOrigin origin([](const OriginRequest& request) {
    if (request.target.ends_with("0004f2aaab02.cfg")) return OriginAnswer{500, ""};
    if (request.target.ends_with(".ld")) return OriginAnswer{200, std::string(1000, '\x80')};
    if (request.target.starts_with("/0004f2aa") && request.target.size() == 17)
      return OriginAnswer{200, "<A CONFIG_FILES=\"sip.cfg\"/>",
                          "Cache-Status: holdfast; fwd=stale; stored\r\n"};
    if (request.target == "/sip.cfg") return OriginAnswer{200, "<a b=\"1\"/>"};
    return OriginAnswer{404, ""};
  });
  auto options = options_for(origin);
  options.boot.mac = "0004f2aaaafe";
  const FleetReport report = run_fleet(options, {.count = 10, .parallel = 4});
  EXPECT_EQ(report.phones, 10U);
  EXPECT_EQ(report.held, 9U);
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_EQ(report.failures[0].mac, "0004f2aaab02");
  EXPECT_EQ(report.kinds.at("master").requests, 19U);
  EXPECT_EQ(report.kinds.at("master").failed, 1U);
  EXPECT_EQ(report.kinds.at("config").ok, 9U);
  EXPECT_EQ(report.kinds.at("firmware").bytes, 18000U);
  EXPECT_EQ(report.cache.at("fwd=stale"), 18U);
  EXPECT_GE(report.kinds.at("all").max_ms, report.kinds.at("all").p99_ms);
}

TEST(Fleet, EachPhoneFromAnAddressOfItsOwn) {
  ScriptedOrigin origin(serving(branch_files()));
  auto options = options_for(origin);
  options.boot.model = PhoneModel::sip_station;
  options.boot.mac = "00908f3bbcba";
  const FleetReport report = run_fleet(
      options, {.count = 2, .each_request = true, .source = IpAddress::parse("127.77.0.255")});
  std::map<std::string, size_t> asked;
  for (const auto& request : origin.requests()) ++asked[request.peer];
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_GT(asked["127.77.0.255"], 0U);
  EXPECT_GT(asked["127.77.1.0"], 0U);
  ASSERT_EQ(report.requests.size(), origin.requests().size());
  EXPECT_EQ(report.requests.back().mac, "00908f3bbcbb");
  EXPECT_GE(report.requests.back().fetch.started_ms, report.requests.front().fetch.started_ms);
}

TEST(Fleet, Addresses) {
  const auto after = [](const char* text, uint64_t steps) {
    const auto found = address_after(*IpAddress::parse(text), steps);
    return found ? found->to_string() : "";
  };
  EXPECT_EQ(after("198.18.8.1", 0), "198.18.8.1");
  EXPECT_EQ(after("198.18.8.1", 499), "198.18.9.244");
  EXPECT_EQ(after("198.18.255.255", 1), "198.19.0.0");
  EXPECT_EQ(after("2001:db8::ffff:ffff", 2), "2001:db8::1:0:1");
  EXPECT_EQ(after("255.255.255.255", 1), "");
}

TEST(Fleet, Macs) {
  EXPECT_EQ(mac_after("0004f2aaaaff", 1), "0004f2aaab00");
  EXPECT_EQ(mac_after("0004f2aaaaff", 0), "0004f2aaaaff");
  EXPECT_EQ(mac_after("ffffffffffff", 1), "");
  EXPECT_EQ(mac_after("0004f2aaaafg", 1), "");
  EXPECT_EQ(mac_after("0004f2", 1), "");
}

TEST(Fleet, PercentilesByTheNearestRank) {
  std::vector<double> sample = {3, 1, 2, 4};
  EXPECT_DOUBLE_EQ(percentile(sample, 0.5), 2);
  EXPECT_DOUBLE_EQ(percentile(sample, 0.99), 4);
  EXPECT_DOUBLE_EQ(percentile(sample, 1), 4);
  EXPECT_DOUBLE_EQ(percentile(sample, 0), 1);
  std::vector<double> none;
  EXPECT_DOUBLE_EQ(percentile(none, 0.5), 0);
}

TEST(Fleet, CacheOutcomes) {
  EXPECT_EQ(cache_outcome("holdfast; hit; ttl=3"), "hit");
  EXPECT_EQ(cache_outcome("origin; hit, holdfast; fwd=miss; stored"), "fwd=miss");
  EXPECT_EQ(cache_outcome("holdfast"), "");
  EXPECT_EQ(cache_outcome(""), "");
}

}  // namespace
}  // namespace holdfast::provision
