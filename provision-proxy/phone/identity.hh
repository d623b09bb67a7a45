// SPDX-License-Identifier: Apache-2.0
// Which phone asks: by its certificate, else by the MAC in the path, else by the MAC in the
// User-Agent; a protocol without User-Agents has the neighbour table in its place.
//
// Pure. An identity keeps one phone's files apart from another's, so what merely looks like a MAC
// (serial numbers, versions, GUIDs, build stamps) must not become one: phones of one model share
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/address.hh"

namespace holdfast::provision {

struct Identity {
  enum class Source : uint8_t { none, certificate, path, user_agent, neighbour };
  Source source = Source::none;
  std::string id;  // twelve lower-case hex digits; empty: nobody that we could name

  friend bool operator==(const Identity&, const Identity&) = default;
};
std::string_view name_of(Identity::Source source);

// `target` is the request's, with its query; percent-escapes are read as the origin reads them.
Identity identify(std::string_view target, std::string_view user_agent,
                  const std::optional<MacAddress>& certificate);

// For who says nothing of itself: the MAC behind its address, if one is known.
Identity identify_neighbour(const std::optional<MacAddress>& mac);

// The MACs that a target names, each once, in order, at most kMaxTargetMacs. The last one of the
// path is the file's; those of the query come first, since a path outweighs its query.
inline constexpr size_t kMaxTargetMacs = 8;
std::vector<std::string> macs_in_target(std::string_view target);
// The path, without the query, has a phone's MAC in it: the file is that phone's.
bool path_names_phone(std::string_view target);

// "FileTransport ... (SN:0004a11a1a1a) ...", "Yealink ... 24:9a:d8:1e:83:fa",
// "AUDC-IPPhone/... (420HD; 00908F3BBCBA)" and the like.
std::optional<std::string> mac_in_user_agent(std::string_view user_agent);

// A certificate's common name: the MAC, alone or among other words.
std::optional<MacAddress> mac_in_certificate_name(std::string_view common_name);

std::string id_of(const MacAddress& mac);               // twelve hex digits
std::optional<MacAddress> mac_of(std::string_view id);  // of twelve hex digits, any case
bool is_phone_mac(const MacAddress& mac);               // unicast, not all zero
std::string unescaped(std::string_view target);         // %41 -> A, once; wrong ones stay

}  // namespace holdfast::provision
