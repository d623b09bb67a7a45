// SPDX-License-Identifier: Apache-2.0
// Reading, settling and printing of byte ranges.
#include "provision-proxy/http/range.hh"

#include <algorithm>

#include "provision-proxy/http/byte_class.hh"

namespace holdfast::provision {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// 1*DIGIT; what 64 bits cannot hold is their greatest (RFC 9110 section 8.6 warns of overflows).
std::optional<uint64_t> parse_position(std::string_view text) {
  if (text.empty()) return std::nullopt;
  uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
  }
  return number;
}

std::optional<RangeSpec> parse_spec(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view behind = text.substr(dash + 1);
  const auto last = parse_position(behind);
  if (!last && !behind.empty()) return std::nullopt;
  if (dash == 0) {
    if (!last) return std::nullopt;
    return RangeSpec{RangeSpec::Kind::suffix, 0, *last};
  }
  const auto first = parse_position(text.substr(0, dash));
  if (!first) return std::nullopt;
  if (!last) return RangeSpec{RangeSpec::Kind::open, *first, 0};
  if (*last < *first) return std::nullopt;  // "An int-range is invalid if ..."
  return RangeSpec{RangeSpec::Kind::closed, *first, *last};
}

// The bytes that `spec` selects of `size`; nothing if it is unsatisfiable. `size` is not 0.
std::optional<ResolvedRange> select(const RangeSpec& spec, uint64_t size) {
  uint64_t first = spec.first, last = size - 1;
  switch (spec.kind) {
    case RangeSpec::Kind::closed:
      last = std::min(last, spec.last);
      break;
    case RangeSpec::Kind::open:
      break;
    case RangeSpec::Kind::suffix:
      if (spec.last == 0) return std::nullopt;
      first = size - std::min(size, spec.last);
      break;
  }
  if (first >= size) return std::nullopt;
  return ResolvedRange{RangeOutcome::partial, first, last};
}

ResolvedRange resolve_sized(std::span<const RangeSpec> specs, uint64_t size) {
  std::array<ResolvedRange, kMaxRanges> selected;
  size_t count = 0;
  for (const RangeSpec& spec : specs) {
    // A suffix of nothing is all of nothing, which no Content-Range can say.
    if (size == 0 && spec.kind == RangeSpec::Kind::suffix && spec.last > 0)
      return {RangeOutcome::whole};
    if (size == 0) continue;
    if (const auto range = select(spec, size)) selected[count++] = *range;
  }
  if (count == 0) return {RangeOutcome::unsatisfiable};
  const auto all = std::span(selected).first(count);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  ResolvedRange joined = all[0];
  for (const ResolvedRange& range : all.subspan(1)) {
    if (range.first > joined.last + 1) return {RangeOutcome::whole};
    joined.last = std::max(joined.last, range.last);
  }
  return joined;
}

}  // namespace

std::optional<RangeSet> parse_range(std::string_view value) {
  const size_t equals = value.find('=');
  if (equals == std::string_view::npos || !same_text(value.substr(0, equals), "bytes"))
    return std::nullopt;
  RangeSet set;
  std::string_view rest = value.substr(equals + 1);
  for (bool more = true; more;) {
    const size_t comma = rest.find(',');
    const std::string_view element = trimmed(rest.substr(0, comma));
    more = comma != std::string_view::npos;
    rest = more ? rest.substr(comma + 1) : std::string_view();
    if (element.empty()) continue;  // RFC 9110 section 5.6.1.2
    const auto spec = parse_spec(element);
    if (!spec || set.count_ == kMaxRanges) return std::nullopt;
    set.specs_[set.count_++] = *spec;
  }
  if (set.count_ == 0) return std::nullopt;
  return set;
}

ResolvedRange resolve_range(const RangeSet& ranges, std::optional<uint64_t> size, uint64_t have) {
  if (size) return resolve_sized(ranges.specs(), *size);
  for (const RangeSpec& spec : ranges.specs())
    if (spec.kind != RangeSpec::Kind::closed || spec.last >= have) return {RangeOutcome::wait};
  return resolve_sized(ranges.specs(), have);
}

std::string content_range(uint64_t first, uint64_t last, std::optional<uint64_t> size) {
  std::string text = "bytes ";
  text.append(std::to_string(first)).append("-").append(std::to_string(last)).append("/");
  return text.append(size ? std::to_string(*size) : "*");
}

std::string content_range_unsatisfied(uint64_t size) {
  return std::string("bytes */").append(std::to_string(size));
}

bool if_range_holds(std::string_view if_range, std::optional<std::string_view> etag,
                    std::optional<std::string_view> last_modified, bool last_modified_is_strong) {
  if (if_range.empty()) return false;
  if (if_range.front() == '"')
    return if_range.size() >= 2 && if_range.back() == '"' && etag == if_range;
  // Weak tags never match strongly; what is neither is a date.
  if (if_range.substr(0, 2) == "W/") return false;
  return last_modified_is_strong && last_modified == if_range;
}

}  // namespace holdfast::provision
