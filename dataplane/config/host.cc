// SPDX-License-Identifier: Apache-2.0
// Hosts as an operator writes them: names, addresses, with or without a port.
#include "dataplane/config/host.hh"

#include <algorithm>
#include <charconv>

#include "dataplane/config/options.hh"

namespace holdfast::config {
namespace {

constexpr size_t kMaxNameBytes = 253;  // RFC 1035 section 2.3.4, in text
constexpr size_t kMaxLabelBytes = 63;

bool is_label(std::string_view label) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  return !label.empty() && label.size() <= kMaxLabelBytes && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), good);
}

// A name whose last label has a letter: 10.0.0.300 is a mistyped address, not a name.
bool is_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  std::string_view label;
  for (std::string_view rest = name;;) {
    const auto dot = rest.find('.');
    label = rest.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  return std::any_of(label.begin(), label.end(), [](char c) { return c > '9'; });
}

std::optional<uint16_t> port_of(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

std::optional<std::string> check_host(std::string_view text) {
  if (IpAddress::parse(text) || is_name(text)) return std::nullopt;
  return quoted(text) + " is neither a host name nor an address";
}

std::string HostPort::to_string() const {
  if (literal) return SocketAddress{*literal, port}.to_string();
  return host + ":" + std::to_string(port);
}

std::optional<std::string> read_host_port(std::string_view text, HostPort& out) {
  HostPort read{{}, out.port, {}};
  std::string_view host = text;
  if (IpAddress::parse(text)) {  // an IPv6 address without brackets has colons of its own
  } else if (text.starts_with('[')) {
    const auto close = text.find(']');
    host = text.substr(1, close == std::string_view::npos ? close : close - 1);
    const auto rest = close == std::string_view::npos ? "?" : text.substr(close + 1);
    const auto port = rest.starts_with(':') ? port_of(rest.substr(1)) : std::nullopt;
    const auto ip = IpAddress::parse(host);
    if (!ip || !ip->is_v6() || (!rest.empty() && !port)) {
      return quoted(text) +
             " is not an address; write it like [2001:db8::10]:" + std::to_string(out.port);
    }
    if (port) read.port = *port;
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    const auto port = port_of(text.substr(colon + 1));
    if (!port) return quoted(text) + " has no port from 1 to 65535 behind the colon";
    read.port = *port;
    host = text.substr(0, colon);
  }
  if (auto wrong = check_host(host)) return wrong;
  read.host = host;
  read.literal = IpAddress::parse(host);
  out = std::move(read);
  return std::nullopt;
}

std::optional<std::string> read_address(const TomlValue& value, uint16_t port, SocketAddress& out) {
  std::string text;
  if (auto wrong = read_text(value, text, 64)) return wrong;
  if (const auto ip = IpAddress::parse(text)) {
    out = {*ip, port};
    return std::nullopt;
  }
  const auto address = SocketAddress::parse(text);
  if (!address || address->port == 0) {
    return quoted(text) + " is not an address with a port; write it like 198.18.1.20:5060 or " +
           "[2001:db8::20]:5060";
  }
  out = *address;
  return std::nullopt;
}

}  // namespace holdfast::config
