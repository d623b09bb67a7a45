// SPDX-License-Identifier: Apache-2.0
// Entity tags and conditions.
#include "provision-proxy/http/validators.hh"

#include <gtest/gtest.h>

#include <string>

#include "provision-proxy/http/date.hh"

namespace holdfast::provision {
namespace {

constexpr int64_t kNow = 1764000000;

TEST(Validators, EntityTags) {
  EXPECT_TRUE(parse_entity_tag(R"("abc")"));
  EXPECT_TRUE(parse_entity_tag(R"("")"));
  EXPECT_TRUE(parse_entity_tag("\"abcdef\xfc\""));  // obs-text
  EXPECT_TRUE(parse_entity_tag(R"(W/"abc")")->weak);
  EXPECT_FALSE(parse_entity_tag(R"("abc")")->weak);
  for (const char* text : {"", "abc", "\"", "\"abc", "abc\"", "w/\"abc\"", "W\"abc\"", "W\\\"abc\"",
                           "W/", "W/abc", "\"a\"b\"", "\"a b\"", "*"})
    EXPECT_FALSE(parse_entity_tag(text)) << text;
}

TEST(Validators, Compare) {  // the table of RFC 9110, 8.8.3.2, and what is malformed
  const struct {
    std::string a, b;
    bool strong, weak;
  } rows[] = {
      {R"(W/"1")", R"(W/"1")", false, true},
      {R"(W/"1")", R"(W/"2")", false, false},
      {R"(W/"1")", R"("1")", false, true},
      {R"("1")", R"("1")", true, true},
      {R"("1")", "1", false, false},
      {"1", "1", false, true},
      {R"(w/"1")", R"(w/"1")", false, true},
      {R"(w/"1")", R"(W/"1")", false, false},
      {"", "", false, false},
      {R"("")", R"("")", true, true},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(strongly_equal(row.a, row.b), row.strong) << row.a << " " << row.b;
    EXPECT_EQ(weakly_equal(row.a, row.b), row.weak) << row.a << " " << row.b;
    EXPECT_EQ(weakly_equal(row.b, row.a), row.weak) << row.a << " " << row.b;
  }
}

TEST(Validators, ListsOfTags) {
  const struct {
    std::string name, list;
    bool weak, strong;
  } rows[] = {
      {"the one", R"("abc")", true, true},
      {"weak in the list", R"(W/"abc")", true, false},
      {"the first", R"("abc", "1", "2")", true, true},
      {"in the middle", R"("1", "abc", "2")", true, true},
      {"the last, without blanks", R"("1","2","abc")", true, true},
      {"empty elements", R"(,, "abc" ,)", true, true},
      {"any", "*", true, true},
      {"not there", R"("1", "2")", false, false},
      {"within another tag", R"("1,"abc"", "2)", false, false},
      {"a comma in a tag", R"("x,", "abc")", true, true},
      {"9110-8.8.3 a backslash escapes nothing", R"("x\", "abc")", true, true},
      {"quotes that do not end", R"("1", "abc)", false, false},
      {"unquoted", "abc", false, false},
      {"nothing", "", false, false},
      {"commas", ",,,", false, false},
      {"W/ alone", "W/, \"abc\"", true, true},
  };
  for (const auto& row : rows) {
    Fields request;
    request.add("If-None-Match", row.list);
    EXPECT_EQ(names_entity_tag(request, "If-None-Match", R"("abc")", false), row.weak) << row.name;
    EXPECT_EQ(names_entity_tag(request, "If-None-Match", R"("abc")", true), row.strong) << row.name;
  }
  Fields two;
  two.add("If-None-Match", R"("1")");
  two.add("if-none-match", R"("abc")");
  EXPECT_TRUE(names_entity_tag(two, "If-None-Match", R"("abc")", true));
  EXPECT_FALSE(names_entity_tag(two, "If-Match", R"("abc")", true));
}

TEST(Validators, Conditions) {
  using enum Condition;
  const std::string ago3000 = format_http_date(kNow - 3000);
  const std::string ago2000 = format_http_date(kNow - 2000);
  const std::string ago5000 = format_http_date(kNow - 5000);
  const struct {
    std::string name, none_match, since, etag, modified, date;
    Condition expected;
  } rows[] = {
      {"no condition", "", "", R"("a")", ago3000, "", none},
      {"9110-13.1.2 match", R"("a")", "", R"("a")", "", "", not_modified},
      {"9110-13.1.2 weakly", R"(W/"a")", "", R"("a")", "", "", not_modified},
      {"9110-13.1.2 no match", R"("b")", "", R"("a")", "", "", modified},
      {"9110-13.1.2 any", "*", "", "", "", "", not_modified},
      {"no tag is held", R"("b")", "", "", ago3000, "", modified},
      {"9110-13.1.3 the same", "", ago3000, "", ago3000, "", not_modified},
      {"9110-13.1.3 later", "", ago2000, "", ago3000, "", not_modified},
      {"9110-13.1.3 earlier", "", ago5000, "", ago3000, "", modified},
      {"9110-13.1.3 the tag goes first: match", R"("a")", ago5000, R"("a")", ago3000, "",
       not_modified},
      {"9110-13.1.3 the tag goes first: none", R"("b")", ago2000, R"("a")", ago3000, "", modified},
      {"9110-13.1.3 no date", "", "yesterday", "", ago3000, "", none},
      {"9111-4.3.2 by Date", "", ago2000, "", "", ago3000, not_modified},
      {"9111-4.3.2 by Date, newer", "", ago3000, "", "", ago2000, modified},
      {"9111-4.3.2 by the time it came", "", format_http_date(kNow), "", "", "", not_modified},
      {"9111-4.3.2 before it came", "", ago2000, "", "", "", modified},
      {"a Last-Modified that is no date", "", ago2000, "", "x", ago3000, modified},
      {"a Date that is none", "", ago2000, "", "", "x", modified},
  };
  for (const auto& row : rows) {
    Fields request, response;
    if (!row.none_match.empty()) request.add("If-None-Match", row.none_match);
    if (!row.since.empty()) request.add("If-Modified-Since", row.since);
    if (!row.etag.empty()) response.add("ETag", row.etag);
    if (!row.modified.empty()) response.add("Last-Modified", row.modified);
    if (!row.date.empty()) response.add("Date", row.date);
    EXPECT_EQ(evaluate_condition(request, response, kNow - 100, kNow), row.expected) << row.name;
  }
}

TEST(Validators, SinceInAnOldFormat) {
  Fields request, response;
  request.add("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT");
  response.add("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(evaluate_condition(request, response, kNow, kNow), Condition::not_modified);
  request.add("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT");  // two lines: ignored
  EXPECT_EQ(evaluate_condition(request, response, kNow, kNow), Condition::none);
}

}  // namespace
}  // namespace holdfast::provision
