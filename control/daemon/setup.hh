// SPDX-License-Identifier: Apache-2.0
// From the checked configuration to what the proxy and the media anchor want to be told. Pure.
#pragma once

#include <string>
#include <vector>

#include "control/config/site_config.hh"
#include "control/daemon/keys.hh"
#include "sip/anchor/media_anchor.hh"
#include "sip/proxy/live_call.hh"
#include "sip/proxy/proxy_config.hh"

namespace holdfast::daemon {

sip::ProxyConfig proxy_config_of(const config::SiteConfig& site, const Keys& keys);
sip::AnchorConfig anchor_config_of(const config::SiteConfig& site);

// The calls of the anchor in the dataplane's list.
std::vector<sip::LiveCall> live_calls_of(const std::vector<control::CallReport>& listed);

}  // namespace holdfast::daemon
