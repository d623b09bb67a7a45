// SPDX-License-Identifier: Apache-2.0
// How long a response is fresh and how old it is: what the next request gets, row by row.
#include "provision-proxy/cache/freshness.hh"

#include <gtest/gtest.h>

#include <string>

#include "tests/provision-proxy/cache/exchange.hh"

namespace holdfast::provision {
namespace {

using enum Outcome;

struct Row {
  std::string name;
  Exchange exchange;
  Outcome expected;
};

template <size_t N>
void check(const Row (&rows)[N]) {
  for (const Row& row : rows) EXPECT_EQ(outcome_of(row.exchange), row.expected) << row.name;
}

TEST(Freshness, MaxAge) {
  const Row rows[] = {
      {"neither freshness nor a validator", {"Server: x"}, fetched},
      {"9111-5.2.2.1 within", {"Cache-Control: max-age=3600"}, from_store},
      {"9111-4.2 the last second", {"Cache-Control: max-age=4"}, from_store},
      {"9111-4.2 as old as fresh is stale", {"Cache-Control: max-age=3"}, fetched},
      {"nothing is fresh for 0 seconds", {"Cache-Control: max-age=0", 0}, fetched},
      {"31 bits", {"Cache-Control: max-age=2147483647"}, from_store},
      {"32 bits", {"Cache-Control: max-age=2147483648"}, from_store},
      {"more", {"Cache-Control: max-age=99999999999"}, from_store},
      {"negative", {"Cache-Control: max-age=-3600"}, fetched},
      {"extensions beside it", {"Cache-Control: foobar, max-age=3600"}, from_store},
      {"9111-5.3 over a past Expires",
       {"Cache-Control: max-age=3600 | Expires: @-7200 | Date: @0"},
       from_store},
      {"9111-5.3 over an Expires that is none",
       {"Cache-Control: max-age=3600 | Expires: 0 | Date: @0"},
       from_store},
      {"9111-5.3 0 over a future Expires",
       {"Cache-Control: max-age=0 | Expires: @7200 | Date: @0"},
       fetched},
      {"9111-4.2.3 apparent age", {"Cache-Control: max-age=3600 | Date: @-7200"}, fetched},
      {"an origin whose clock is ahead", {"Cache-Control: max-age=3600 | Date: @7200"}, from_store},
  };
  check(rows);
}

TEST(Freshness, SharedMaxAge) {
  const Row rows[] = {
      {"9111-5.2.2.10 alone", {"Cache-Control: s-maxage=3600"}, from_store},
      {"short over long", {"Cache-Control: max-age=3600, s-maxage=1"}, fetched},
      {"short over long, the other way round",
       {"Cache-Control: s-maxage=1, max-age=3600"},
       fetched},
      {"short over long, two lines",
       {"Cache-Control: max-age=3600 | Cache-Control: s-maxage=1"},
       fetched},
      {"long over short", {"Cache-Control: max-age=1, s-maxage=3600"}, from_store},
      {"long over 0 and a past Expires",
       {"Cache-Control: max-age=0, s-maxage=3600 | Expires: @-10"},
       from_store},
      {"one that is no number", {"Cache-Control: max-age=3600, s-maxage=x"}, fetched},
  };
  check(rows);
}

TEST(Freshness, Expires) {
  const Row rows[] = {
      {"9111-5.3 future", {"Expires: @2592000 | Date: @0"}, from_store},
      {"past", {"Expires: @-2592000 | Date: @0"}, fetched},
      {"present", {"Expires: @0 | Date: @0", 0}, fetched},
      {"before Date, both ahead", {"Expires: @300 | Date: @400"}, fetched},
      {"9111-5.3 0 is the past", {"Expires: 0 | Date: @0", 0}, fetched},
      {"9111-5.3 -1 is the past", {"Expires: -1 | Last-Modified: @-90000", 0}, asked_date},
      {"Date is none: when it came", {"Expires: @10 | Date: foo", 1}, from_store},
      {"Age above Expires - Date, a slow clock",
       {"Expires: @10 | Date: @-10 | Age: 25", 0},
       fetched},
      {"Age above Expires - Date, a fast clock",
       {"Expires: @20 | Date: @10 | Age: 15", 0},
       fetched},
      {"RFC 850", {"Expires: Thursday, 18-Aug-50 02:01:18 GMT"}, from_store},
      {"asctime", {"Expires: Thu Aug  8 02:01:18 2050"}, from_store},
      {"9111-4.2 case", {"Expires: THU, 18 AUG 2050 02:01:18 gMT"}, from_store},
      {"9111-4.2 another zone", {"Expires: Thu, 18 Aug 2050 02:01:18 UTC"}, fetched},
      {"no comma", {"Expires: Thu 18 Aug 2050 02:01:18 GMT"}, fetched},
      {"past 32 bits, no comma", {"Expires: Tue 19 Jan 2038 14:14:08 GMT"}, fetched},
      {"past 32 bits", {"Expires: Tue, 19 Jan 2038 14:14:08 GMT"}, from_store},
      {"twice the same", {"Expires: @100 | Expires: @100"}, from_store},
      {"9111-4.2.1 two times", {"Expires: @100 | Expires: @101"}, fetched},
      {"nothing", {"Expires:"}, fetched},
  };
  check(rows);
}

TEST(Freshness, Age) {
  const std::string hour = "Date: @0 | Cache-Control: max-age=3600 | ";
  const Row rows[] = {
      {"young enough", {hour + "Age: 30"}, from_store},
      {"9111-5.1 too old", {hour + "Age: 7200"}, fetched},
      {"no number", {hour + "Age: abc"}, fetched},
      {"negative", {hour + "Age: -7200"}, fetched},
      {"a fraction", {hour + "Age: 7200.0"}, fetched},
      {"a small fraction", {hour + "Age: 1.0"}, fetched},
      {"empty", {hour + "Age:"}, fetched},
      {"a parameter", {hour + "Age: 7200;foo=bar"}, fetched},
      {"a parameter with a number", {hour + "Age: 7200;foo=111"}, fetched},
      {"5.1 the first member: old", {hour + "Age: 7200,0"}, fetched},
      {"5.1 the first member: young", {hour + "Age: 0,7200"}, from_store},
      {"joined lines", {hour + "Age: 0, 0"}, fetched},
      {"two lines, the first old", {hour + "Age: 7200 | Age: 0"}, fetched},
      {"two lines, the second old", {hour + "Age: 0 | Age: 7200"}, fetched},
      {"two lines that agree", {hour + "Age: 0 | Age: 0"}, fetched},
      {"joined lines that agree",
       {"Date: @0 | Cache-Control: max-age=10000 | Age: 3600, 3600"},
       fetched},
      {"past 64 bits", {hour + "Age: 99999999999999999999999999"}, fetched},
      {"the most is never fresh",
       {"Date: @0 | Cache-Control: max-age=99999999999 | Age: 99999999999"},
       fetched},
  };
  check(rows);
}

TEST(Freshness, Heuristic) {
  const std::string day_old = "Last-Modified: @-86400 | Date: @0";
  for (const int status : {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
    EXPECT_EQ(outcome_of({.response = day_old, .status = status}), from_store) << status;
  for (const int status : {201, 202, 302, 303, 307, 400, 401, 403, 500, 502, 503, 504, 599})
    EXPECT_EQ(outcome_of({.response = day_old, .status = status}), fetched) << status;
  const Row rows[] = {
      {"9111-5.2.2.9 public",
       {.response = day_old + " | Cache-Control: public", .status = 599},
       from_store},
      {"9111-4.2.2 a tenth: the last second", {"Last-Modified: @-40 | Date: @0"}, from_store},
      {"9111-4.2.2 a tenth: over", {"Last-Modified: @-39 | Date: @0"}, asked_date},
      {"modified now", {"Last-Modified: @0 | Date: @0", 0}, asked_date},
      {"modified in the future", {"Last-Modified: @50 | Date: @0", 0}, asked_date},
      {"no date", {"Last-Modified: x | Date: @0", 0}, asked_date},
      {"years old: a day at most", {"Last-Modified: @-99999999 | Date: @0", 86399}, from_store},
      {"years old: a day is over", {"Last-Modified: @-99999999 | Date: @0", 86400}, asked_date},
      {"9111-4.2.2 not beside an explicit time",
       {"Cache-Control: max-age=1 | Last-Modified: @-99999999"},
       asked_date},
      {"a file to be saved", {day_old + " | Content-Disposition: attachment"}, from_store},
      {"5.4 Pragma in a response says nothing", {day_old + " | Pragma: no-cache"}, from_store},
  };
  check(rows);
}

StoredPolicy policy_after(const Fields& fields, int64_t request_time, int64_t response_time) {
  return policy_of({200, &fields, nullptr, request_time, response_time});
}

TEST(CurrentAge, AddsWhatPassed) {
  const Fields plain = fields_of("Date: @0");
  EXPECT_EQ(current_age(policy_after(plain, kNow, kNow), kNow), 0);
  EXPECT_EQ(current_age(policy_after(plain, kNow, kNow), kNow + 3), 3);
  const Fields aged = fields_of("Date: @0 | Age: 30");
  EXPECT_EQ(current_age(policy_after(aged, kNow, kNow), kNow + 3), 33);
  EXPECT_EQ(current_age(policy_after(aged, kNow - 4, kNow), kNow + 3), 37);  // the delay as well
  const Fields late = fields_of("Date: @-100 | Age: 30");
  EXPECT_EQ(current_age(policy_after(late, kNow, kNow), kNow + 3), 103);  // the larger of both
}

TEST(CurrentAge, OfAClockThatIsSet) {
  const Fields plain = fields_of("Date: @0 | Cache-Control: max-age=60");
  const StoredPolicy policy = policy_after(plain, kNow, kNow);
  EXPECT_EQ(current_age(policy, kNow - 2), 0);                // slewed
  EXPECT_EQ(current_age(policy, kNow - 86400), kMaxDelta_s);  // stepped: nobody knows
  EXPECT_EQ(current_age(policy, INT64_MAX / 2), kMaxDelta_s);
  EXPECT_EQ(policy_after(plain, kNow + 9, kNow).initial_age, 0);  // set back under the transfer
}

TEST(Lifetime, SaysWhereItIsFrom) {
  const auto source = [](std::string_view text) {
    const Fields fields = fields_of(text);
    return policy_after(fields, kNow, kNow).lifetime.source;
  };
  EXPECT_EQ(source("Cache-Control: s-maxage=1, max-age=2"), LifetimeSource::s_maxage);
  EXPECT_EQ(source("Cache-Control: max-age=2 | Expires: @1"), LifetimeSource::max_age);
  EXPECT_EQ(source("Expires: @1 | Last-Modified: @-99"), LifetimeSource::expires);
  EXPECT_EQ(source("Last-Modified: @-99"), LifetimeSource::heuristic);
  EXPECT_EQ(source("ETag: \"1\""), LifetimeSource::none);
}

}  // namespace
}  // namespace holdfast::provision
