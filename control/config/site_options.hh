// SPDX-License-Identifier: Apache-2.0
// The option tables of holdfastd's sections: one row for each option, as in dataplane/config.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/site_config.hh"
#include "dataplane/config/options.hh"
#include "provision-proxy/config/provision_options.hh"

namespace holdfast::config {

// The dial plan as read, with the lines that its judge's errors need.
struct DialPlanSection {
  sip::DialPlanConfig config;
  std::vector<uint32_t> emergency_lines, outbound_lines, inbound_lines;  // of each row
};

std::span<const Option<SipConfig>> sip_options();
std::span<const Option<SipListenerConfig>> sip_listener_options();
std::span<const Option<CentreConfig>> centre_options();
std::span<const Option<sip::Gateway>> gateway_options();
std::span<const Option<DialPlanSection>> dial_plan_options();
std::span<const Option<sip::PrefixRule>> prefix_rule_options();
std::span<const Option<MediaConfig>> media_options();
std::span<const Option<StorageConfig>> storage_options();
std::span<const Option<AdminConfig>> admin_options();

// "udp", "tcp", "tls", in the order of sip::Transport.
std::span<const std::string_view> transport_words();

// Longest path of a file that an option names.
inline constexpr size_t kMaxFilePath = 4096;

}  // namespace holdfast::config
