// SPDX-License-Identifier: Apache-2.0
// Reads Content-Range and compares parts with the whole.
#include "provision-proxy/cache/partial.hh"

#include "provision-proxy/http/text.hh"
#include "provision-proxy/http/validators.hh"

namespace holdfast::provision {

std::optional<ContentRange> parse_content_range(std::string_view value) {
  const size_t blank = value.find(' ');
  if (blank == std::string_view::npos || !same_word(value.substr(0, blank), "bytes"))
    return std::nullopt;
  const std::string_view range = value.substr(blank + 1);
  const size_t dash = range.find('-'), slash = range.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash)
    return std::nullopt;
  // What is too large to be a length is none: INT64_MAX is never reached by a true one.
  const auto number = [](std::string_view text) -> std::optional<uint64_t> {
    const auto digits = parse_digits(text, INT64_MAX);
    return digits && *digits < INT64_MAX ? std::optional(static_cast<uint64_t>(*digits))
                                         : std::nullopt;
  };
  const auto first = number(range.substr(0, dash));
  const auto last = number(range.substr(dash + 1, slash - dash - 1));
  if (!first || !last || *last < *first) return std::nullopt;
  const std::string_view whole = range.substr(slash + 1);
  if (whole == "*") return ContentRange{*first, *last, std::nullopt};
  const auto complete = number(whole);
  if (!complete || *last >= *complete) return std::nullopt;
  return ContentRange{*first, *last, complete};
}

PartEffect part_effect(const StoredResponse& stored, uint64_t stored_bytes,
                       const ResponseHead& part) {
  if (part.status != 206 || stored.status != 200) return PartEffect::none;
  const auto before = stored.fields->find("ETag"), now = part.fields.find("ETag");
  const auto old_tag = before ? parse_entity_tag(*before) : std::nullopt;
  const auto new_tag = now ? parse_entity_tag(*now) : std::nullopt;
  if (!old_tag || !new_tag || old_tag->weak || new_tag->weak) return PartEffect::none;
  if (old_tag->opaque != new_tag->opaque) return PartEffect::outdated;
  const auto range = part.fields.find("Content-Range");
  const auto parsed = range ? parse_content_range(*range) : std::nullopt;
  if (!parsed) return PartEffect::none;
  if (parsed->complete.value_or(stored_bytes) != stored_bytes || parsed->last >= stored_bytes)
    return PartEffect::outdated;
  return PartEffect::same;
}

}  // namespace holdfast::provision
