// SPDX-License-Identifier: Apache-2.0
// A 206 beside a stored whole response (RFC 9111, 3.4): parts are never stored, but they tell
// whether the whole is still the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "provision-proxy/cache/stored_response.hh"
#include "provision-proxy/http/response_head.hh"

namespace holdfast::provision {

// "bytes 0-4/10": positions of the first and the last byte, and the whole length unless it is "*".
struct ContentRange {
  uint64_t first = 0;
  uint64_t last = 0;
  std::optional<uint64_t> complete;
};
// None if it is not one range of bytes, ends before it begins, or lies outside of the whole.
std::optional<ContentRange> parse_content_range(std::string_view value);

enum class PartEffect : uint8_t {
  none,      // says nothing about what is stored: no strong validator on either side
  same,      // a part of what is stored: updated_fields() with Update::all, answer from the store
  outdated,  // of another version: what is stored is no longer the current one
};
PartEffect part_effect(const StoredResponse& stored, uint64_t stored_bytes,
                       const ResponseHead& part);

}  // namespace holdfast::provision
