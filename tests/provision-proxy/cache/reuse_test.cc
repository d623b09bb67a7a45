// SPDX-License-Identifier: Apache-2.0
// Wishes of the request, and what may be served when nobody validates it.
#include "provision-proxy/cache/reuse.hh"

#include <gtest/gtest.h>

#include <string>

#include "tests/provision-proxy/cache/exchange.hh"

namespace holdfast::provision {
namespace {

using enum Outcome;

TEST(Reuse, WishesOfTheRequest) {
  const std::string hour = "Cache-Control: max-age=3600", etag = " | ETag: \"1\"";
  const struct {
    std::string name;
    Exchange exchange;
    Outcome expected;
  } rows[] = {
      {"none", {hour, 3, ""}, from_store},
      {"one that nobody knows",
       {hour, 3, "Cache-Control: nothing-to-see-here | Pragma: foo"},
       from_store},
      {"9111-5.2.1.1 max-age=0", {hour, 3, "Cache-Control: max-age=0"}, fetched},
      {"max-age=0 in the first second", {hour, 0, "Cache-Control: max-age=0"}, fetched},
      {"9111-5.2.1.1 older", {hour, 3, "Cache-Control: max-age=1"}, fetched},
      {"9111-5.2.1.1 as old", {hour, 3, "Cache-Control: max-age=3"}, from_store},
      {"9111-5.2.1.1 by Age", {hour + " | Age: 1800", 0, "Cache-Control: max-age=600"}, fetched},
      {"9111-5.2.1.2 max-stale",
       {"Cache-Control: max-age=1", 3, "Cache-Control: max-stale=1000"},
       from_store},
      {"9111-5.2.1.2 just",
       {"Cache-Control: max-age=1", 3, "Cache-Control: max-stale=2"},
       from_store},
      {"9111-5.2.1.2 too stale",
       {"Cache-Control: max-age=1", 3, "Cache-Control: max-stale=1"},
       fetched},
      {"9111-5.2.1.2 any",
       {"Cache-Control: max-age=1", 99999, "Cache-Control: max-stale"},
       from_store},
      {"9111-5.2.1.2 by Age",
       {"Cache-Control: max-age=1500 | Age: 2000", 0, "Cache-Control: max-stale=1000"},
       from_store},
      {"9111-5.2.2.2 goes before max-stale",
       {"Cache-Control: max-age=1, must-revalidate", 3, "Cache-Control: max-stale"},
       fetched},
      {"9111-5.2.2.10 goes before max-stale",
       {"Cache-Control: s-maxage=1", 3, "Cache-Control: max-stale"},
       fetched},
      {"9111-5.2.1.3 min-fresh",
       {"Cache-Control: max-age=1500", 0, "Cache-Control: min-fresh=2000"},
       fetched},
      {"9111-5.2.1.3 just",
       {"Cache-Control: max-age=1500", 3, "Cache-Control: min-fresh=1497"},
       from_store},
      {"9111-5.2.1.3 by Age",
       {"Cache-Control: max-age=1500 | Age: 1000", 0, "Cache-Control: min-fresh=1000"},
       fetched},
      {"9111-5.2.1.4 no-cache", {hour, 0, "Cache-Control: no-cache"}, fetched},
      {"9111-5.2.1.4 by date",
       {hour + " | Last-Modified: @-9", 0, "Cache-Control: no-cache"},
       asked_date},
      {"9111-5.2.1.4 by tag", {hour + etag, 0, "Cache-Control: no-cache"}, asked_etag},
      {"9111-5.4 Pragma", {hour + etag, 0, "Pragma: no-cache"}, asked_etag},
      {"9111-5.2.1.7 nothing is there",
       {"Cache-Control: no-store", 0, "Cache-Control: only-if-cached"},
       timeout},
      {"9111-5.2.1.7 fresh", {hour, 0, "Cache-Control: only-if-cached"}, from_store},
      {"9111-5.2.1.7 stale",
       {"Cache-Control: max-age=1", 3, "Cache-Control: only-if-cached"},
       timeout},
      {"9111-5.2.1.7 stale is allowed",
       {"Cache-Control: max-age=1", 3, "Cache-Control: only-if-cached, max-stale"},
       from_store},
      {"a cookie", {hour, 0, "Cookie: a=b"}, from_store},
      {"credentials, of an answer that nobody's were needed for",
       {hour, 0, "Authorization: x"},
       from_store},
      {"9110-13.1.1 is for the origin", {hour, 0, "If-Match: \"1\""}, fetched},
      {"9110-13.1.4 is for the origin", {hour, 0, "If-Unmodified-Since: @0"}, fetched},
  };
  for (const auto& row : rows) EXPECT_EQ(outcome_of(row.exchange), row.expected) << row.name;
}

TEST(Reuse, DirectivesOfTheResponse) {
  const std::string etag = " | ETag: \"1\"";
  const struct {
    std::string name;
    Exchange exchange;
    Outcome expected;
  } rows[] = {
      {"9111-5.2.2.4", {"Cache-Control: max-age=9999, No-CaChE | Expires: @9999"}, fetched},
      {"9111-5.2.2.4 is validated", {"Cache-Control: no-cache" + etag}, asked_etag},
      {"9111-5.2.2.4 and fresh", {"Cache-Control: max-age=9999, no-cache" + etag}, asked_etag},
      {"9111-5.2.2.4 of a field",
       {"Cache-Control: max-age=9999, no-cache=\"a\"" + etag},
       from_store},
      {"9111-5.2.2.2 fresh", {"Cache-Control: max-age=9999, must-revalidate" + etag}, from_store},
      {"9111-5.2.2.2 stale", {"Cache-Control: max-age=2, must-revalidate" + etag}, asked_etag},
      {"5861-3", {"Cache-Control: max-age=1, stale-while-revalidate=60" + etag}, behind},
      {"5861-3 too late",
       {"Cache-Control: max-age=1, stale-while-revalidate=60" + etag, 62},
       asked_etag},
      {"5861-3 not with must-revalidate",
       {"Cache-Control: max-age=1, must-revalidate, stale-while-revalidate=60" + etag},
       asked_etag},
      {"5861-3 nor with s-maxage",
       {"Cache-Control: s-maxage=1, stale-while-revalidate=60" + etag},
       asked_etag},
      {"a weak tag will do", {"Cache-Control: max-age=1 | ETag: W/\"1\""}, asked_etag},
      {"5.2.2.7 nothing private is there", {"Cache-Control: max-age=9, private" + etag}, fetched},
  };
  for (const auto& row : rows) EXPECT_EQ(outcome_of(row.exchange), row.expected) << row.name;
}

TEST(Reuse, StaleWhenNobodyValidates) {
  const struct {
    std::string name, response, request;
    int64_t pause_s;
    bool unreachable, error;
  } rows[] = {
      {"9111-4.2.4 disconnected", "Cache-Control: max-age=2", "", 99999, true, false},
      {"never fresh at all", "", "", 99999, true, false},
      {"even if the request says no-cache", "Cache-Control: max-age=2", "Cache-Control: no-cache",
       3, true, false},
      {"9111-5.2.2.2", "Cache-Control: max-age=2, must-revalidate", "", 3, false, false},
      {"9111-5.2.2.8", "Cache-Control: max-age=2, proxy-revalidate", "", 3, false, false},
      {"9111-5.2.2.4", "Cache-Control: max-age=2, no-cache", "", 3, false, false},
      {"9111-5.2.2.10", "Cache-Control: max-age=2, s-maxage=2", "", 3, false, false},
      {"no-cache of a field", "Cache-Control: max-age=2, no-cache=\"a\"", "", 3, true, false},
      {"5861-4", "Cache-Control: max-age=2, stale-if-error=60", "", 62, true, true},
      {"5861-4 too late", "Cache-Control: max-age=2, stale-if-error=60", "", 63, true, false},
      {"5861-4 of the request", "Cache-Control: max-age=2", "Cache-Control: stale-if-error=60", 3,
       true, true},
      {"5861-4 not with must-revalidate",
       "Cache-Control: max-age=2, stale-if-error=60, must-revalidate", "", 3, false, false},
      {"9111-5.2.1.2 the client takes it", "Cache-Control: max-age=2", "Cache-Control: max-stale=9",
       3, true, true},
      {"fresh, but the request wanted it new", "Cache-Control: max-age=99, stale-if-error=1",
       "Cache-Control: no-cache", 3, true, true},
      {"a 304 brought no-store", "Cache-Control: no-store", "", 3, false, false},
      {"a 304 brought private", "Cache-Control: private", "", 3, false, false},
  };
  for (const auto& row : rows) {
    const Fields fields = fields_of(row.response), request = fields_of(row.request);
    const StoredPolicy policy = policy_of({200, &fields, nullptr, kNow, kNow});
    const RequestDirectives wishes = request_directives(request);
    const int64_t now = kNow + row.pause_s;
    EXPECT_EQ(may_serve_stale(wishes, policy, Trouble::unreachable, now), row.unreachable)
        << row.name;
    EXPECT_EQ(may_serve_stale(wishes, policy, Trouble::error, now), row.error) << row.name;
  }
}

TEST(Reuse, TellsAgeAndLifetime) {
  const Fields fields = fields_of("Cache-Control: max-age=600 | Date: @0 | Age: 30 | A: 1");
  const Reuse reuse = decide({}, policy_of({200, &fields, nullptr, kNow, kNow}), kNow + 3);
  EXPECT_EQ(reuse.use, Use::fresh);
  EXPECT_EQ(reuse.age, 33);
  EXPECT_EQ(reuse.lifetime, 600);
  const Fields answer = answer_fields(fields, reuse.age);
  EXPECT_EQ(answer.find("Age"), "33");
  EXPECT_EQ(answer.find("Date"), fields.find("Date"));
  EXPECT_EQ(answer.size(), fields.size());
}

TEST(Reuse, WhatIsStoredAndShouldNotBeIsValidated) {
  for (const char* text :
       {"Cache-Control: max-age=9, no-store", "Cache-Control: max-age=9, private"}) {
    const Fields fields = fields_of(text);
    const StoredPolicy policy = policy_of({200, &fields, nullptr, kNow, kNow});
    EXPECT_EQ(decide({}, policy, kNow).use, Use::must_validate) << text;
  }
}

TEST(Reuse, WhichRequestsPass) {
  const Fields none;
  EXPECT_FALSE(must_pass({"GET", "/", none}));
  EXPECT_FALSE(must_pass({"HEAD", "/", none}));
  for (const char* method : {"POST", "PUT", "DELETE", "M-SEARCH", "OPTIONS", "get", ""})
    EXPECT_TRUE(must_pass({method, "/", none})) << method;
  for (const int status : {500, 502, 503, 504}) EXPECT_TRUE(is_error_status(status));
  for (const int status : {200, 404, 501, 505, 599}) EXPECT_FALSE(is_error_status(status));
}

}  // namespace
}  // namespace holdfast::provision
