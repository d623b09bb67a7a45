// SPDX-License-Identifier: Apache-2.0
// Copies options to where they are used.
#include "control/daemon/setup.hh"

#include <algorithm>
#include <filesystem>
#include <map>

#include "control/config/srtp_warnings.hh"
#include "media/srtp/trailer.hh"
#include "sip/anchor/stream_name.hh"

namespace holdfast::daemon {
namespace {

std::vector<sip::Listener> listeners_of(const config::DaemonConfig& config) {
  std::vector<sip::Listener> listeners;
  for (const auto& l : config.listeners) {
    for (const auto& ip : l.addresses) {
      for (const auto transport : config::kTransports) {
        if (!l.has(transport)) continue;
        listeners.push_back({l.interface,
                             {ip, l.port_of(transport)},
                             transport,
                             l.faces != config::Faces::kCentre});
      }
    }
  }
  return listeners;
}

sip::TlsConfig tls_of(const config::DaemonConfig& config) {
  sip::TlsConfig tls;
  for (const auto& l : config.listeners)
    if (l.has(sip::Transport::tls))
      tls.identities.push_back({l.interface, l.certificate, l.key, l.client_ca, l.tls_legacy});
  tls.ca = config.centre.ca;
  tls.legacy = config.centre.tls_legacy;
  tls.centre = config.centre.domain;
  tls.centre_names = config.centre.tls_names;
  for (const sip::Gateway& gateway : config.gateways)
    if (gateway.transport == sip::Transport::tls)
      tls.peers.push_back(
          {sip::tls_name_of(gateway), gateway.interface, gateway.ca, gateway.tls_names});
  return tls;
}

sip::MediaRules media_rules_of(const config::SiteConfig& site) {
  sip::MediaRules rules;
  rules.policy = site.daemon->media.policy;
  for (const auto& interface : site.dataplane.interfaces) {
    rules.srtp[interface.name] = config::srtp_of(interface);
    rules.addresses.insert(rules.addresses.end(), interface.media_addresses.begin(),
                           interface.media_addresses.end());
  }
  return rules;
}

uint32_t srtp_trailer_bytes_of(const control::LegReport& leg) {
  uint32_t most = 0;
  if (!leg.srtp) return most;
  for (const std::string* name : {&leg.srtp->in, &leg.srtp->out})
    if (const auto suite = media::srtp_suite_from(*name))
      most = std::max(most, media::trailer_bytes_of(*suite));
  return most;
}

}  // namespace

sip::ProxyConfig proxy_config_of(const config::SiteConfig& site, const Keys& keys) {
  const config::DaemonConfig& config = *site.daemon;
  sip::BindingConfig bindings;
  bindings.survival_expiry_min_s = config.sip.survival_expiry_min_s;
  bindings.survival_expiry_max_s = config.sip.survival_expiry_max_s;
  sip::RouteConfig route;
  route.listeners = listeners_of(config);
  route.aliases = config.sip.aliases;
  route.centre_domain = config.centre.domain;
  route.centre_interface = config.centre.interface;
  route.gateways = config.gateways;
  route.register_mode = config.sip.register_mode;
  route.keys = keys.tokens;
  route.branch_key = keys.branch;
  route.call_budget_ms = config.sip.call_budget_ms;
  route.centre_limits = config.centre.limits;
  route.media = media_rules_of(site);
  sip::ProxyLimits limits;
  limits.max_calls = config.sip.max_calls;
  limits.tcp_idle_ms = config.sip.tcp_idle_s * 1000;
  sip::ProxyConfig proxy(*config.dial_plan);
  proxy.route = std::move(route);
  proxy.health = config.centre.health;
  proxy.bindings = bindings;
  proxy.limits = limits;
  proxy.tls = tls_of(config);
  proxy.dscp = config.sip.dscp;
  return proxy;
}

sip::AnchorConfig anchor_config_of(const config::SiteConfig& site) {
  sip::AnchorConfig anchor;
  anchor.socket_path = site.dataplane.control_socket;
  anchor.offers_directory =
      std::filesystem::path(site.dataplane.control_socket).parent_path() / "offers";
  anchor.media = media_rules_of(site);
  for (const auto& interface : site.dataplane.interfaces) {
    sip::InterfaceRules& rules = anchor.rules[interface.name];
    rules.strict_source = interface.media_source == config::MediaSource::kSdp;
    switch (interface.rtcp_mux) {
      case config::RtcpMux::kOff:
        rules.rtcp_mux = sip::RtcpMux::off;
        break;
      case config::RtcpMux::kAnswer:
        rules.rtcp_mux = sip::RtcpMux::answer;
        break;
      case config::RtcpMux::kOffer:
        rules.rtcp_mux = sip::RtcpMux::offer;
        break;
    }
  }
  anchor.one_way_s = site.daemon->media.one_way_s;
  anchor.media_timeout_s = site.daemon->media.media_timeout_s;
  anchor.hold_timeout_s = site.daemon->media.hold_timeout_s;
  anchor.max_calls = site.daemon->sip.max_calls;
  return anchor;
}

std::vector<sip::LiveCall> live_calls_of(const std::vector<control::CallReport>& listed) {
  std::map<uint64_t, sip::LiveCall> calls;
  for (const auto& report : listed) {
    const auto name = sip::parse_stream_name(report.call);
    if (!name || report.legs.size() != 2) continue;
    sip::LiveCall& call = calls[name->call_key];
    call.call_key = name->call_key;
    sip::LiveCall::Stream stream;
    stream.media = name->media;
    for (size_t side = 0; side < 2; ++side) {
      const auto& leg = report.legs[side];
      const auto& known = leg.learned_source ? leg.learned_source : leg.remote;
      stream.ends[side] = {leg.interface, known ? known->ip : IpAddress{},
                           srtp_trailer_bytes_of(leg)};
    }
    call.streams.push_back(std::move(stream));
  }
  std::vector<sip::LiveCall> all;
  all.reserve(calls.size());
  for (auto& [key, call] : calls) all.push_back(std::move(call));
  return all;
}

}  // namespace holdfast::daemon
