// SPDX-License-Identifier: Apache-2.0
// What phones must be handed by DHCP, and the dialects; dnsmasq itself reads its own.
#include "control/cli/dhcp_rows.hh"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace holdfast::cli {
namespace {

DhcpFacts branch() {
  return {"http://198.18.1.2:8088", IpAddress::parse("198.18.1.2"), 100};
}

std::string value_for(const std::vector<DhcpRow>& rows, int code, const std::string& phone) {
  for (const auto& row : rows)
    if (row.code == code && (row.vendor_class.empty() || row.vendor_class == phone))
      return row.value;
  return "-";
}

TEST(DhcpRows, EachModelGetsItsImage) {
  const auto rows = dhcp_options(branch());
  const struct {
    const char *phone, *tftp, *image;
  } table[] = {
      {"SIP100", "198.18.1.2", "sip100.img"}, {"SIP200", "198.18.1.2", "sip200.img"},
      {"405", "198.18.1.2", "405.img"},       {"405HD", "198.18.1.2", "405hd.img"},
      {"420HD", "198.18.1.2", "420hd.img"},   {"430HD", "198.18.1.2", "430hd.img"},
      {"440HD", "198.18.1.2", "440hd.img"},   {"Polycom-VVX500", "-", "-"},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.phone);
    EXPECT_EQ(value_for(rows, 66, row.phone), row.tftp);
    EXPECT_EQ(value_for(rows, 67, row.phone), row.image);
    EXPECT_EQ(value_for(rows, 132, row.phone), "100");
    EXPECT_EQ(value_for(rows, 160, row.phone), "http://198.18.1.2:8088");
  }
}

TEST(DhcpRows, WhatIsNotKnownIsNotHandedOut) {
  const struct {
    const char* name;
    DhcpFacts facts;
    std::vector<int> codes;
  } table[] = {
      {"a URL alone", {"https://a:8089", {}, 0}, {160}},
      {"a VLAN alone", {"", {}, 7}, {132}},
      {"no VLAN", {"http://a", IpAddress::parse("10.0.0.1"), 0}, {66, 67, 160}},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.name);
    ASSERT_EQ(wrong_with(row.facts), "");
    std::vector<int> codes;
    for (const auto& option : dhcp_options(row.facts))
      if (codes.empty() || codes.back() != option.code) codes.push_back(option.code);
    EXPECT_EQ(codes, row.codes);
  }
}

TEST(DhcpRows, RefusesWhatADhcpServerReadsOtherwise) {
  const auto v4 = IpAddress::parse("10.0.0.1");
  const DhcpFacts table[] = {
      {"", {}, 0},
      {"ftp://a", {}, 0},
      {"http://", {}, 0},
      {"https://", {}, 0},
      {"http://a\"b", {}, 0},
      {"http://a,b", {}, 0},
      {"http://a b", {}, 0},
      {"http://a\nport=1", {}, 0},
      {"http://a\\b", {}, 0},
      {"http://\xc3\xa9", {}, 0},
      {"http://" + std::string(249, 'a'), {}, 0},
      {"", IpAddress::parse("2001:db8::1"), 0},
      {"", IpAddress::parse("0.0.0.0"), 0},
      {"", v4, 4095},
  };
  for (const auto& facts : table) {
    EXPECT_NE(wrong_with(facts), "") << facts.url << " " << facts.vlan;
  }
  EXPECT_EQ(wrong_with({"http://" + std::string(248, 'a'), v4, 4094}), "");
  EXPECT_EQ(wrong_with({"http://[2001:db8::2]:8088/x?y=%20", {}, 0}), "");
}

TEST(DhcpRows, DnsmasqTells405From405Hd) {
  const auto text = dnsmasq_lines(dhcp_options(branch()));
  for (const char* line :
       {"dhcp-vendorclass=set:holdfast-405,405\n", "dhcp-vendorclass=set:holdfast-405hd,405HD\n",
        "dhcp-option-force=tag:holdfast-405,tag:!holdfast-405hd,67,\"405.img\"\n",
        "dhcp-option-force=tag:holdfast-405hd,67,\"405hd.img\"\n",
        "dhcp-option-force=tag:holdfast-sip100,66,\"198.18.1.2\"\n",
        "dhcp-option-force=132,\"100\"\n", "dhcp-option-force=160,\"http://198.18.1.2:8088\"\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

TEST(DhcpRows, DnsmasqReadsItsLines) {
  if (std::system("PATH=$PATH:/usr/sbin command -v dnsmasq >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "dnsmasq is not installed";
  const std::string path = testing::TempDir() + "hf-dnsmasq-" + std::to_string(::getpid());
  const auto test = [&path](const std::string& text) {
    std::ofstream(path) << text;
    return std::system(
        ("PATH=$PATH:/usr/sbin dnsmasq --test --conf-file=" + path + " >/dev/null 2>&1").c_str());
  };
  EXPECT_EQ(test(dnsmasq_lines(dhcp_options(branch()))), 0);
  EXPECT_NE(test("dhcp-option-force=tag:a,no,\"x\"\n"), 0) << "it reads everything";
  ::unlink(path.c_str());
}

TEST(DhcpRows, KeaHasAClassForEachModel) {
  const auto kea = nlohmann::json::parse(kea_fragment(dhcp_options(branch())).dump());
  const auto& dhcp4 = kea.at("Dhcp4");
  ASSERT_EQ(dhcp4["client-classes"].size(), 7U);
  const auto& plain = dhcp4["client-classes"][2];
  EXPECT_EQ(plain["name"], "holdfast-405");
  EXPECT_EQ(plain["test"], "option[60].text == '405'");
  EXPECT_EQ(plain["option-data"][0]["name"], "tftp-server-name");
  EXPECT_EQ(plain["option-data"][0]["data"], "198.18.1.2");
  EXPECT_EQ(plain["option-data"][1]["name"], "boot-file-name");
  EXPECT_EQ(plain["option-data"][1]["data"], "405.img");
  ASSERT_EQ(dhcp4["option-def"].size(), 2U);
  ASSERT_EQ(dhcp4["option-data"].size(), 2U);
  for (size_t n = 0; n < 2; ++n) {
    EXPECT_EQ(dhcp4["option-def"][n]["name"], dhcp4["option-data"][n]["name"]);
    EXPECT_EQ(dhcp4["option-def"][n]["code"], n == 0 ? 132 : 160);
    EXPECT_EQ(dhcp4["option-data"][n]["always-send"], true);
  }
}

}  // namespace
}  // namespace holdfast::cli
