// SPDX-License-Identifier: Apache-2.0
// The whole configuration file, the part of each daemon, as checked values.
//
// Start-up only. What load_site or parse_site returned is complete and consistent; nobody needs to
// check it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dns_client.hh"
#include "dataplane/config/config.hh"
#include "dataplane/config/host.hh"
#include "media/sdp_anchor.hh"
#include "provision-proxy/config/provision_config.hh"
#include "sip/binding_table.hh"
#include "sip/dial_plan.hh"
#include "sip/route_state.hh"
#include "sip/upstream_health.hh"

namespace holdfast::config {

inline constexpr size_t kMaxSipListeners = 16;  // sections
inline constexpr size_t kMaxGateways = sip::kMaxTargets;
inline constexpr size_t kMaxAliases = 16;
inline constexpr size_t kMaxTlsNames = 16;
inline constexpr sip::Transport kTransports[] = {sip::Transport::udp, sip::Transport::tcp,
                                                 sip::Transport::tls};

// Who talks to a listener. One-armed, one interface may face both.
enum class Faces : uint8_t { kPhones, kCentre, kBoth };
enum class AddressFamilies : uint8_t { kBoth, kIpv4, kIpv6 };

struct SipConfig {
  std::vector<std::string> aliases;  // names by which phones call us
  uint8_t dscp = 24;                 // 0 leaves SIP unmarked
  sip::RegisterMode register_mode = sip::RegisterMode::path;
  uint32_t call_budget_ms = 3000;
  uint32_t max_calls = 4096;
  uint32_t tcp_idle_s = 900;
  uint32_t survival_expiry_min_s = 60;
  uint32_t survival_expiry_max_s = 120;
};

struct SipListenerConfig {
  std::string interface;             // of an [[interface]]
  std::vector<IpAddress> addresses;  // the interface's media addresses unless set
  uint16_t port = 5060;              // UDP and TCP
  uint16_t tls_port = 5061;
  uint32_t transports = 3;  // bit mask by sip::Transport
  Faces faces = Faces::kPhones;
  std::string certificate, key, client_ca;  // PEM files, of TLS
  bool tls_legacy = false;

  bool has(sip::Transport transport) const {
    return (transports & (1U << static_cast<unsigned>(transport))) != 0;
  }
  uint16_t port_of(sip::Transport transport) const {
    return transport == sip::Transport::tls ? tls_port : port;
  }
};

struct CentreConfig {
  std::vector<HostPort> servers;  // these, or
  std::string srv_name;           // one SRV name: exactly one of the two
  std::string domain;
  std::string interface;
  sip::Transport transport = sip::Transport::udp;
  AddressFamilies families = AddressFamilies::kBoth;
  std::string ca;                      // PEM file, of TLS
  std::vector<std::string> tls_names;  // never empty once checked, if the transport is TLS
  bool tls_legacy = false;
  sip::HealthConfig health;
  sip::LinkLimits limits;  // of the WAN towards it
};

struct MediaConfig {
  media::MediaPolicy policy;
  uint32_t one_way_s = 10;         // nothing from one side, while the other sends; 0: never told
  uint32_t media_timeout_s = 90;   // without a packet in any direction; 0: never
  uint32_t hold_timeout_s = 7200;  // the same while the call is on hold
};

struct StorageConfig {
  std::string directory = "/var/lib/holdfast";
  uint32_t retention_days = 92;
  uint32_t max_calls = 1'000'000;

  std::string database() const { return directory + "/holdfast.db"; }
  std::string names() const { return directory + "/names.json"; }  // answers of DNS
};

struct AdminConfig {
  SocketAddress listen{IpAddress{4, {127, 0, 0, 1}}, 8070};
  std::string socket = "/run/holdfast/holdfastd.sock";
  bool allow_remote = false;
};

struct DaemonConfig {
  SipConfig sip;
  std::vector<SipListenerConfig> listeners;
  CentreConfig centre;
  std::vector<sip::Gateway> gateways;
  std::optional<sip::DialPlan> dial_plan;  // always there once checked
  MediaConfig media;
  StorageConfig storage;
  AdminConfig admin;
  DnsConfig dns;
};

struct SiteConfig {
  DataplaneConfig dataplane;
  // None when the file has no section of holdfastd: the dataplane alone can start on it.
  std::optional<DaemonConfig> daemon;
  // None when it has no section of holdfast-provision.
  std::optional<ProvisionSections> provision;
};

// The words of the file.
std::string_view to_string(Faces);
std::string_view to_string(AddressFamilies);

Result<SiteConfig, ConfigErrors> load_site(const std::string& path);
Result<SiteConfig, ConfigErrors> parse_site(std::string_view text, std::string_view name);

// docs/configuration.md and docs/holdfast.sample.toml. The sample is a valid configuration.
std::string site_reference_markdown();
std::string site_sample_toml();

}  // namespace holdfast::config
