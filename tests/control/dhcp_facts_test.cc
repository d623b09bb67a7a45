// SPDX-License-Identifier: Apache-2.0
// What a configuration says to a DHCP server, and what wins over it.
#include "control/cli/dhcp_facts.hh"

#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

const std::string kInterfaces =
    "[[interface]]\nname = \"lan\"\ndevice = \"e0\"\nvlan = 100\n"
    "media-addresses = [\"2001:db8:1::2\", \"198.18.1.2\"]\n"
    "[[interface]]\nname = \"v6\"\ndevice = \"e1\"\nmedia-addresses = [\"2001:db8:2::2\"]\n";
const std::string kOrigin = "[[provision-origin]]\nname = \"c\"\nurl = \"http://c\"\n";
const std::string kTls = "tls = true\ncertificate = \"/c\"\nkey = \"/k\"\n";

std::string listener(const std::string& interface, const std::string& more = "") {
  return "[[provision-listener]]\ninterface = \"" + interface + "\"\n" + more;
}
std::string tftp(const std::string& interface, const std::string& more = "") {
  return "[[provision-tftp]]\ninterface = \"" + interface + "\"\n" + more;
}

// "URL TFTP VLAN", or the error.
std::string facts_of(const std::string& sections, const std::string& interface = "",
                     const DhcpGiven& given = {}) {
  const auto site = config::parse_site(kInterfaces + sections, "hf.toml");
  if (!site) return site.error().to_string();
  const auto facts = dhcp_facts(*site, interface, given);
  if (!facts) return facts.error();
  return facts->url + " " + (facts->tftp ? facts->tftp->to_string() : "-") + " " +
         std::to_string(facts->vlan);
}

TEST(DhcpFacts, OfAConfiguration) {
  const struct {
    const char* name;
    std::string sections, interface, facts;
  } table[] = {
      {"all there is", kOrigin + listener("lan") + tftp("lan"), "",
       "http://198.18.1.2:8088 198.18.1.2 100"},
      {"no TFTP", kOrigin + listener("lan"), "", "http://198.18.1.2:8088 - 100"},
      {"TLS", kOrigin + listener("lan", kTls), "", "https://198.18.1.2:8089 - 100"},
      {"the first of the file", kOrigin + listener("lan", kTls) + listener("lan"), "",
       "https://198.18.1.2:8089 - 100"},
      {"ports of the schemes", kOrigin + listener("lan", "port = 80\n"), "",
       "http://198.18.1.2 - 100"},
      {"its own address", kOrigin + listener("lan", "addresses = [\"198.18.1.3\"]\n"), "",
       "http://198.18.1.3:8088 - 100"},
      {"IPv6 alone", kOrigin + listener("v6") + tftp("v6"), "v6",
       "http://[2001:db8:2::2]:8088 - 0"},
      {"a port that no option tells", kOrigin + listener("lan") + tftp("lan", "port = 6969\n"), "",
       "http://198.18.1.2:8088 - 100"},
      {"two interfaces", kOrigin + listener("lan") + listener("v6"), "",
       "several interfaces have a [[provision-listener]]: name the phones' by --interface"},
      {"one of two", kOrigin + listener("v6") + listener("lan") + tftp("lan"), "lan",
       "http://198.18.1.2:8088 198.18.1.2 100"},
      {"an interface without phones", kOrigin + listener("lan"), "v6", " - 0"},
      {"none of that name", kOrigin + listener("lan"), "wan", "no [[interface]] is called wan"},
  };
  for (const auto& row : table)
    EXPECT_EQ(facts_of(row.sections, row.interface), row.facts) << row.name;
}

TEST(DhcpFacts, WhatIsGivenWins) {
  const auto both = kOrigin + listener("lan") + tftp("lan") + listener("v6");
  DhcpGiven given{"https://boot.example", IpAddress::parse("198.18.1.9"), uint16_t{0}};
  EXPECT_EQ(facts_of(both, "", given), "https://boot.example 198.18.1.9 0")
      << "nothing has to be chosen of what was given";
  given.tftp.reset();
  EXPECT_EQ(facts_of(both, "lan", given), "https://boot.example 198.18.1.2 0");
}

}  // namespace
}  // namespace holdfast::cli
