// SPDX-License-Identifier: Apache-2.0
// Directives of Cache-Control: their forms, and what becomes of those that make no sense.
#include "provision-proxy/http/cache_control.hh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::provision {
namespace {

Fields lines(const std::vector<std::string>& values) {
  Fields fields;
  for (const std::string& value : values) fields.add("Cache-Control", value);
  return fields;
}

TEST(CacheControl, MaxAgeOfAResponse) {
  const struct {
    std::string name;
    std::vector<std::string> lines;
    std::optional<int64_t> max_age;
  } rows[] = {
      {"none", {"public"}, std::nullopt},
      {"9111-5.2.2.1", {"max-age=3600"}, 3600},
      {"among others", {"foobar, max-age=3600, baz"}, 3600},
      {"9111-5.2 names have no case", {"MaX-aGe=3600"}, 3600},
      {"9111-5.2 quoted", {R"(max-age="3600")"}, 3600},
      {"leading zeros", {"max-age=003600"}, 3600},
      {"9111-1.2.2 just below the most", {"max-age=2147483647"}, 2147483647},
      {"9111-1.2.2 the most", {"max-age=2147483648"}, kMaxDelta_s},
      {"9111-1.2.2 above", {"max-age=99999999999"}, kMaxDelta_s},
      {"above 64 bits", {"max-age=99999999999999999999999999"}, kMaxDelta_s},
      {"a word of the same end", {"x-max-age=3600"}, std::nullopt},
      {"in the quotes of another, before", {R"(extension="max-age=3600", max-age=1)"}, 1},
      {"in the quotes of another, behind", {R"(max-age=1, extension="max-age=3600")"}, 1},
      {"in quotes, quoted itself", {R"(extension="a, max-age=3600", max-age="1")"}, 1},
      {"9111-4.2.1 not a number: stale", {"max-age=a3600"}, 0},
      {"a letter behind", {"max-age=3600a"}, 0},
      {"negative", {"max-age=-3600"}, 0},
      {"a fraction", {"max-age=3600.0"}, 0},
      {"single quotes", {"max-age='3600'"}, 0},
      {"quotes that do not end", {"max-age=\"3600"}, 0},
      {"nothing", {"max-age="}, 0},
      {"no argument", {"max-age"}, 0},
      {"a blank before =", {"max-age =3600"}, 0},
      {"a blank behind =", {"max-age= 3600"}, 0},
      {"twice the same", {"max-age=5, max-age=5"}, 5},
      {"4.2.1 twice, not the same: stale", {"max-age=3600, max-age=1800"}, 0},
      {"on two lines", {"max-age=1", "max-age=1800"}, 0},
      {"three of them", {"max-age=0, max-age=7, max-age=7"}, 0},
  };
  for (const auto& row : rows)
    EXPECT_EQ(response_directives(lines(row.lines)).max_age, row.max_age) << row.name;
}

TEST(CacheControl, FlagsOfAResponse) {
  const auto d = response_directives(
      lines({"No-StOrE, public", "must-revalidate, proxy-revalidate, must-understand",
             "s-maxage=5, stale-while-revalidate=6, stale-if-error=7"}));
  EXPECT_TRUE(d.no_store && d.is_public && d.must_revalidate && d.proxy_revalidate);
  EXPECT_TRUE(d.must_understand);
  EXPECT_EQ(d.s_maxage, 5);
  EXPECT_EQ(d.stale_while_revalidate, 6);
  EXPECT_EQ(d.stale_if_error, 7);
  EXPECT_FALSE(d.no_cache || d.is_private);
  const auto none = response_directives(lines({"no_store, nostore, no-store-x, publicity"}));
  EXPECT_FALSE(none.no_store || none.is_public);
}

TEST(CacheControl, ForbiddingFlagsHoldWithAnArgument) {
  const auto d = response_directives(lines({"no-store=x, must-revalidate=1"}));
  EXPECT_TRUE(d.no_store && d.must_revalidate);
}

TEST(CacheControl, LeaveToServeStaleIsReadCarefully) {
  EXPECT_EQ(response_directives(lines({"stale-if-error"})).stale_if_error, 0);
  EXPECT_EQ(response_directives(lines({"stale-if-error=x"})).stale_if_error, 0);
  EXPECT_EQ(response_directives(lines({"stale-if-error=9, stale-if-error=4"})).stale_if_error, 4);
}

TEST(CacheControl, NamesOfNoCacheAndPrivate) {
  const struct {
    std::string name;
    std::vector<std::string> lines;
    bool whole;
    std::vector<std::string> fields;
  } rows[] = {
      {"9111-5.2.2.4 whole", {"X"}, true, {}},
      {"one name", {R"(X="a")"}, false, {"a"}},
      {"two names", {R"(X="a, Set-Cookie")"}, false, {"a", "Set-Cookie"}},
      {"as a token", {"X=a"}, false, {"a"}},
      {"names and the whole", {R"(X="a")", "X"}, true, {"a"}},
      {"no name in it: the whole", {R"(X="")"}, true, {}},
      {"not a name: the whole", {R"(X="a b")"}, true, {}},
      {"one that is not a name", {R"(X="a, b c")"}, true, {"a"}},
      {"one that is needed", {R"(X="a, Vary")"}, true, {"a"}},
      {"itself", {R"(X="cache-control")"}, true, {}},
      {"quotes that do not end: the whole", {R"(X="a)"}, true, {}},
      {"something behind the quotes", {R"(X="a"b)"}, true, {}},
  };
  for (const auto& row : rows) {
    for (const std::string directive : {"no-cache", "private"}) {
      std::vector<std::string> values;
      for (const std::string& line : row.lines) values.push_back(directive + line.substr(1));
      const auto d = response_directives(lines(values));
      const bool no_cache = directive == "no-cache";
      EXPECT_EQ(no_cache ? d.no_cache : d.is_private, row.whole) << row.name;
      EXPECT_EQ(no_cache ? d.no_cache_fields : d.private_fields, row.fields) << row.name;
    }
  }
}

TEST(CacheControl, OfARequest) {
  const auto d =
      request_directives(lines({"no-cache, No-Store, only-if-cached",
                                "max-age=1, min-fresh=2, max-stale=3, stale-if-error=4"}));
  EXPECT_TRUE(d.no_cache && d.no_store && d.only_if_cached);
  EXPECT_EQ(d.max_age, 1);
  EXPECT_EQ(d.min_fresh, 2);
  EXPECT_EQ(d.max_stale, 3);
  EXPECT_EQ(d.stale_if_error, 4);
  EXPECT_EQ(request_directives(lines({"max-stale"})).max_stale, kMaxDelta_s);
  EXPECT_EQ(request_directives(lines({"max-stale, max-stale=5"})).max_stale, 5);
  EXPECT_EQ(request_directives(lines({"max-stale=x"})).max_stale, 0);
  EXPECT_EQ(request_directives(lines({"min-fresh=x"})).min_fresh, kMaxDelta_s);
  EXPECT_EQ(request_directives(lines({"max-age=x"})).max_age, 0);
  EXPECT_EQ(request_directives(lines({"nothing-to-see-here"})).max_age, std::nullopt);
}

TEST(CacheControl, PragmaOnlyWithoutCacheControl) {  // RFC 9111, 5.4
  Fields fields;
  fields.add("Pragma", "foo");
  EXPECT_FALSE(request_directives(fields).no_cache);
  fields.add("Pragma", "x, No-Cache");
  EXPECT_TRUE(request_directives(fields).no_cache);
  fields.add("Cache-Control", "max-age=5");
  EXPECT_FALSE(request_directives(fields).no_cache);
}

}  // namespace
}  // namespace holdfast::provision
