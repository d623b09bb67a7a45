// SPDX-License-Identifier: Apache-2.0
// Which file an attribute came from.
#include "provision-proxy/phonesim/attributes.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

constexpr const char* kFirst = "<a><reg reg.1.address=\"4711\" reg.1.auth.password=\"x\"/></a>";
// The administrator's guide has a file like this one, with a bare line between elements.
constexpr const char* kMiddle =
    "<mb><idle mb.home=\"x\"/>\nreg.1.address=\"blah\"\nmb.extra=\"1\"\n</mb>";
constexpr const char* kLast = "mb.home=y\nnetwork/vlan=100\n";

TEST(Attributes, TheFirstFileWins) {
  AttributeBook book(AttributeBook::Wins::first);
  book.add("/first.cfg", kFirst);
  book.add("/middle.cfg", kMiddle);
  book.add("/last.cfg", kLast);
  const auto& all = book.all();
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all[0].name, "reg.1.address");
  EXPECT_EQ(all[0].value, "4711");
  EXPECT_EQ(all[0].file, "/first.cfg");
  EXPECT_EQ(all[0].also, std::vector<std::string>{"/middle.cfg"});
  EXPECT_FALSE(all[0].secret);
  EXPECT_TRUE(all[1].secret);
  EXPECT_EQ(all[2].value, "x");
  EXPECT_EQ(all[3].name, "mb.extra");
  EXPECT_EQ(all[3].value, "1");
  EXPECT_EQ(all[4].file, "/last.cfg");
}

TEST(Attributes, OrTheLast) {
  AttributeBook book(AttributeBook::Wins::last);
  book.add("/middle.cfg", kMiddle);
  book.add("/last.cfg", kLast);
  const auto& home = book.all()[0];
  EXPECT_EQ(home.value, "y");
  EXPECT_EQ(home.file, "/last.cfg");
  EXPECT_EQ(home.also, std::vector<std::string>{"/middle.cfg"});
}

TEST(Attributes, TwiceInOneFileIsOneFile) {
  AttributeBook book(AttributeBook::Wins::first);
  book.add("/a.cfg", "a=1\na=2\n");
  ASSERT_EQ(book.all().size(), 1U);
  EXPECT_EQ(book.all()[0].value, "1");
  EXPECT_TRUE(book.all()[0].also.empty());
}

TEST(Attributes, WhatHasNoSettingsHasNoAttributes) {
  AttributeBook book(AttributeBook::Wins::first);
  book.add("/a.cfg", "<html><body a=\"1\"></html>");
  book.add("/b.cfg", "");
  book.add("/c.cfg", std::string_view("\x7f"
                                      "ELF\0\1",
                                      6));
  EXPECT_TRUE(book.all().empty());
}

TEST(Attributes, AreBounded) {
  AttributeBook book(AttributeBook::Wins::first);
  for (int file = 0; file < 3; ++file) {
    std::string lines;
    for (int i = 0; i < 40000; ++i)
      lines += "k" + std::to_string(file) + "." + std::to_string(i) + "=1\n";
    book.add("/f", lines);
  }
  EXPECT_EQ(book.all().size(), AttributeBook::kMaxAttributes);
}

}  // namespace
}  // namespace holdfast::provision
