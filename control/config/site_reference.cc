// SPDX-License-Identifier: Apache-2.0
// Writes the reference page and the sample file of the whole configuration.
#include <algorithm>

#include "control/config/site_options.hh"
#include "dataplane/config/reference.hh"

namespace holdfast::config {
namespace {

struct SectionDoc {
  std::string_view heading;  // as it is written in the file
  std::string_view intro;
  std::vector<OptionDoc> options;
};

std::vector<SectionDoc> daemon_sections() {
  return {
      {"[sip]", "Once; may be left out.", docs_of(sip_options())},
      {"[[sip-listener]]",
       "1 to 16 of them: where SIP is taken. An inline box has one that faces the phones and one "
       "that faces the centre, a one-armed box one that faces both.",
       docs_of(sip_listener_options())},
      {"[centre]", "Once; required by holdfastd.", docs_of(centre_options())},
      {"[[gateway]]",
       "0 to 8 of them, in the order in which they are tried: the branch's own ways out.",
       docs_of(gateway_options())},
      {"[dial-plan]",
       "Once; may be left out when there is no gateway. What a number means while the centre is "
       "away; emergency numbers always.",
       docs_of(dial_plan_options())},
      {"[media]", "Once; may be left out.", docs_of(media_options())},
      {"[storage]", "Once; may be left out.", docs_of(storage_options())},
      {"[admin]", "Once; may be left out.", docs_of(admin_options())},
      {"[dns]", "Once; may be left out. holdfast-provision reads it too.", docs_of(dns_options())},
      {"[provision]",
       "Once; may be left out. This section and the four below are holdfast-provision's, which "
       "serves the phones their files; without any of them it does not start, and nothing else "
       "misses it.",
       docs_of(provision_options())},
      {"[[provision-listener]]", "1 to 16 of them: where phones fetch their files.",
       docs_of(provision_listener_options())},
      {"[[provision-tftp]]",
       "0 to 16 of them: where phones in recovery mode read the same files by TFTP. Nothing can be "
       "written.",
       docs_of(provision_tftp_options())},
      {"[[provision-origin]]", "1 to 8 of them: where the files come from.",
       docs_of(provision_origin_options())},
      {"[[provision-class]]",
       "0 to 64 of them, tried in this order before the built-in classes of files.",
       docs_of(provision_class_options())},
  };
}

// What the sample shows where the default does not stand for itself: its one interface faces all.
void suit_sample(SectionDoc& section) {
  for (auto& option : section.options) {
    if (section.heading == "[[sip-listener]]" && option.name == "faces") option.sample = "\"both\"";
  }
}

}  // namespace

std::string site_reference_markdown() {
  std::string page =
      "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
      "<!-- Written by holdfastd --print-reference; a test compares the two. -->\n"
      "# Configuration\n\n"
      "One TOML file for all daemons, read at start: `/etc/holdfast/holdfast.toml` unless told "
      "otherwise.\nholdfast-dataplane reads `[dataplane]` and `[[interface]]`, holdfast-provision "
      "these two, `[dns]` and its own\nsections, holdfastd all of it. Every option stands below; "
      "an option or section that is not here is an error, and\nso is a value out of its bounds. "
      "`holdfast check-config FILE` tells without starting anything. A\n"
      "[sample](holdfast.sample.toml) lies beside this page.\n\n";
  page += dataplane_reference_sections();
  for (const auto& section : daemon_sections()) {
    page.append("\n## ").append(section.heading).append("\n\n");
    page.append(section.intro).append("\n\n");
    add_option_table(page, section.options);
    if (section.heading != "[dial-plan]") continue;
    page += "\nA row of `outbound` and `inbound`:\n\n";
    add_option_table(page, docs_of(prefix_rule_options()));
  }
  return page;
}

std::string site_sample_toml() {
  std::string sample =
      "# SPDX-License-Identifier: Apache-2.0\n"
      "# A configuration of Holdfast with every option: a one-armed box, with one interface that "
      "faces all.\n# What is commented out is the default.\n\n";
  sample += dataplane_sample_sections();
  for (auto& section : daemon_sections()) {
    suit_sample(section);
    sample.append("\n").append(section.heading).append("\n");
    add_option_sample(sample, section.options);
  }
  return sample;
}

}  // namespace holdfast::config
