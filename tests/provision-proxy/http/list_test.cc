// SPDX-License-Identifier: Apache-2.0
// Lists with quoted strings, directives, and words without case.
#include "provision-proxy/http/list.hh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::provision {
namespace {

std::vector<std::string> elements_of(std::string_view value) {
  std::vector<std::string> all;
  ListReader list(value);
  while (const auto element = list.next()) all.emplace_back(*element);
  return all;
}

TEST(List, Elements) {
  const struct {
    std::string name, value;
    std::vector<std::string> elements;
  } rows[] = {
      {"nothing", "", {}},
      {"9110-5.6.1 empty elements are passed over", " , ,\t,", {}},
      {"one", "a", {"a"}},
      {"blanks round", " a ,\tb\t", {"a", "b"}},
      {"9110-5.6.1.2 empty ones between", "a,,b, ,c,", {"a", "b", "c"}},
      {"9110-5.6.4 a comma in quotes", R"(x="a, b", c)", {R"(x="a, b")", "c"}},
      {"an escaped quote in quotes", R"(x="a\", b", c)", {R"(x="a\", b")", "c"}},
      {"quotes that do not end", R"(a, x="b, c)", {"a", R"(x="b, c)"}},
      {"a backslash at the end of quotes", "a, x=\"b\\", {"a", "x=\"b\\"}},
      {"a backslash outside of quotes", R"(a\,b)", {"a\\", "b"}},
      {"two quoted strings in one element", R"("a,""b,",c)", {R"("a,""b,")", "c"}},
  };
  for (const auto& row : rows) EXPECT_EQ(elements_of(row.value), row.elements) << row.name;
}

TEST(List, Directives) {
  const struct {
    std::string element, name, argument;
    bool has_argument, spaced;
  } rows[] = {
      {"no-store", "no-store", "", false, false},
      {"max-age=1", "max-age", "1", true, false},
      {"max-age=", "max-age", "", true, false},
      {"max-age =1", "max-age", "1", true, true},
      {"max-age= 1", "max-age", "1", true, true},
      {R"(a="b=c")", "a", R"("b=c")", true, false},
      {"=1", "", "1", true, false},
  };
  for (const auto& row : rows) {
    const Directive directive = split_directive(row.element);
    EXPECT_EQ(directive.name, row.name) << row.element;
    EXPECT_EQ(directive.argument, row.argument) << row.element;
    EXPECT_EQ(directive.has_argument, row.has_argument) << row.element;
    EXPECT_EQ(directive.spaced, row.spaced) << row.element;
  }
}

TEST(List, Unquote) {
  EXPECT_EQ(unquote("plain"), "plain");
  EXPECT_EQ(unquote(""), "");
  EXPECT_EQ(unquote(R"("")"), "");
  EXPECT_EQ(unquote(R"("a b")"), "a b");
  EXPECT_EQ(unquote(R"("a\"\\b")"), R"(a"\b)");
  EXPECT_EQ(unquote(R"("a)"), std::nullopt);
  EXPECT_EQ(unquote(R"("a\)"), std::nullopt);
  EXPECT_EQ(unquote(R"("a\")"), std::nullopt);
  EXPECT_EQ(unquote(R"("a"b)"), std::nullopt);
}

TEST(List, AllLinesOfAName) {
  Fields fields;
  fields.add("Vary", "Foo");
  fields.add("Other", "x");
  fields.add("vary", "");
  fields.add("VARY", "bar, *");
  std::string all;
  for_each_element(fields, "Vary", [&](std::string_view e) { all.append(e).append(";"); });
  EXPECT_EQ(all, "Foo;bar;*;");
  EXPECT_TRUE(has_element(fields, "Vary", "BAR"));
  EXPECT_TRUE(has_element(fields, "vary", "*"));
  EXPECT_FALSE(has_element(fields, "Vary", "x"));
  EXPECT_FALSE(has_element(fields, "Vary", ""));
}

}  // namespace
}  // namespace holdfast::provision
