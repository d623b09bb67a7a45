// SPDX-License-Identifier: Apache-2.0
// The configuration of holdfast-dataplane as checked values, and the reading of it from TOML.
//
// Start-up only: nothing here is called once packets flow. A DataplaneConfig that load_config or
// parse_config returned is complete and consistent; nobody needs to check it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/address.hh"
#include "media/result.hh"
#include "media/srtp/srtp_policy.hh"
#include "media/srtp/suite.hh"

namespace holdfast::config {

inline constexpr size_t kMaxInterfaces = 16;
inline constexpr size_t kMaxMediaAddresses = 8;     // of one interface
inline constexpr size_t kMaxStaticNeighbors = 256;  // of one interface
inline constexpr size_t kMaxCpus = 16;              // lcores: kMaxCores of the packet loop
inline constexpr uint32_t kMinLegsPerCpu = 2;       // a call's legs share an lcore
inline constexpr uint16_t kMaxMtuAfPacket = 1900;   // its ring's frames are 2048 bytes
inline constexpr uint16_t kMaxMtuAfXdp = 3500;      // a packet buffer with all around it is a page
inline constexpr size_t kMaxConfigBytes = 1024 * 1024;  // a larger file is not a configuration
inline constexpr size_t kMaxErrors = 20;                // the rest is summed up in one line

enum class HugePages : uint8_t { kAuto, kYes, kNo };
enum class Take : uint8_t { kShared, kOwned };
enum class Driver : uint8_t { kAfXdp, kAfPacket, kVirtioUser, kVhost, kMemif, kRing, kNull, kPci };

// RTP and RTCP on one port (RFC 5761): never; with endpoints that offer it; offered to them too.
enum class RtcpMux : uint8_t { kOff, kAnswer, kOffer };
// Who may send media to a leg: whoever does first, or only the address that SDP names.
enum class MediaSource : uint8_t { kLearn, kSdp };

// Drivers whose port is a UNIX socket that another program of this machine has the other end of.
constexpr bool on_socket(Driver driver) {
  return driver == Driver::kVirtioUser || driver == Driver::kVhost || driver == Driver::kMemif;
}

// Drivers whose port may have several pairs of queues.
constexpr bool has_queues(Driver driver) {
  return driver == Driver::kAfXdp || driver == Driver::kVirtioUser || driver == Driver::kVhost ||
         driver == Driver::kPci;
}

// The words of the configuration file ("af_xdp", "shared", ...).
std::string_view to_string(HugePages);
std::string_view to_string(Take);
std::string_view to_string(Driver);

struct StaticNeighbor {
  IpAddress address;
  MacAddress mac;
};

// UDP ports for media, both ends included. `first` is even and `last` is odd: RTP takes the even
// port of a pair, RTCP the odd one (RFC 3550 section 11).
struct PortRange {
  uint16_t first = 20000;
  uint16_t last = 29999;

  uint32_t pairs() const { return (uint32_t{last} - first + 1) / 2; }
  bool contains(uint16_t port) const { return port >= first && port <= last; }
};

// The DSCP that packets of a class get.
struct DscpRule {
  bool copy = false;  // the one that they came with
  uint8_t dscp = 0;   // else this one; 0 leaves them unmarked
  friend bool operator==(const DscpRule&, const DscpRule&) = default;
};

// A class of packets: which m= lines it stands for is in docs/marking.md.
struct ClassConfig {
  DscpRule dscp;
  uint8_t pcp = 0;  // 802.1p priority, with a VLAN only
};

struct InterfaceConfig {
  std::string name;  // [a-z0-9-]{1,11}, unique
  Take take = Take::kShared;
  Driver driver = Driver::kAfXdp;
  std::string device;  // netdev name, socket path or PCI address (0000:0a:00.0); empty: ring, null
  std::optional<MacAddress> mac;   // unicast; always set once checked for virtio_user and memif,
                                   // for vhost when the file sets it, never for the others
  uint32_t memif_id = 0;           // memif only: the interface of the server that is meant
  uint16_t queues = 1;             // pairs of queues of the device, at most one for each of cpus
  uint16_t vlan = 0;               // 802.1Q id, 0 untagged
  uint16_t mtu = 1500;             // bytes of an IP packet
  std::string tap;                 // exception tap, "hf-<name>" unless set; empty when shared
  uint32_t exception_pps = 20000;  // packets/s to and from the kernel through the tap
  uint32_t exception_mbps = 0;     // Mbit/s from the kernel through the tap; 0: half of the link
  std::vector<IpAddress> media_addresses;  // 1 to kMaxMediaAddresses, unique over all interfaces
  PortRange media_ports;
  std::vector<StaticNeighbor> static_neighbors;
  ClassConfig audio{{false, 46}, 5};
  ClassConfig video{{false, 34}, 4};
  ClassConfig fax{{false, 46}, 5};
  RtcpMux rtcp_mux = RtcpMux::kAnswer;  // this and the next are for who asks for legs here
  MediaSource media_source = MediaSource::kLearn;
  media::SrtpPolicy srtp = media::SrtpPolicy::pass_through;  // this and the next two are for SIP
  std::vector<media::SrtpSuite> srtp_suites = media::all_srtp_suites();  // in order of preference
  bool srtp_without_tls = false;
  std::optional<DscpRule> dscp_rtcp;  // none: that of the media that it is about
  std::optional<uint8_t> pcp_rtcp;

  // Legs that the ports of this interface hold: one pair a leg on each media address.
  size_t leg_capacity() const { return size_t{media_ports.pairs()} * media_addresses.size(); }
};

struct DataplaneConfig {
  std::string control_socket = "/run/holdfast/dataplane.sock";
  HugePages huge_pages = HugePages::kAuto;
  uint32_t memory_mib = 512;
  std::vector<uint16_t> cpus = {0};  // one lcore each, no number twice
  uint32_t max_legs = 4096;
  uint32_t port_rest_s = 60;                // of a media port between two calls
  uint32_t idle_sleep_us = 1000;            // longest nap of an lcore; 0 never sleeps
  std::string xdp_program;                  // empty: beside the binary
  std::vector<InterfaceConfig> interfaces;  // 1 to kMaxInterfaces, names unique

  const InterfaceConfig* find_interface(std::string_view name) const;
};

// One thing that is wrong with a configuration file.
struct ConfigError {
  std::string file;
  uint32_t line = 0;  // from 1; 0 when the file as a whole is meant
  std::string key;    // "interface.lan.vlan"; empty when no key is meant
  std::string what;   // what is wrong and how to mend it

  // file:line: key: what. Always one line: control characters of the file are escaped.
  std::string to_string() const;
};

// At least one error, in the order of the file, at most kMaxErrors and one that counts the rest.
struct ConfigErrors {
  std::vector<ConfigError> errors;

  std::string to_string() const;  // one line each, no newline at the end
};

// Reads `path`. An unreadable or oversize file is an error like any other.
Result<DataplaneConfig, ConfigErrors> load_config(const std::string& path);

// Reads TOML 1.0 text; `name` is what the errors call the file. Any bytes may be given.
Result<DataplaneConfig, ConfigErrors> parse_config(std::string_view text, std::string_view name);

// The dataplane's own part of the reference page and of the sample file, written from the option
// tables; docs/configuration.md and docs/holdfast.sample.toml have the sections of holdfastd too.
// The sample is a valid configuration.
std::string reference_markdown();
std::string sample_toml();

}  // namespace holdfast::config
