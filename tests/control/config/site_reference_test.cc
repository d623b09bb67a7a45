// SPDX-License-Identifier: Apache-2.0
// The committed reference page and sample file are those that the option tables give.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "control/config/site_config.hh"

namespace holdfast::config {
namespace {

std::string committed(const std::string& path) {
  std::ifstream file(std::string(std::getenv("HOLDFAST_SOURCE_ROOT")) + "/" + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(SiteReference, PageIsTheGeneratedOne) {
  EXPECT_EQ(committed("docs/configuration.md"), site_reference_markdown())
      << "write it again: holdfastd --print-reference > docs/configuration.md";
}

TEST(SiteReference, SampleIsTheGeneratedOne) {
  EXPECT_EQ(committed("docs/holdfast.sample.toml"), site_sample_toml())
      << "write it again: holdfastd --print-sample > docs/holdfast.sample.toml";
}

TEST(SiteReference, SampleIsAValidConfigurationForBothDaemons) {
  const auto site = parse_site(site_sample_toml(), "sample");
  ASSERT_TRUE(site) << site.error().to_string();
  ASSERT_TRUE(site->daemon);
  EXPECT_TRUE(parse_config(site_sample_toml(), "sample"));
}

// What the tables call the default is what an absent line gives: with every commented default
// switched on, the sample still is good and means the same.
TEST(SiteReference, EveryCommentedDefaultIsAccepted) {
  const auto plain = parse_site(site_sample_toml(), "sample");
  ASSERT_TRUE(plain);
  std::istringstream sample(site_sample_toml());
  std::string section, text;
  size_t tried = 0;
  for (std::string line; std::getline(sample, line);) {
    if (line.starts_with("[")) section = line;
    const bool option = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    const bool of_dataplane = section == "[dataplane]" || section == "[[interface]]";
    if (!option || of_dataplane) continue;
    if (line.starts_with("#srv-name")) continue;  // stands instead of servers
    const bool tls_only = line.find(" = \"/etc/") != std::string::npos ||
                          line.starts_with("#client-certificate") ||
                          line.starts_with("#ignore-expiry") || line.starts_with("#legacy") ||
                          line.starts_with("#tls-names");
    if (tls_only) continue;  // the sample's listener and origin are plain
    std::string whole = site_sample_toml();
    const std::string heading = "\n" + section + "\n";  // help texts name sections too
    whole.replace(whole.find(heading), heading.size(), heading + line.substr(1) + "\n");
    const auto site = parse_site(whole, "default");
    ASSERT_TRUE(site) << line << "\n" << site.error().to_string();
    ++tried;
    if (line.find("[\"") != std::string::npos) continue;  // an example, not the default
    EXPECT_EQ(site->daemon->centre.health.hold_down_ms, plain->daemon->centre.health.hold_down_ms);
    EXPECT_EQ(site->daemon->sip.call_budget_ms, plain->daemon->sip.call_budget_ms);
    EXPECT_EQ(site->daemon->media.hold_timeout_s, plain->daemon->media.hold_timeout_s);
    EXPECT_EQ(site->daemon->admin.listen, plain->daemon->admin.listen);
    EXPECT_EQ(site->daemon->dns.max_ttl_s, plain->daemon->dns.max_ttl_s);
    EXPECT_EQ(site->daemon->storage.max_calls, plain->daemon->storage.max_calls);
    const auto &now = *site->provision, &then = *plain->provision;
    EXPECT_EQ(now.provision.max_store_mib, then.provision.max_store_mib);
    EXPECT_EQ(now.provision.max_connections, then.provision.max_connections);
    EXPECT_EQ(now.listeners[0].port, then.listeners[0].port);
    EXPECT_EQ(now.origins[0].answer_ms, then.origins[0].answer_ms);
    EXPECT_EQ(now.origins[0].max_object_mib, then.origins[0].max_object_mib);
    EXPECT_EQ(now.origins[0].owner_check, then.origins[0].owner_check);
  }
  EXPECT_GT(tried, 40U);
}

}  // namespace
}  // namespace holdfast::config
