// SPDX-License-Identifier: Apache-2.0
// Reads a list of addresses.
#include "dataplane/config/addresses.hh"

namespace holdfast::config {

std::optional<std::string> read_listen_addresses(const TomlValue& value,
                                                 std::vector<IpAddress>& out) {
  std::vector<std::string> texts;
  const auto check = [](std::string_view text) -> std::optional<std::string> {
    const auto ip = IpAddress::parse(text);
    if (ip && !ip->is_multicast() && !ip->is_unspecified()) return std::nullopt;
    return quoted(text) + " is no unicast IPv4 or IPv6 address";
  };
  if (auto wrong = read_texts(value, texts, kMaxListenAddresses, 64, check)) return wrong;
  if (texts.empty()) return "names no address; leave it out for those of the interface";
  out.clear();
  for (const auto& text : texts) out.push_back(*IpAddress::parse(text));
  return std::nullopt;
}

}  // namespace holdfast::config
