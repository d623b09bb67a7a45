// SPDX-License-Identifier: Apache-2.0
// What a body is by its bytes.
#include "provision-proxy/phone/body_text.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

BodyText read(std::string_view text) {
  return read_body({text, text.size()});
}

TEST(BodyText, Shapes) {
  const struct {
    const char* what;
    std::string_view body;
    Shape shape;
  } rows[] = {
      {"nothing", "", Shape::blank},
      {"blanks", " \r\n\t", Shape::blank},
      {"zeros", std::string_view("\0\0\0", 3), Shape::blank},
      {"a zero inside", std::string_view("ab\0c", 4), Shape::bytes},
      {"controls", "\x01\x02\x03 text", Shape::bytes},
      {"Latin-1", "name=M\xfcller\n", Shape::lines},
      {"UTF-16", std::string_view("\xff\xfe<\0a\0", 6), Shape::opaque},
      {"XML", "<?xml version='1.0'?><a/>", Shape::xml},
      {"XML behind a mark", "\xef\xbb\xbf<a/>", Shape::xml},
      {"HTML", "<!doctype HTML>", Shape::html},
      {"HTML without a type", "  <HTML><body>", Shape::html},
      {"HTML behind a declaration", "<?xml version='1.0'?>\n<html xmlns='x'>", Shape::html},
      {"HTML behind a comment", "<!-- x --><head></head>", Shape::html},
      {"an element that begins like HTML", "<phtml/>", Shape::xml},
      {"JSON", "{ \"a\": 1}", Shape::json},
      {"empty JSON", "{}", Shape::json},
      {"lines", "a/b=1\nc.d = 2\n", Shape::lines},
      {"lines with sections and comments", "# x\n[ a ]\nb=1\n; y\n", Shape::lines},
      {"another vendor's lines", "user_name1!: 4711\nuser_pass1&: x\n", Shape::lines},
      {"prose", "Access denied: see your administrator.\n", Shape::text},
      {"prose with one equals sign", "a\nb\nc=1\n", Shape::text},
      {"PEM", "-----BEGIN CERTIFICATE-----\nMIIB\n", Shape::text},
  };
  for (const auto& row : rows) {
    const Shape shape = read(row.body).shape;
    EXPECT_EQ(shape, row.shape) << row.what << ": " << name_of(shape);
  }
}

TEST(BodyText, LinesAndTheirEnds) {
  const auto whole = read("# 24:9a:d8:1e:83:fa\na=1\nb=2\n# later\n");
  EXPECT_TRUE(whole.closed);
  ASSERT_EQ(whole.settings.size(), 2U);
  EXPECT_EQ(whole.comments.size(), 1U);
  const auto cut = read("[s]\na=1\nb");
  EXPECT_FALSE(cut.closed);
  EXPECT_EQ(cut.last_line, "b");
  EXPECT_EQ(cut.settings.at(0).scope, "s");
  EXPECT_TRUE(read("a=1\r").closed);
}

TEST(BodyText, OfALongBodyTheTailTellsWhetherItCloses) {
  const std::string_view head = "<a><b/>";
  EXPECT_TRUE(read_body({head, 5000000, "<b/></a>\n"}).closed);
  EXPECT_FALSE(read_body({head, 5000000, "<b/><b"}).closed);
  EXPECT_TRUE(read_body({"a=1\nb", 5000000, ""}).closed);
}

TEST(BodyText, Denials) {
  for (const char* text : {"Access denied", "\n 403 FORBIDDEN\n", "Error: 17", "{\"error\": 1}",
                           "Object moved to here"})
    EXPECT_TRUE(says_denied(text)) << text;
  for (const char* text : {"", "SIP 4.0.15", "terrors", "-----BEGIN CERTIFICATE-----"})
    EXPECT_FALSE(says_denied(text)) << text;
  EXPECT_FALSE(says_denied(std::string(300, '.') + "access denied"));
}

}  // namespace
}  // namespace holdfast::provision
