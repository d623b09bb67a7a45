// SPDX-License-Identifier: Apache-2.0
// The words by which people set a link: units, settings, refusals.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "lab/link/rules.hh"
#include "lab/link/units.hh"

namespace holdfast::lab {
namespace {

TEST(LinkUnits, durations) {
  struct Row {
    const char* text;
    std::optional<int64_t> ns;
  };
  const std::vector<Row> rows{
      {"20ms", 20'000'000},
      {"1.5ms", 1'500'000},
      {"250us", 250'000},
      {"7ns", 7},
      {"2s", 2'000'000'000},
      {"60s", kMaxDuration_ns},
      {"0", 0},
      {"0ms", 0},
      {"60.1s", {}},
      {"20", {}},
      {"", {}},
      {"ms", {}},
      {"-1ms", {}},
      {"1e3ms", {}},
      {"1.2.3ms", {}},
      {"nan", {}},
      {"infs", {}},
      {"20 ms", {}},
      {"20msx", {}},
      {"0x10ms", {}},
      {"99999999999999999999999999s", {}},
      {".", {}},
      {"1h", {}},
  };
  for (const Row& row : rows) EXPECT_EQ(parse_duration_ns(row.text), row.ns) << row.text;
}

TEST(LinkUnits, probabilities) {
  EXPECT_EQ(parse_probability("100%"), 1.0);
  EXPECT_EQ(parse_probability("0"), 0.0);
  EXPECT_DOUBLE_EQ(parse_probability("2%").value_or(-1), 0.02);
  EXPECT_DOUBLE_EQ(parse_probability("0.1%").value_or(-1), 0.001);
  for (const char* bad : {"100.1%", "2", "-1%", "%", "2%%", "", "two%"}) {
    EXPECT_FALSE(parse_probability(bad)) << bad;
  }
}

TEST(LinkUnits, rates_and_counts) {
  EXPECT_EQ(parse_rate_bps("2mbit"), 2'000'000u);
  EXPECT_EQ(parse_rate_bps("64kbit"), 64'000u);
  EXPECT_EQ(parse_rate_bps("1.544mbit"), 1'544'000u);
  EXPECT_EQ(parse_rate_bps("1gbit"), 1'000'000'000u);
  EXPECT_EQ(parse_rate_bps("0"), 0u);
  for (const char* bad : {"2", "2Mbit", "101gbit", "0.1bit", "-2mbit", "mbit"}) {
    EXPECT_FALSE(parse_rate_bps(bad)) << bad;
  }
  EXPECT_EQ(parse_count("60", 100), 60u);
  for (const char* bad : {"101", "-1", "", "6x", "1.0", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_count(bad, 100)) << bad;
  }
}

TEST(LinkSettings, what_show_prints_can_be_set_again) {
  const std::vector<std::string> words{
      "delay=20ms",      "jitter=5ms",      "order=off",    "loss=2%",
      "loss-burst=2%:7", "duplicate=1%",    "reorder=0.5%", "reorder-by=10",
      "rate=1.544mbit",  "rate-queue=30ms", "cut=on",       "match=udp-even:20000-29999",
      "vlan-push=100:5", "vlan-pop=100"};
  Rules rules;
  ASSERT_EQ(apply_settings(rules, words), "");
  EXPECT_EQ(settings_text(rules), words);
  Rules again;
  ASSERT_EQ(apply_settings(again, settings_text(rules)), "");
  EXPECT_EQ(again, rules);
  EXPECT_TRUE(settings_text(Rules{}).empty());
  ASSERT_EQ(apply_settings(again, {"match=all", "vlan-push=off", "vlan-pop=off", "cut=off"}), "");
  EXPECT_FALSE(again.vlan_push || again.vlan_pop || again.cut);
  EXPECT_EQ(again.match, Match{});
}

TEST(LinkSettings, a_bad_word_is_named_and_changes_nothing) {
  const std::vector<std::string> bad{"los=2%",
                                     "loss",
                                     "loss=",
                                     "loss=2",
                                     "loss=200%",
                                     "delay=61s",
                                     "order=yes",
                                     "cut=1",
                                     "reorder-by=0",
                                     "reorder-by=1001",
                                     "match=tcp:1-2",
                                     "match=udp:5",
                                     "match=udp:9-5",
                                     "match=udp:1-70000",
                                     "match=udp-5",
                                     "vlan-push=0",
                                     "vlan-push=4095",
                                     "vlan-push=100:8",
                                     "vlan-push=100:",
                                     "vlan-pop=x",
                                     "loss-burst=91%",
                                     "loss-burst=2%:0",
                                     "loss-burst=2%:1001",
                                     "loss-burst=60%:1",
                                     "=",
                                     ""};
  for (const std::string& word : bad) {
    Rules rules;
    const std::string error = apply_settings(rules, {"delay=1ms", word});
    EXPECT_NE(error.find("'" + word.substr(0, word.find('='))), std::string::npos) << word;
    EXPECT_EQ(error.find('\n'), std::string::npos) << word;
    EXPECT_EQ(rules, Rules{}) << word;
  }
}

TEST(LinkSettings, help_names_every_setting) {
  const std::string help = settings_help();
  for (const char* name : {"delay=", "loss-burst=", "vlan-pop=", "match="}) {
    EXPECT_NE(help.find(name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace holdfast::lab
