// SPDX-License-Identifier: Apache-2.0
// Looks at policies of SRTP and the transports of SIP beside them.
#include "control/config/srtp_warnings.hh"

#include <algorithm>
#include <cctype>

namespace holdfast::config {
namespace {

// Transports of SIP at the interface over which keys of SRTP may be told, or may not: "UDP and
// TCP".
std::string transports_at(const DaemonConfig& config, const InterfaceConfig& interface,
                          bool may_tell_keys) {
  const media::SrtpInterface srtp = srtp_of(interface);
  std::string names;
  for (const auto transport : kTransports) {
    const bool taken =
        std::any_of(config.listeners.begin(), config.listeners.end(), [&](const auto& listener) {
          return listener.interface == interface.name && listener.has(transport);
        });
    if (!taken || srtp.rules(transport == sip::Transport::tls).may_tell_keys != may_tell_keys)
      continue;
    names += names.empty() ? "" : " and ";
    for (const char c : sip::name_of(transport)) names += static_cast<char>(std::toupper(c));
  }
  return names;
}

}  // namespace

media::SrtpInterface srtp_of(const InterfaceConfig& interface) {
  return {interface.srtp, interface.srtp_suites, interface.srtp_without_tls};
}

std::vector<SrtpWarning> srtp_warnings_of(const SiteConfig& site) {
  std::vector<SrtpWarning> warnings, open;
  if (!site.daemon) return warnings;
  bool keys_come = false;
  for (const auto& interface : site.dataplane.interfaces) {
    if (interface.srtp_without_tls)
      warnings.push_back({interface.name,
                          "srtp-without-tls is on: keys are told over SIP that is not "
                          "encrypted, and whoever reads it can listen",
                          "have SIP over TLS there, and set it to false"});
    if (interface.srtp != media::SrtpPolicy::pass_through) continue;
    const bool told = !transports_at(*site.daemon, interface, true).empty();
    keys_come |= told;
    const std::string plain = transports_at(*site.daemon, interface, false);
    if (plain.empty()) continue;
    open.push_back({interface.name,
                    "srtp is pass-through, and SIP over " + plain + " is taken there" +
                        (told ? " too" : "") +
                        ": it is told no keys that come over TLS, and such calls are plain RTP, "
                        "or refused with RTP/SAVP alone (srtp_needs_tls)",
                    "where all speak TLS, have transports = [\"tls\"] in its [[sip-listener]]"});
  }
  if (keys_come) warnings.insert(warnings.end(), open.begin(), open.end());
  return warnings;
}

}  // namespace holdfast::config
