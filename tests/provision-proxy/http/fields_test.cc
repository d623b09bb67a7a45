// SPDX-License-Identifier: Apache-2.0
// Header fields: order, spelling, lines of one name, and values that try to be more than one line.
#include "provision-proxy/http/fields.hh"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::provision {
namespace {

Fields some() {
  Fields fields;
  fields.add("Server", "centre");
  fields.add("Set-Cookie", "a=b");
  fields.add("ETag", "\"1\"");
  fields.add("set-cookie", "c=d");
  return fields;
}

TEST(Fields, KeepsOrderAndSpelling) {
  EXPECT_EQ(some().text(),
            "Server: centre\r\nSet-Cookie: a=b\r\nETag: \"1\"\r\nset-cookie: c=d\r\n");
  EXPECT_EQ(Fields().text(), "");
}

TEST(Fields, FindsWithoutCase) {
  const Fields fields = some();
  EXPECT_EQ(fields.find("SET-COOKIE"), "a=b");  // the first
  EXPECT_EQ(fields.count("Set-cookie"), 2u);
  EXPECT_EQ(fields.combined("Set-Cookie"), "a=b, c=d");
  EXPECT_EQ(fields.find("Set-Cookie2"), std::nullopt);
  EXPECT_EQ(fields.combined("Cookie"), "");
  EXPECT_EQ(fields.count("etag"), 1u);
}

TEST(Fields, EmptyValuesCount) {
  Fields fields;
  fields.add("Vary", "");
  fields.add("Vary", "*");
  EXPECT_EQ(fields.find("Vary"), "");
  EXPECT_EQ(fields.combined("Vary"), ", *");
}

TEST(Fields, SetTakesThePlaceOfTheFirst) {
  Fields fields = some();
  fields.set("Set-Cookie", "e=f");
  EXPECT_EQ(fields.text(), "Server: centre\r\nSet-Cookie: e=f\r\nETag: \"1\"\r\n");
  fields.set("Age", "7");
  EXPECT_EQ(fields.at(3).name, "Age");
  EXPECT_EQ(fields.size(), 4u);
}

TEST(Fields, RemoveSaysHowMany) {
  Fields fields = some();
  EXPECT_EQ(fields.remove("SET-cookie"), 2u);
  EXPECT_EQ(fields.remove("Set-Cookie"), 0u);
  EXPECT_EQ(fields.text(), "Server: centre\r\nETag: \"1\"\r\n");
}

TEST(Fields, BlanksRoundAValueGo) {
  Fields fields;
  fields.add("A", " \t x y\t ");
  EXPECT_EQ(fields.find("A"), "x y");
}

TEST(Fields, NoValueBeginsALine) {  // RFC 9110, 5.5
  Fields fields;
  fields.add("A", "1\r\nSet-Cookie: evil");
  fields.add("B", std::string("x\0y\nz", 5));
  EXPECT_EQ(fields.text(), "A: 1  Set-Cookie: evil\r\nB: x y z\r\n");
}

TEST(Fields, WhatIsNoNameIsLeftOut) {
  Fields fields;
  for (const char* name : {"", "A B", "A:", "A\r\nB", "A\"", "\xc3\xa4"}) {
    fields.add(name, "1");
    fields.set(name, "1");
  }
  EXPECT_TRUE(fields.empty());
}

TEST(Fields, ItsOwnViewsMayBeGivenBack) {
  Fields fields;
  fields.add("A", std::string(40, 'x'));
  for (int i = 0; i < 64; ++i) {  // past every growth of the memory
    fields.set("B" + std::to_string(i), *fields.find("A"));
    fields.add(fields.at(0).name, fields.at(0).value);
  }
  for (const Field field : fields) EXPECT_EQ(field.value, std::string(40, 'x'));
}

TEST(Fields, ManyUpdatesDoNotPileUp) {
  Fields fields = some();
  const std::string value(1000, 'v');
  for (int i = 0; i < 10000; ++i) fields.set("ETag", value + std::to_string(i));
  EXPECT_EQ(fields.find("ETag"), value + "9999");
  EXPECT_EQ(fields.combined("Set-Cookie"), "a=b, c=d");
  for (int i = 0; i < 10000; ++i) {
    fields.add("X", value);
    fields.remove("X");
  }
  EXPECT_EQ(fields.size(), 4u);
}

TEST(Fields, CopiesAreIndependentAndCompare) {
  Fields fields = some();
  const Fields copy = fields;
  EXPECT_EQ(copy, fields);
  fields.set("Server", "other");
  EXPECT_NE(copy, fields);
  EXPECT_EQ(copy.find("Server"), "centre");
  const Fields moved = std::move(fields);
  EXPECT_EQ(moved.find("Server"), "other");
}

TEST(Fields, RemoveIf) {
  Fields fields = some();
  EXPECT_EQ(fields.remove_if([](const Field& f) { return f.value.size() == 3; }), 3u);
  EXPECT_EQ(fields.text(), "Server: centre\r\n");
}

}  // namespace
}  // namespace holdfast::provision
