// SPDX-License-Identifier: Apache-2.0
// The SDP lines and attributes that anchoring reads.
#include "media/sdp_attributes.hh"

#include <algorithm>

#include "media/sdp_limits.hh"
#include "media/sdp_text.hh"

namespace holdfast::media {
namespace {

// What a DNS name may be made of; enough to keep anything odd out of logs and resolvers.
bool is_name(std::string_view host) {
  return !host.empty() && host.size() <= kMaxSdpHostBytes &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' ||
                  c == '.' || c == '_';
         });
}

// Digits and dots only: meant as an IPv4 address, so that 300.1.2.3 is not taken for a name.
bool looks_numeric(std::string_view host) {
  return std::all_of(host.begin(), host.end(),
                     [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

bool is_broadcast(const IpAddress& ip) {
  return ip.is_v4() && std::all_of(ip.bytes.begin(), ip.bytes.begin() + 4,
                                   [](uint8_t byte) { return byte == 255; });
}

}  // namespace

Result<SdpConnection, SdpReject> parse_connection(std::string_view value) {
  const std::string_view net = take_word(value);
  const std::string_view family = take_word(value);
  std::string_view host = take_word(value);
  const bool ip4 = same_word(family, "IP4");
  if (!same_word(net, "IN") || (!ip4 && !same_word(family, "IP6")) || !value.empty())
    return SdpReject::sdp_bad_address;
  if (const size_t slash = host.find('/'); slash != std::string_view::npos) {
    // A TTL or count belongs to multicast only; on a unicast address it is harmless.
    if (host.find_first_not_of("0123456789/", slash) != std::string_view::npos)
      return SdpReject::sdp_bad_address;
    host = host.substr(0, slash);
  }
  if (const auto ip = IpAddress::parse(host)) {
    if (ip->is_v4() != ip4) return SdpReject::sdp_bad_address;
    if (ip->is_multicast() || is_broadcast(*ip)) return SdpReject::sdp_multicast;
    return SdpConnection{*ip, host};
  }
  if (!is_name(host) || looks_numeric(host)) return SdpReject::sdp_bad_address;
  return SdpConnection{{}, host};
}

std::optional<SdpRtpmap> parse_rtpmap(std::string_view value) {
  const auto payload_type = parse_number<uint8_t>(take_word(value));
  const std::string_view format = take_word(value);
  const size_t slash = format.find('/');
  if (!payload_type || *payload_type > 127 || slash == std::string_view::npos) return std::nullopt;
  std::string_view clock = format.substr(slash + 1);
  clock = clock.substr(0, clock.find('/'));
  const auto hz = parse_number<uint32_t>(clock);
  if (!hz || *hz == 0 || *hz > 1'000'000) return std::nullopt;
  return SdpRtpmap{*payload_type, format.substr(0, slash), *hz};
}

Result<SdpRtcp, SdpReject> parse_rtcp_attribute(std::string_view value) {
  const auto port = parse_number<uint16_t>(take_word(value));
  if (!port) return SdpReject::sdp_bad_rtcp;
  if (value.empty()) return SdpRtcp{*port, {}};
  const auto connection = parse_connection(value);
  if (!connection) return SdpReject::sdp_bad_rtcp;
  return SdpRtcp{*port, connection->ip};
}

std::string_view name_of(SdpDirection direction) {
  switch (direction) {
    case SdpDirection::sendrecv:
      return "sendrecv";
    case SdpDirection::sendonly:
      return "sendonly";
    case SdpDirection::recvonly:
      return "recvonly";
    case SdpDirection::inactive:
      return "inactive";
  }
  return {};
}

std::optional<SdpDirection> direction_from(std::string_view attribute_name) {
  for (const auto direction : {SdpDirection::sendrecv, SdpDirection::sendonly,
                               SdpDirection::recvonly, SdpDirection::inactive})
    if (same_word(attribute_name, name_of(direction))) return direction;
  return std::nullopt;
}

bool leads_around_anchor(const SdpAttribute& attribute) {
  const std::string_view name = attribute.name;
  if (same_word(name.substr(0, 4), "ice-")) return true;
  for (const std::string_view other : {"candidate", "remote-candidates", "end-of-candidates", "alt",
                                       "altc", "ccap", "source-filter", "bundle-only"})
    if (same_word(name, other)) return true;
  std::string_view value = attribute.value;
  return same_word(name, "group") && same_word(take_word(value), "BUNDLE");
}

}  // namespace holdfast::media
