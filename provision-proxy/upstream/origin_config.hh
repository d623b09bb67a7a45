// SPDX-License-Identifier: Apache-2.0
// An origin: where it is, how it is spoken to, and how much of it at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "provision-proxy/upstream/origin_health.hh"

namespace holdfast::provision {

struct OriginConfig {
  std::string label = "origin";  // for the log and the status
  bool tls = false;
  std::string host;  // a name, or an IPv4 or IPv6 literal without brackets
  uint16_t port = 8088;
  // The name in the certificate, and in SNI, if it is not `host`.
  std::string tls_name;
  std::string ca_file;                         // PEM; empty: the system's store
  std::string client_certificate, client_key;  // PEM files; empty: none

  uint8_t dscp = 8;  // CS1 (RFC 8622 says LE, which older switches do not know); 0-63
  size_t max_transfers = 64;
  size_t max_queued = 1024;
  std::chrono::milliseconds queue_timeout{10'000};
  std::chrono::seconds idle_connection{55};  // kept that long; servers close after 60 and more

  HealthOptions health;
  std::string probe_method = "HEAD", probe_target = "/";
};

}  // namespace holdfast::provision
