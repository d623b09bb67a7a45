// SPDX-License-Identifier: Apache-2.0
// IPv4 and IPv6 addresses, and an address with a UDP port, as values: parse, print, compare.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// An IPv4 or IPv6 address in network byte order. Default constructed it is "none" (family 0).
struct IpAddress {
  uint8_t family = 0;               // 0 none, 4 or 6
  std::array<uint8_t, 16> bytes{};  // IPv4 uses the first four, the rest is zero

  static IpAddress v4(const uint8_t* four_bytes);
  static IpAddress v6(const uint8_t* sixteen_bytes);
  // Accepts what inet_pton accepts: dotted quad or RFC 4291 text, no brackets, no zone, no name.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const { return family == 4; }
  bool is_v6() const { return family == 6; }
  bool is_none() const { return family == 0; }
  bool is_multicast() const;
  bool is_unspecified() const;
  size_t size() const { return is_v4() ? 4 : is_v6() ? 16 : 0; }
  std::string to_string() const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

// An address and a UDP port (host byte order). Printed as 198.18.1.10:4000 or [2001:db8::10]:4000.
struct SocketAddress {
  IpAddress ip;
  uint16_t port = 0;

  static std::optional<SocketAddress> parse(std::string_view text);
  bool is_none() const { return ip.is_none(); }
  std::string to_string() const;

  friend bool operator==(const SocketAddress&, const SocketAddress&) = default;
  friend auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

// An Ethernet address.
struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  static std::optional<MacAddress> parse(std::string_view text);  // 02:00:00:00:00:01
  std::string to_string() const;
  friend bool operator==(const MacAddress&, const MacAddress&) = default;
};

}  // namespace holdfast
