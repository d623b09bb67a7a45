// SPDX-License-Identifier: Apache-2.0
// Interfaces whose configuration lets SRTP protect little: for the log, doctor and check-config.
#pragma once

#include <string>
#include <vector>

#include "control/config/site_config.hh"
#include "media/srtp/sdes_terms.hh"

namespace holdfast::config {

struct SrtpWarning {
  std::string interface, why, todo;

  std::string to_string() const { return "interface " + interface + ": " + why + "; " + todo; }
};

// None without [centre]: then no SIP brings keys.
std::vector<SrtpWarning> srtp_warnings_of(const SiteConfig& site);

media::SrtpInterface srtp_of(const InterfaceConfig& interface);

}  // namespace holdfast::config
