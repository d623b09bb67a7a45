// SPDX-License-Identifier: Apache-2.0
// MAC addresses inside text: twelve hex digits, or six pairs with ':' or '-' between them, that are
// not a part of something longer.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "media/address.hh"

namespace holdfast::provision {

struct MacText {
  MacAddress mac;
  size_t begin = 0, end = 0;  // where it stands
  bool separated = false;     // with ':' or '-'
};

// The first MAC of a phone at or after `from`. Not taken: longer runs of hex digits, pairs that go
// on after the sixth, the tail of a GUID, group addresses, twelve zeros.
std::optional<MacText> mac_at(std::string_view text, size_t begin);  // the one that begins there
std::optional<MacText> find_mac(std::string_view text, size_t from = 0);

}  // namespace holdfast::provision
