// SPDX-License-Identifier: Apache-2.0
// The dataplane's part of the sample is a valid configuration of defaults.
#include <gtest/gtest.h>

#include <sstream>

#include "dataplane/config/config.hh"

namespace holdfast::config {
namespace {

TEST(Reference, SampleIsAValidConfigurationOfDefaults) {
  const auto config = parse_config(sample_toml(), "sample");
  ASSERT_TRUE(config) << config.error().to_string();
  EXPECT_EQ(config->memory_mib, DataplaneConfig{}.memory_mib);
  ASSERT_EQ(config->interfaces.size(), 1U);
  EXPECT_EQ(config->interfaces[0].audio.dscp, InterfaceConfig{}.audio.dscp);
}

// What the tables call the default is what an absent line gives.
TEST(Reference, EveryCommentedDefaultIsAccepted) {
  std::istringstream sample(sample_toml());
  for (std::string line; std::getline(sample, line);) {
    if (line.size() < 2 || line[0] != '#' || line[1] == ' ') continue;
    const std::string option = line.substr(1);
    const bool owned_only = option.starts_with("tap") || option.starts_with("exception-");
    const bool of_interface = sample_toml().find(line) > sample_toml().find("[[interface]]");
    std::string text = of_interface ? "" : "[dataplane]\n" + option + "\n";
    text += "[[interface]]\nname = \"a\"\nmedia-addresses = [\"198.18.0.1\"]\n";
    if (of_interface) text += option + "\n";
    if (owned_only) text += "take = \"owned\"\n";
    if (option.starts_with("mac")) {
      text += "take = \"owned\"\ndriver = \"virtio_user\"\ndevice = \"/run/v.sock\"\n";
    } else if (option.starts_with("memif-id")) {
      text += "take = \"owned\"\ndriver = \"memif\"\ndevice = \"/run/m.sock\"\n";
    } else {
      text += "device = \"eth0\"\n";
    }
    if (option.starts_with("pcp")) text += "vlan = 100\n";
    const auto config = parse_config(text, "default");
    EXPECT_TRUE(config) << text << config.error().to_string();
  }
}

}  // namespace
}  // namespace holdfast::config
