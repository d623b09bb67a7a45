// SPDX-License-Identifier: Apache-2.0
// Entity tags and dates as validators (RFC 9110, 8.8), and the conditions of a request on them
// (13).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "provision-proxy/http/fields.hh"

namespace holdfast::provision {

struct EntityTag {
  bool weak = false;
  std::string_view opaque;  // with its quotes, so that "" is not nothing
};

// A well-formed entity tag, alone in its text.
std::optional<EntityTag> parse_entity_tag(std::string_view text);

// Strong: both strong and the same. Weak: the same but for W/. A tag that is not well formed equals
// only what is written the same, and only weakly.
bool strongly_equal(std::string_view a, std::string_view b);
bool weakly_equal(std::string_view a, std::string_view b);

// Whether the lines of If-None-Match (or If-Match) in `request` name `etag`; "*" names any.
bool names_entity_tag(const Fields& request, std::string_view field, std::string_view etag,
                      bool strong);

// What the conditions for a 304 say about a response that is held. If-None-Match goes before
// If-Modified-Since, which is ignored if it is no date (13.1.3).
enum class Condition : uint8_t { none, modified, not_modified };

// `received` is when the response came: it stands in where it has neither Last-Modified nor Date
// (RFC 9111, 4.3.2). For GET and HEAD only.
Condition evaluate_condition(const Fields& request, const Fields& response, int64_t received,
                             int64_t now);

}  // namespace holdfast::provision
