// SPDX-License-Identifier: Apache-2.0
// Signs of bodies that break off.
#include "provision-proxy/phone/cut_off.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

using namespace std::string_view_literals;

BodyText read(std::string_view text) {
  return read_body({text, text.size()});
}

constexpr std::string_view kLines = "a=10\nb=20\nc=30\nd=40\ne=50\nf=60\ng=70\n";

TEST(CutOff, EveryCutOfLinesInsideALine) {
  const BodyText known = read(kLines);
  for (size_t size = 1; size < kLines.size(); ++size) {
    const bool at_a_line = kLines[size - 1] == '\n';
    EXPECT_EQ(lines_cut(read(kLines.substr(0, size)), &known), !at_a_line) << size;
  }
}

TEST(CutOff, LinesThatEndOtherwise) {
  const BodyText known = read(kLines);
  const struct {
    const char* what;
    std::string_view body;
    bool cut;
  } rows[] = {
      {"changed in front, cut in a value", "x=1\na=10\nb=2", true},
      {"changed in front, cut behind a value", "a=11\nb=20\nc=30", true},
      {"a new last line", "a=10\nb=20\nc=30\nd=40\ne=50\nf=60\ng=70\nh=80", false},
      {"another last value", "a=10\nb=20\nc=30\nd=40\ne=50\nf=60\ng=99", false},
      {"half a key", "a=10\nb=20\nc=30\nd=40\ne=51\nf", true},
      {"a comment last", "a=10\nb=20\nc=30\nd=40\ne=51\n# end", false},
      {"in another order", "g=70\nf=60\nb=20\na=10", false},
  };
  for (const auto& row : rows) EXPECT_EQ(lines_cut(read(row.body), &known), row.cut) << row.what;
  EXPECT_FALSE(lines_cut(read("a=1\nb=2"), nullptr));
  EXPECT_TRUE(lines_cut(read("a=1\nb=2\nc=3\nd=4\ne=5\nfff"), nullptr));
}

TEST(CutOff, EveryCutOfXml) {
  constexpr std::string_view kXml =
      "<?xml version=\"1.0\"?>\n<a b=\"1\">\n  <c d='2'/>\n  <e>text</e><!-- x -->\n</a>";
  const BodyText known = read(kXml);
  for (size_t size = 24; size < kXml.size(); ++size) {
    const BodyText cut = read(kXml.substr(0, size));
    EXPECT_EQ(xml_cut(cut, &known), cut.shape == Shape::xml) << size;
  }
  EXPECT_FALSE(xml_cut(known, &known));
  const BodyText open = read("<a><b>");
  EXPECT_FALSE(xml_cut(read("<a><b><c>"), &open));
  EXPECT_TRUE(xml_cut(read("<a><"), &open));
}

TEST(CutOff, Bytes) {
  const BodyView known{"\1\2\3\4"sv, 4};
  EXPECT_TRUE(bytes_cut({"\1\2\3"sv, 3}, &known));
  EXPECT_FALSE(bytes_cut({"\1\2\4"sv, 3}, &known));
  EXPECT_FALSE(bytes_cut({"\1\2\3\4"sv, 4}, &known));
  EXPECT_FALSE(bytes_cut({"\1\2\3\4\5"sv, 5}, &known));
  EXPECT_FALSE(bytes_cut({"\1\2\3"sv, 3}, nullptr));
  EXPECT_FALSE(bytes_cut({"\1\2"sv, 3}, &known));  // not all at hand
}

TEST(CutOff, Containers) {
  const struct {
    const char* what;
    BodyView body;
    bool cut;
  } rows[] = {
      {"a whole RIFF", {"RIFF\4\0\0\0WAVE"sv, 12}, false},
      {"a RIFF cut", {"RIFF\5\0\0\0WAVE"sv, 12}, true},
      {"a RIFF head", {"RIFF\5\0"sv, 6}, false},
      {"a whole PNG", {"\x89PNG....IEND...."sv, 16}, false},
      {"a PNG cut", {"\x89PNG....IDAT"sv, 12}, true},
      {"a long PNG by its tail", {"\x89PNG...."sv, 9000, "IEND...."sv}, false},
      {"a long PNG without its tail", {"\x89PNG...."sv, 9000}, false},
      {"a whole GIF", {"GIF89a;"sv, 7}, false},
      {"a GIF cut", {"GIF89a,"sv, 7}, true},
      {"a whole JPEG", {"\xff\xd8\xff\xe0..\xff\xd9"sv, 8}, false},
      {"a JPEG cut", {"\xff\xd8\xff\xe0..."sv, 7}, true},
      {"anything else", {"BM...."sv, 6}, false},
  };
  for (const auto& row : rows) EXPECT_EQ(container_cut(row.body), row.cut) << row.what;
}

}  // namespace
}  // namespace holdfast::provision
