// SPDX-License-Identifier: Apache-2.0
// From the checked configuration to what the proxy and the media anchor want to be told. Pure.
#pragma once

#include "control/config/site_config.hh"
#include "control/daemon/keys.hh"
#include "sip/anchor/media_anchor.hh"
#include "sip/proxy/proxy_config.hh"

namespace holdfast::daemon {

sip::ProxyConfig proxy_config_of(const config::DaemonConfig& config, const Keys& keys);
sip::AnchorConfig anchor_config_of(const config::SiteConfig& site);

}  // namespace holdfast::daemon
