// SPDX-License-Identifier: Apache-2.0
// Range fields read, and settled against bodies that are whole or still arriving.
#include "provision-proxy/http/range.hh"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::provision {
namespace {

std::string described(const std::optional<RangeSet>& set) {
  if (!set) return "ignored";
  std::string text;
  for (const RangeSpec& spec : set->specs()) {
    if (!text.empty()) text += " ";
    if (spec.kind != RangeSpec::Kind::suffix) text += std::to_string(spec.first);
    text += "-";
    if (spec.kind != RangeSpec::Kind::open) text += std::to_string(spec.last);
  }
  return text;
}

TEST(Range, Parses) {
  const std::string max = "18446744073709551615";
  std::string sixteen = "bytes=0-0", sixteen_read = "0-0";
  for (size_t i = 1; i < kMaxRanges; ++i) {
    sixteen += ",0-0";
    sixteen_read += " 0-0";
  }
  const struct {
    std::string name, value, wanted;
  } rows[] = {
      {"14.1.2 closed", "bytes=0-499", "0-499"},
      {"14.1.2 open", "bytes=9500-", "9500-"},
      {"14.1.2 suffix", "bytes=-500", "-500"},
      {"14.1.2 one byte", "bytes=7-7", "7-7"},
      {"14.1 the unit is case-insensitive", "BYTES=0-1", "0-1"},
      {"14.1.2 several", "bytes=0-0,-1", "0-0 -1"},
      {"5.6.1 blanks round commas", "bytes=0-1 ,\t3-4", "0-1 3-4"},
      {"5.6.1.2 empty elements", "bytes=,0-1,,", "0-1"},
      {"8.6 2^64-1", "bytes=0-" + max, "0-" + max},
      {"8.6 above 2^64-1", "bytes=18446744073709551616-99999999999999999999999", max + "-" + max},
      {"8.6 leading zeros", "bytes=000000000000000000000000-001", "0-1"},
      {"as many as are read", sixteen, sixteen_read},

      {"more than are read", sixteen + ",0-0", "ignored"},
      {"14.1 another unit", "lines=0-1", "ignored"},
      {"14.1.1 no unit", "=0-1", "ignored"},
      {"14.1.1 no set", "bytes", "ignored"},
      {"14.1.1 empty set", "bytes=", "ignored"},
      {"14.1.1 only commas", "bytes=,,", "ignored"},
      {"14.1.1 blank before =", "bytes =0-1", "ignored"},
      {"14.1.2 last before first", "bytes=2-1", "ignored"},
      {"14.1.2 one bad, all bad", "bytes=0-1,2-1", "ignored"},
      {"14.1.2 no dash", "bytes=5", "ignored"},
      {"14.1.2 dash alone", "bytes=-", "ignored"},
      {"14.1.2 two dashes", "bytes=0--1", "ignored"},
      {"14.1.2 sign", "bytes=+0-1", "ignored"},
      {"14.1.2 hexadecimal", "bytes=0x0-1", "ignored"},
      {"14.1.2 inner blank", "bytes=0 - 1", "ignored"},
      {"14.1.2 something behind", "bytes=0-1;x", "ignored"},
      {"empty", "", "ignored"},
  };
  for (const auto& row : rows) EXPECT_EQ(described(parse_range(row.value)), row.wanted) << row.name;
}

std::string resolved(const std::string& value, std::optional<uint64_t> size, uint64_t have) {
  const auto set = parse_range(value);
  if (!set) return "ignored";
  const ResolvedRange range = resolve_range(*set, size, have);
  switch (range.outcome) {
    case RangeOutcome::whole:
      return "whole";
    case RangeOutcome::partial:
      return content_range(range.first, range.last, size);
    case RangeOutcome::unsatisfiable:
      return "unsatisfiable";
    case RangeOutcome::wait:
      return "wait";
  }
  return "";
}

TEST(Range, ResolvesAgainstAKnownSize) {
  const struct {
    std::string name, value;
    uint64_t size;
    std::string wanted;
  } rows[] = {
      {"the first part", "bytes=0-499", 1000, "bytes 0-499/1000"},
      {"a last position past the end", "bytes=500-5000", 1000, "bytes 500-999/1000"},
      {"a last position of 2^64-1", "bytes=0-18446744073709551615", 10, "bytes 0-9/10"},
      {"open", "bytes=999-", 1000, "bytes 999-999/1000"},
      {"all of it is a part as well", "bytes=0-", 1000, "bytes 0-999/1000"},
      {"suffix", "bytes=-1", 1000, "bytes 999-999/1000"},
      {"suffix longer than all", "bytes=-5000", 1000, "bytes 0-999/1000"},
      {"14.1.2 first past the end", "bytes=1000-", 1000, "unsatisfiable"},
      {"14.1.2 suffix of nothing", "bytes=-0", 1000, "unsatisfiable"},
      {"empty body, int-range", "bytes=0-", 0, "unsatisfiable"},
      {"empty body, suffix", "bytes=-5", 0, "whole"},
      {"empty body, both", "bytes=0-1,-5", 0, "whole"},
      {"several that overlap", "bytes=0-5,3-9", 1000, "bytes 0-9/1000"},
      {"several that touch", "bytes=0-5,6-9", 1000, "bytes 0-9/1000"},
      {"several in any order", "bytes=990-,0-500,400-995", 1000, "bytes 0-999/1000"},
      {"one within another", "bytes=0-99,10-19", 1000, "bytes 0-99/1000"},
      {"the unsatisfiable one is left out", "bytes=5000-,0-1", 1000, "bytes 0-1/1000"},
      {"all unsatisfiable", "bytes=5000-,6000-,-0", 1000, "unsatisfiable"},
      {"14.2 several apart", "bytes=0-0,2-2", 1000, "whole"},
      {"the greatest size", "bytes=-1,0-0", UINT64_MAX, "whole"},
      {"the greatest position", "bytes=18446744073709551614-", UINT64_MAX,
       "bytes 18446744073709551614-18446744073709551614/18446744073709551615"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(resolved(row.value, row.size, row.size), row.wanted) << row.name;
    // What has arrived plays no part when the size is known.
    EXPECT_EQ(resolved(row.value, row.size, 0), row.wanted) << row.name;
  }
}

TEST(Range, ResolvesWhileTheSizeIsUnknown) {
  const struct {
    std::string name, value;
    uint64_t have;
    std::string wanted;
  } rows[] = {
      {"14.4 arrived", "bytes=0-499", 500, "bytes 0-499/*"},
      {"one byte short", "bytes=0-499", 499, "wait"},
      {"nothing yet", "bytes=0-0", 0, "wait"},
      {"open: its end is not known", "bytes=0-", 500, "wait"},
      {"suffix: its start is not known", "bytes=-5", 500, "wait"},
      {"several, arrived, touching", "bytes=0-4,5-9", 10, "bytes 0-9/*"},
      {"several, one not arrived", "bytes=0-4,5-10", 10, "wait"},
      {"several apart", "bytes=0-1,5-6", 10, "whole"},
      {"2^64-1", "bytes=0-18446744073709551615", UINT64_MAX, "wait"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(resolved(row.value, std::nullopt, row.have), row.wanted) << row.name;
}

// What is served while the body arrives are the bytes that would be served of the whole.
TEST(Range, AnEarlyAnswerIsTheLateOne) {
  for (const char* value :
       {"bytes=0-4", "bytes=2-2", "bytes=0-1,2-6", "bytes=3-,0-1", "bytes=-3"}) {
    const auto set = parse_range(value);
    ASSERT_TRUE(set);
    for (uint64_t size = 0; size < 12; ++size)
      for (uint64_t have = 0; have <= size; ++have) {
        const ResolvedRange early = resolve_range(*set, std::nullopt, have);
        if (early.outcome == RangeOutcome::wait) continue;
        EXPECT_EQ(early, resolve_range(*set, size, have)) << value << " " << size << " " << have;
      }
  }
}

TEST(Range, PrintsAnUnsatisfiedContentRange) {
  EXPECT_EQ(content_range_unsatisfied(1234), "bytes */1234");
}

TEST(Range, IfRange) {
  const std::string date = "Sat, 29 Oct 1994 19:43:31 GMT";
  const struct {
    std::string name, if_range;
    std::optional<std::string> etag, last_modified;
    bool strong, wanted;
  } rows[] = {
      {"13.1.5 same tag", "\"a\"", "\"a\"", date, true, true},
      {"8.8.3.2 other tag", "\"a\"", "\"b\"", date, true, false},
      {"8.8.3.2 weak here", "W/\"a\"", "\"a\"", date, true, false},
      {"8.8.3.2 weak there", "\"a\"", "W/\"a\"", date, true, false},
      {"8.8.3.2 weak both", "W/\"a\"", "W/\"a\"", date, true, false},
      {"no tag there", "\"a\"", std::nullopt, date, true, false},
      {"half a tag", "\"", "\"", date, true, false},
      {"13.1.5 same date", date, "\"a\"", date, true, true},
      {"8.8.2.2 a weak date", date, "\"a\"", date, false, false},
      {"13.1.5 later date", "Sat, 29 Oct 1994 19:43:32 GMT", "\"a\"", date, true, false},
      {"no date there", date, "\"a\"", std::nullopt, true, false},
      {"a list", "\"a\", \"b\"", "\"a\"", date, true, false},
      {"empty", "", std::nullopt, "", true, false},
  };
  for (const auto& row : rows)
    EXPECT_EQ(if_range_holds(row.if_range, row.etag, row.last_modified, row.strong), row.wanted)
        << row.name;
}

}  // namespace
}  // namespace holdfast::provision
