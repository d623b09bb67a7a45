// SPDX-License-Identifier: Apache-2.0
// Whether XML closes, malformed XML included, and the settings in it.
#include "provision-proxy/phone/xml_scan.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

TEST(XmlScan, Closes) {
  const struct {
    const char* what;
    const char* text;
    bool closed;
    bool odd;
  } rows[] = {
      {"an empty root", "<a/>", true, false},
      {"declaration, comment, DOCTYPE", "<?xml version='1.0'?><!-- <b> --><!DOCTYPE a><a></a>",
       true, false},
      {"a DOCTYPE with a subset", "<!DOCTYPE a [<!ENTITY x \"y\">]><a></a>", true, false},
      {"CDATA", "<a><![CDATA[</a]]></a>", true, false},
      {"a larger-than sign in a value", "<a b=\"x>y\"></a>", true, false},
      {"single quotes", "<a b='<'></a>", true, true},
      {"no end tag", "<a><b></b>", false, false},
      {"cut in a name", "<a><b></b></", false, false},
      {"cut in an end tag", "<a></a", false, false},
      {"cut in a value", "<a b=\"x", false, false},
      {"cut in a tag", "<a b=\"x\" ", false, false},
      {"cut in a comment", "<a></a><!-- x", false, false},
      {"cut in CDATA", "<a><![CDATA[", false, false},
      {"cut at a bracket", "<a><", false, true},
      {"tags that cross, closed", "<a><b><c></b></c></a>", true, true},
      {"tags that cross, cut", "<a><b><c></b></c>", false, true},
      {"a quote is missing, closed", "<a b=\"x><c d=\"y\"/></a>", true, true},
      {"bare attributes", "<a b c=d></a>", true, true},
      {"text and a comment behind", "<a></a>\n<!-- x -->\n", true, false},
      {"an inner element named as the root, cut", "<a><b/><a></a>", false, false},
      {"no element", "<!-- x -->", false, false},
      {"nothing", "", false, false},
      {"a bracket among text", "<a>1 < 2</a>", true, true},
  };
  for (const auto& row : rows) {
    const XmlScan scan = scan_xml(row.text);
    EXPECT_EQ(scan.closed, row.closed) << row.what;
    EXPECT_EQ(scan.odd, row.odd) << row.what;
  }
}

TEST(XmlScan, Settings) {
  const auto scan = scan_xml(
      "<cfg><!-- note --><reg reg.1.address=\"4711\" x='1'/><line><user> 4711 "
      "</user></line></cfg>");
  ASSERT_EQ(scan.settings.size(), 3U);
  EXPECT_EQ(scan.root, "cfg");
  EXPECT_EQ(scan.settings[0].scope, "reg");
  EXPECT_EQ(scan.settings[0].key, "reg.1.address");
  EXPECT_EQ(scan.settings[0].value, "4711");
  EXPECT_EQ(scan.settings[2].scope, "line");
  EXPECT_EQ(scan.settings[2].key, "user");
  EXPECT_EQ(scan.settings[2].value, "4711");
  ASSERT_EQ(scan.comments.size(), 1U);
  EXPECT_EQ(scan.comments[0], " note ");
}

TEST(XmlScan, IsBounded) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "<a>";
  EXPECT_TRUE(scan_xml(deep).odd);
  std::string many = "<a ";
  for (size_t i = 0; i < kMaxSettings + 10; ++i) many += "b='' ";
  EXPECT_EQ(scan_xml(many + "/>").settings.size(), kMaxSettings);
  EXPECT_FALSE(scan_xml(std::string(200000, '<')).closed);
}

TEST(XmlScan, EndsWithRoot) {
  EXPECT_TRUE(ends_with_root("...</mb>\r\n", "mb"));
  EXPECT_TRUE(ends_with_root("<mb x=\"1\"/>", "mb"));
  EXPECT_TRUE(ends_with_root("</mb ><!-- x -->", "mb"));
  EXPECT_FALSE(ends_with_root("</nb>", "mb"));
  EXPECT_FALSE(ends_with_root("</mb", "mb"));
  EXPECT_FALSE(ends_with_root("-->", "mb"));
  EXPECT_FALSE(ends_with_root("", ""));
}

}  // namespace
}  // namespace holdfast::provision
