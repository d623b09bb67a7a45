// SPDX-License-Identifier: Apache-2.0
// The command `holdfast phonesim`: output and exit status, against a scripted origin.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "scripted_origin.hh"

namespace holdfast::provision {
namespace {

struct Ran {
  int status = -1;
  std::string out;
};

Ran run(const std::string& arguments) {
  const char* program = std::getenv("HOLDFAST");
  Ran ran;
  if (program == nullptr) return ran;
  const std::string command = std::string(program) + " phonesim " + arguments + " 2>&1";
  FILE* pipe = ::popen(command.c_str(), "r");
  char buffer[4096];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) ran.out.append(buffer, n);
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct PhonesimCommand : testing::Test {
  ScriptedOrigin origin{serving(branch_files())};
  std::string polycom = "--model polycom --mac 00:04:F2:AA:AA:AA --url " + origin.url();
};

TEST_F(PhonesimCommand, PrintsRequestsThenAttributes) {
  const Ran ran = run(polycom);
  EXPECT_EQ(ran.status, 0) << ran.out;
  EXPECT_TRUE(has(ran.out, "GET /2345-12500-001.bootrom.ld")) << ran.out;
  EXPECT_TRUE(has(ran.out, "/server/xic.cfg")) << ran.out;
  EXPECT_TRUE(has(ran.out, "reg.1.address")) << ran.out;
  EXPECT_TRUE(has(ran.out, "would register now")) << ran.out;
  EXPECT_FALSE(has(ran.out, "s3cret")) << ran.out;
  EXPECT_TRUE(has(run(polycom + " --secrets").out, "s3cret"));
}

TEST(PhonesimTable, IsNotWiderAndLongerThanAPersonReads) {
  auto files = branch_files();
  std::string many = "<?xml version=\"1.0\"?>\n<b aa.cert=\"" + std::string(1200, 'M') + "\"";
  for (int i = 100; i < 200; ++i) many += " zz." + std::to_string(i) + "=\"1\"";
  files["/sip.cfg"] = many + "/>\n";
  ScriptedOrigin origin{serving(std::move(files))};
  const std::string polycom = "--model polycom --mac 0004f2aaaaaa --url " + origin.url();
  const Ran ran = run(polycom);
  EXPECT_TRUE(has(ran.out, " more: --all shows them\n")) << ran.out;
  EXPECT_FALSE(has(ran.out, "zz.199"));
  const Ran all = run(polycom + " --all");
  EXPECT_TRUE(has(all.out, "zz.199")) << all.out;
  EXPECT_TRUE(has(all.out, "MMM... (1200 bytes)")) << all.out;
  EXPECT_FALSE(has(all.out, std::string(60, 'M')));
  EXPECT_TRUE(has(run(polycom + " --json").out, std::string(1200, 'M')));
}

TEST_F(PhonesimCommand, PrintsOneDocument) {
  const Ran ran = run(polycom + " --json");
  EXPECT_EQ(ran.status, 0);
  const auto document = nlohmann::json::parse(ran.out);
  EXPECT_EQ(document["mac"], "0004f2aaaaaa");
  EXPECT_EQ(document["held"], true);
  EXPECT_EQ(document["requests"].size(), 13U);
  EXPECT_FALSE(has(ran.out, "s3cret"));
}

TEST_F(PhonesimCommand, SummarizesManyPhones) {
  const Ran ran = run(
      "--model sip-station --mac 00908f3bbcba --count 1 --parallel 5 --json --url " + origin.url());
  EXPECT_EQ(ran.status, 0) << ran.out;
  const auto document = nlohmann::json::parse(ran.out);
  EXPECT_EQ(document["phones"], 1);
  EXPECT_EQ(document["held"], 1);
  EXPECT_FALSE(document.contains("requests"));
  const Ran each =
      run("--model sip-station --mac 00908f3bbcba --count 1 --json --each --url " + origin.url());
  const auto requests = nlohmann::json::parse(each.out)["requests"];
  EXPECT_EQ(requests.size(), document["kinds"][0]["requests"]);
  EXPECT_EQ(requests[0]["mac"], "00908f3bbcba");
  EXPECT_GT(requests[0]["started_ms"], 0);
  EXPECT_GT(requests[0]["ended_ms"], requests[0]["started_ms"]);
  const Ran table = run("--model sip-station --mac 00908f3bbcba --count 3 --url " + origin.url());
  EXPECT_EQ(table.status, 1) << table.out;
  EXPECT_TRUE(has(table.out, "1 of 3 phones came up")) << table.out;
  EXPECT_TRUE(has(table.out, "00908f3bbcbb: /00908f3bbcbb.cfg: missing")) << table.out;
}

TEST_F(PhonesimCommand, AMissingFileIsStatus1) {
  const Ran ran = run("--model audiocodes --mac 00908f000001 --url " + origin.url());
  EXPECT_EQ(ran.status, 1);
  EXPECT_TRUE(has(ran.out, "missing")) << ran.out;
}

TEST_F(PhonesimCommand, WrongUseIsStatus2) {
  for (const std::string& arguments : {
           std::string(),
           "--model cisco --mac 0004f2aaaaaa --url " + origin.url(),
           "--mac 0004f2 --url " + origin.url(),
           "--mac 000000000000 --url " + origin.url(),
           std::string("--mac 0004f2aaaaaa --url ftp://127.0.0.1/"),
           "--mac fefffffffff0 --count 100000000 --url " + origin.url(),
           "--mac 0004f2aaaaaa --key /dev/null --url " + origin.url(),
           "--mac 0004f2aaaaaa --source here --url " + origin.url(),
           "--mac 0004f2aaaaaa --count 2 --source 255.255.255.255 --url " + origin.url(),
           "--mac 00908f000001 --model audiocodes --upload --url " + origin.url(),
           "--mac 0004f2aaaaaa --count 2 --each --url " + origin.url(),
           "--mac 0004f2aaaaaa --ca /nowhere.pem --url " + origin.url(),
       })
    EXPECT_EQ(run(arguments).status, 2) << arguments;
}

}  // namespace
}  // namespace holdfast::provision
