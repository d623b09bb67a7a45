// SPDX-License-Identifier: Apache-2.0
// Range requests (RFC 9110 section 14): read a Range field, and settle it against a body that may
// still be arriving.
//
// Pure. Only for GET, and only after If-Range (RFC 9110 section 13.2.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "provision-proxy/http/request_limits.hh"

namespace holdfast::provision {

// One range-spec (RFC 9110 section 14.1.2). Positions above 2^64-1 are read as that.
struct RangeSpec {
  enum class Kind : uint8_t { closed, open, suffix };
  Kind kind = Kind::open;
  uint64_t first = 0;  // of `closed` and `open`
  uint64_t last = 0;   // of `closed`, inclusive; of `suffix` how many bytes

  friend bool operator==(const RangeSpec&, const RangeSpec&) = default;
};

class RangeSet {
 public:
  std::span<const RangeSpec> specs() const { return {specs_.data(), count_}; }

 private:
  friend std::optional<RangeSet> parse_range(std::string_view value);
  std::array<RangeSpec, kMaxRanges> specs_;
  size_t count_ = 0;
};

// Nothing: the field is to be ignored (section 14.2), as it has another unit than bytes, is no
// ranges-specifier, or asks for more than kMaxRanges ranges.
std::optional<RangeSet> parse_range(std::string_view value);

enum class RangeOutcome : uint8_t {
  whole,          // answer 200 with all of it
  partial,        // answer 206 with `first` to `last`
  unsatisfiable,  // answer 416
  wait,           // cannot be told yet: ask again when more is there, or answer with all of it
};

struct ResolvedRange {
  RangeOutcome outcome = RangeOutcome::whole;
  uint64_t first = 0, last = 0;  // of `partial`, inclusive

  friend bool operator==(const ResolvedRange&, const ResolvedRange&) = default;
};

// `size`: of the whole body, once it is known. `have`: how much of it has arrived.
//
// Several ranges are sorted and joined where they touch or overlap. If one remains it is served; if
// more remain the answer is the whole (section 14.2: "A server MAY ignore the Range header field"):
// no phone asks for scattered parts, and multipart answers are what range floods are made of. While
// the size is unknown, only closed ranges that have arrived can be served, with "/*" for the size.
ResolvedRange resolve_range(const RangeSet& ranges, std::optional<uint64_t> size, uint64_t have);

// The Content-Range of a 206 (section 14.4): "bytes 0-499/1234", without a size "bytes 0-499/*".
std::string content_range(uint64_t first, uint64_t last, std::optional<uint64_t> size);
// The one of a 416: "bytes */1234".
std::string content_range_unsatisfied(uint64_t size);

// Whether If-Range lets the Range field count (section 13.1.5): an entity tag must be the same by
// strong comparison, a date the same text as Last-Modified and that a strong validator (section
// 8.8.2.2: a second or more before the answer's Date), which the caller knows.
bool if_range_holds(std::string_view if_range, std::optional<std::string_view> etag,
                    std::optional<std::string_view> last_modified, bool last_modified_is_strong);

}  // namespace holdfast::provision
