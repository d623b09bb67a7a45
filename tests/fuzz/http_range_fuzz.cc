// SPDX-License-Identifier: Apache-2.0
// Any text as a Range field, against any size, while the body arrives and after.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "provision-proxy/http/range.hh"

using namespace holdfast::provision;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

bool wanted(const RangeSet& ranges, uint64_t at, uint64_t size) {
  for (const RangeSpec& spec : ranges.specs()) {
    const bool suffix = spec.kind == RangeSpec::Kind::suffix;
    if (suffix ? size - at <= spec.last : at >= spec.first) {
      if (spec.kind != RangeSpec::Kind::closed || at <= spec.last) return true;
    }
  }
  return false;
}

void check(const RangeSet& ranges, const ResolvedRange& range, uint64_t size) {
  if (range.outcome == RangeOutcome::unsatisfiable) {
    must(size == 0 || (!wanted(ranges, 0, size) && !wanted(ranges, size - 1, size)));
    return;
  }
  if (range.outcome != RangeOutcome::partial) return;
  must(range.first <= range.last && range.last < size);
  // It begins and ends with bytes that were asked for, and leaves none out.
  must(wanted(ranges, range.first, size) && wanted(ranges, range.last, size));
  must(range.first == 0 || !wanted(ranges, range.first - 1, size));
  must(range.last == size - 1 || !wanted(ranges, range.last + 1, size));
  must(content_range(range.first, range.last, size).starts_with("bytes "));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint64_t total = 0, arrived = 0;
  if (size < 16) return 0;
  std::memcpy(&total, data, 8);
  std::memcpy(&arrived, data + 8, 8);
  const std::string text(reinterpret_cast<const char*>(data) + 16, size - 16);
  must(!if_range_holds(text, std::nullopt, std::nullopt, true));
  must(!if_range_holds(text, "W/" + text, "x" + text, true));
  const auto ranges = parse_range(text);
  if (!ranges) return 0;
  must(!ranges->specs().empty() && ranges->specs().size() <= kMaxRanges);
  for (const uint64_t whole : {total, total % 1024, uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
    const ResolvedRange late = resolve_range(*ranges, whole, 0);
    must(late.outcome != RangeOutcome::wait);
    check(*ranges, late, whole);
    const uint64_t have = whole == UINT64_MAX ? arrived : arrived % (whole + 1);
    const ResolvedRange early = resolve_range(*ranges, std::nullopt, have);
    if (early.outcome != RangeOutcome::wait) must(early == late);
  }
  return 0;
}
