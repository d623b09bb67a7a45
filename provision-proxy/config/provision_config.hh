// SPDX-License-Identifier: Apache-2.0
// The sections of holdfast-provision in the one configuration file, as checked values.
//
// Start-up only. What load_provision or read_provision_sections returned without a fault is
// complete and consistent; nobody needs to check it again. Whether files that it names can be read
// is seen when they are used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dns_client.hh"
#include "dataplane/config/config.hh"
#include "dataplane/config/toml.hh"

namespace holdfast::config {

class Faults;

inline constexpr size_t kMaxProvisionListeners = 16;  // sections
inline constexpr size_t kMaxProvisionTftps = 16;
inline constexpr size_t kMaxProvisionOrigins = 8;
inline constexpr size_t kMaxProvisionClasses = 64;
inline constexpr uint16_t kProvisionHttpPort = 8088;
inline constexpr uint16_t kProvisionHttpsPort = 8089;
inline constexpr uint16_t kProvisionTftpPort = 69;
inline constexpr uint16_t kTftpOverheadBytes = 32;  // IPv4, UDP and TFTP in front of a block

enum class CacheProfile : uint8_t { kPhone, kRfc };
enum class StoreContract : uint8_t { kRfc, kAlways };
enum class StaleContract : uint8_t { kRfc, kOnUnreachable };
enum class ClientCertificate : uint8_t { kNone, kAsk, kRequire };
enum class OwnerCheck : uint8_t { kStrict, kNeighbourIfKnown, kOff };

// The words of the file.
std::string_view to_string(CacheProfile);
std::string_view to_string(StoreContract);
std::string_view to_string(StaleContract);
std::string_view to_string(ClientCertificate);
std::string_view to_string(OwnerCheck);

struct ProvisionConfig {
  std::string directory = "/var/lib/holdfast/provision";
  std::string socket = "/run/holdfast/provision.sock";
  uint32_t max_store_mib = 4096;
  uint32_t generations = 2;      // of each file, the current one included
  uint32_t max_upload_mib = 64;  // of uploads that wait for an origin
  uint32_t max_connections = 2048;
  uint32_t max_connections_per_address = 128;
  uint32_t request_s = 10, stall_s = 30;
  uint32_t bandwidth_kbit = 0;  // of all that is fetched; 0 no limit
  uint8_t dscp = 8;             // towards the origins; 0 leaves it unmarked
};

struct ProvisionListenerConfig {
  std::string interface;             // of an [[interface]]
  std::string device;                // of the kernel: only what comes in there; empty: any
  std::vector<IpAddress> addresses;  // the interface's media addresses unless set
  uint16_t port = kProvisionHttpPort;
  std::string origin;  // of a [[provision-origin]]
  bool tls = false;
  std::string certificate;  // PEM, with the chain behind it; the next four with tls only
  std::string key;          // PEM
  std::string client_ca;    // PEM: who signs the phones' certificates
  ClientCertificate client_certificate = ClientCertificate::kNone;
  bool ignore_expiry = false;
  bool legacy = false;  // TLS 1.0, 1.1 and old ciphers too
};

// Where the same files are read by TFTP.
struct ProvisionTftpConfig {
  std::string interface;             // of an [[interface]]
  std::string device;                // of the kernel: only what comes in there; empty: any
  std::vector<IpAddress> addresses;  // the interface's media addresses unless set
  uint16_t port = kProvisionTftpPort;
  std::string origin;  // of a [[provision-origin]]
  std::string root;    // "/folder" in front of every name; empty: none
  uint32_t max_transfers = 64;
  uint32_t max_transfers_per_address = 8;
  uint16_t max_block_bytes = 1468;  // what fits the interface's mtu unless set
  uint16_t max_window_blocks = 16;
  PortRange media_ports;  // of the interface: no transfer may take one
};

// The one place that an origin is: no other is ever asked.
struct ProvisionUrl {
  bool tls = false;
  std::string host;  // a name, or an address without brackets
  uint16_t port = 80;

  std::string to_string() const;
};

struct ProvisionOriginConfig {
  std::string name;
  ProvisionUrl url;
  CacheProfile profile = CacheProfile::kPhone;
  StoreContract store = StoreContract::kRfc;
  StaleContract serve_stale = StaleContract::kRfc;
  uint32_t answer_ms = 1500;     // request to the first byte of its answer
  uint32_t patience_ms = 15000;  // the same where nothing else could be given
  uint32_t connect_ms = 1000;    // of one address
  uint32_t stall_ms = 10000;     // between two bytes of a body
  uint32_t probe_s = 10;         // between two probes while it is away
  std::string ca;                // PEM; empty: the system's
  std::string client_certificate;
  std::string client_key;
  uint32_t revalidate_s = 60;  // a file without validators is fetched at most once in so long
  uint32_t max_object_mib = 512;
  OwnerCheck owner_check = OwnerCheck::kStrict;
  // Phones whose files one source may ask for without proof; 0 no limit; unless set 8, or 0 where
  // the owner check is off.
  std::optional<uint32_t> enumeration_limit;
};

// A row tried before the built-in classes of files. What it does not set, the built-in class says.
struct ProvisionClassConfig {
  std::string match;           // glob over the path
  std::optional<bool> shared;  // one file for all phones
  std::string kind;            // a word of provision_kinds(), or empty
  std::optional<uint32_t> revalidate_s;
};

// "config", "firmware", ...: what a file is, for what is plausible and what is evicted.
std::vector<std::string_view> provision_kinds();

struct ProvisionSections {
  ProvisionConfig provision;
  std::vector<ProvisionListenerConfig> listeners;
  std::vector<ProvisionTftpConfig> tftps;
  std::vector<ProvisionOriginConfig> origins;
  std::vector<ProvisionClassConfig> classes;

  const ProvisionOriginConfig* find_origin(std::string_view name) const;
};

// Reads and checks [provision], [[provision-listener]], [[provision-tftp]], [[provision-origin]],
// [[provision-class]]; none when the file has none of them.
std::optional<ProvisionSections> read_provision_sections(const TomlTable& document,
                                                         const DataplaneConfig& dataplane,
                                                         Faults& faults);

// What holdfast-provision reads of the file: its sections, [dns], and the names of the interfaces.
// Sections of holdfastd are left to it.
struct ProvisionFile {
  DataplaneConfig dataplane;
  ProvisionSections sections;
  DnsConfig dns;
};
Result<ProvisionFile, ConfigErrors> load_provision(const std::string& path);
// Whether the file can be read and has no section of holdfast-provision, which then is not needed.
bool serves_nothing(const std::string& path);
Result<ProvisionFile, ConfigErrors> parse_provision(std::string_view text, std::string_view name);

}  // namespace holdfast::config
