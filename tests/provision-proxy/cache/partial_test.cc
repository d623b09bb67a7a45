// SPDX-License-Identifier: Apache-2.0
// Content-Range, and parts beside a stored whole.
#include "provision-proxy/cache/partial.hh"

#include <gtest/gtest.h>

#include <string>

#include "tests/provision-proxy/cache/messages.hh"

namespace holdfast::provision {
namespace {

TEST(Partial, ContentRange) {
  const auto range = parse_content_range("bytes 4-9/10");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 4u);
  EXPECT_EQ(range->last, 9u);
  EXPECT_EQ(range->complete, 10u);
  EXPECT_EQ(parse_content_range("Bytes 0-0/*")->complete, std::nullopt);
  for (const char* text :
       {"", "bytes", "bytes 4-9", "bytes */10", "bytes 4-9/", "bytes 4-/10", "bytes -9/10",
        "bytes 9-4/10", "bytes 4-10/10", "bytes 4-9/10 ", "bytes=4-9/10", "bytes  4-9/10",
        "items 4-9/10", "bytes 4-9/10/11", "bytes 4/9-10", "bytes 4-9/-10", "bytes +4-9/10",
        "bytes 0-9/99999999999999999999", "bytes 99999999999999999999-99999999999999999999/*"})
    EXPECT_FALSE(parse_content_range(text)) << text;
}

TEST(Partial, PartsTellOfTheWhole) {
  const struct {
    std::string name, stored, part;
    PartEffect expected;
    int status = 206;
  } rows[] = {
      {"9111-3.4 the same strong tag", "ETag: \"1\"", "ETag: \"1\" | Content-Range: bytes 0-4/10",
       PartEffect::same},
      {"length unknown", "ETag: \"1\"", "ETag: \"1\" | Content-Range: bytes 0-9/*",
       PartEffect::same},
      {"another tag", "ETag: \"1\"", "ETag: \"2\" | Content-Range: bytes 0-4/10",
       PartEffect::outdated},
      {"another length", "ETag: \"1\"", "ETag: \"1\" | Content-Range: bytes 0-4/11",
       PartEffect::outdated},
      {"reaches behind the end", "ETag: \"1\"", "ETag: \"1\" | Content-Range: bytes 0-10/*",
       PartEffect::outdated},
      {"weak", "ETag: W/\"1\"", "ETag: W/\"1\" | Content-Range: bytes 0-4/10", PartEffect::none},
      {"no tags", "Last-Modified: @-9", "Last-Modified: @-9 | Content-Range: bytes 0-4/10",
       PartEffect::none},
      {"no range", "ETag: \"1\"", "ETag: \"1\"", PartEffect::none},
      {"several parts", "ETag: \"1\"", "ETag: \"1\" | Content-Type: multipart/byteranges",
       PartEffect::none},
      {"not a part", "ETag: \"1\"", "ETag: \"2\"", PartEffect::none, 200},
  };
  for (const auto& row : rows) {
    const Fields stored = fields_of(row.stored);
    EXPECT_EQ(
        part_effect({200, &stored, nullptr, kNow, kNow}, 10, response_of(row.status, row.part)),
        row.expected)
        << row.name;
  }
}

}  // namespace
}  // namespace holdfast::provision
