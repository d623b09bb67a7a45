// SPDX-License-Identifier: Apache-2.0
// What may be stored, by which name it is refused, and what is kept of it.
#include "provision-proxy/cache/storing.hh"

#include <gtest/gtest.h>

#include <string>

#include "tests/provision-proxy/cache/exchange.hh"

namespace holdfast::provision {
namespace {

struct Row {
  std::string name;
  std::string request;
  int status;
  std::string response;
  std::optional<StoreRefusal> refusal;
  std::string method = "GET";
};

TEST(Storing, Rules) {
  using enum StoreRefusal;
  const Row rows[] = {
      {"9111-3 a plain 200", "", 200, "", {}},
      {"of one with a cookie for one",
       "Cookie: a=b",
       200,
       "Set-Cookie: a=b | Cache-Control: max-age=9",
       {}},
      {"HEAD has no body", "", 200, "Cache-Control: max-age=9", method, "HEAD"},
      {"PUT", "", 200, "Cache-Control: max-age=9", method, "PUT"},
      {"a method has case", "", 200, "Cache-Control: max-age=9", method, "get"},
      {"9111-5.2.1.5", "Cache-Control: no-store", 200, "Cache-Control: max-age=9",
       request_no_store},
      {"9111-5.2.2.5", "", 200, "Cache-Control: max-age=9, No-StOrE | Expires: @9", no_store},
      {"9111-5.2.2.7", "", 200, "Cache-Control: private, max-age=9", is_private},
      {"9111-5.2.2.7 of a field", "", 200, "Cache-Control: private=\"a\", max-age=9", {}},
      {"9111-5.2.2.4 no-cache is stored", "", 200, "Cache-Control: no-cache", {}},
      {"9111-3.5", "Authorization: x", 200, "Expires: @2592000", authorization},
      {"9111-3.5 public", "Authorization: x", 200, "Cache-Control: max-age=9, public", {}},
      {"9111-3.5 must-revalidate",
       "Authorization: x",
       200,
       "Cache-Control: max-age=9, must-revalidate",
       {}},
      {"9111-3.5 s-maxage", "Authorization: x", 200, "Cache-Control: s-maxage=9", {}},
      {"9111-3.5 proxy-revalidate is not among them", "Authorization: x", 200,
       "Cache-Control: max-age=9, proxy-revalidate", authorization},
      {"9111-4.1", "", 200, "Vary: * | Expires: @9", vary_any},
      {"9111-4.1 among others", "", 200, "Vary: Foo, *", vary_any},
      {"9111-4.1 on another line", "", 200, "Vary: | Vary: *", vary_any},
      {"a part", "Range: bytes=0-1", 206, "Cache-Control: max-age=9", status},
      {"a condition that held", "", 304, "Cache-Control: max-age=9", status},
      {"a condition that failed", "", 412, "Cache-Control: max-age=9", status},
      {"a range that does not exist", "", 416, "Cache-Control: max-age=9", status},
      {"interim", "", 103, "Cache-Control: max-age=9", status},
      {"9111-3 not for a guessed time", "", 403, "Last-Modified: @-99", not_cacheable},
      {"9111-3 explicit", "", 403, "Expires: @9", {}},
      {"9111-3 public", "", 403, "Cache-Control: public", {}},
      {"9111-5.2.2.3 unknown", "", 599, "Cache-Control: max-age=9, must-understand",
       must_understand},
      {"9111-5.2.2.3 known", "", 200, "Cache-Control: max-age=9, must-understand, no-store", {}},
      {"9111-5.2.2.3 unknown, no-store", "", 599, "Cache-Control: must-understand, no-store",
       must_understand},
      {"a post", "", 200, "Expires: @9", method, "POST"},
      {"9110-9.3.3", "", 200, "Expires: @9 | Content-Location: /file", {}, "POST"},
      {"9110-9.3.3 relative", "", 200, "Expires: @9 | Content-Location: file", {}, "POST"},
      {"9110-9.3.3 absolute",
       "Host: centre:8088",
       200,
       "Expires: @9 | Content-Location: http://centre:8088/file",
       {},
       "POST"},
      {"9110-9.3.3 elsewhere", "", 200, "Expires: @9 | Content-Location: /other", method, "POST"},
      {"9110-9.3.3 another host", "Host: centre", 200,
       "Expires: @9 | Content-Location: http://other/file", method, "POST"},
      {"9110-9.3.3 no time", "", 200, "Last-Modified: @-99 | Content-Location: /file", method,
       "POST"},
      {"9110-9.3.3 created", "", 201, "Expires: @9 | Content-Location: /file", method, "POST"},
  };
  for (const Row& row : rows) {
    const Fields request = fields_of(row.request);
    const ResponseHead response = response_of(row.status, row.response);
    const auto refusal = why_not_store({row.method, "/file", request}, response);
    EXPECT_EQ(refusal, row.refusal) << row.name << ": " << (refusal ? name_of(*refusal) : "stored");
  }
}

TEST(Storing, RefusalsHaveNames) {
  EXPECT_EQ(name_of(StoreRefusal::method), "method");
  EXPECT_EQ(name_of(StoreRefusal::not_cacheable), "not_cacheable");
  EXPECT_FALSE(text_of(StoreRefusal::not_cacheable).empty());
}

TEST(Storing, ExplicitTimesForEveryStatus) {
  for (const int status : {200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500,
                           502, 503, 504, 599, 999}) {
    EXPECT_EQ(outcome_of({.response = "Expires: @100000 | Last-Modified: @0", .status = status}),
              Outcome::from_store)
        << status;
    EXPECT_EQ(outcome_of({.response = "Expires: @-5000 | Last-Modified: @-100000",
                          .pause_s = 0,
                          .status = status}),
              Outcome::asked_date)
        << status;
  }
}

TEST(Storing, FieldsOfOneHopGo) {
  const Fields kept = fields_to_store(
      fields_of("Connection: a, b, keep-alive | a: 1 | B: 2 | c: 3 | Keep-Alive: x | TE: x | "
                "Transfer-Encoding: chunked | Upgrade: x | Trailer: x | Proxy-Connection: x | "
                "Proxy-Authenticate: x | Proxy-Authentication-Info: x | Proxy-Authorization: x | "
                "Set-Cookie: a=b | Set-Cookie: c=d | Content-Length: 10 | Date: @0"),
      kNow);
  EXPECT_EQ(kept,
            fields_of("c: 3 | Set-Cookie: a=b | Set-Cookie: c=d | Content-Length: 10 | Date: @0"));
}

TEST(Storing, EverythingElseStays) {
  const Fields all = fields_of(
      "Content-Foo: x | X-Test: y | Cache-Control: max-age=3600 | Content-Encoding: z | "
      "Content-Location: /bar | Content-MD5: m | Content-Range: odd | ETag: \"1\" | Expires: @9 | "
      "Content-Security-Policy: default-src 'self' | Clear-Site-Data: cookies | Date: @0");
  EXPECT_EQ(fields_to_store(all, kNow + 100), all);
}

TEST(Storing, NamedFieldsGo) {  // RFC 9111, 5.2.2.4 and 5.2.2.7
  const Fields kept = fields_to_store(
      fields_of("Cache-Control: no-cache=\"a, B\" | Cache-Control: max-age=9, private=\"d\" | "
                "a: 1 | b: 2 | c: 3 | D: 4 | Date: @0"),
      kNow);
  EXPECT_FALSE(kept.has("a") || kept.has("b") || kept.has("d"));
  EXPECT_EQ(kept.find("c"), "3");
}

TEST(Storing, ThereIsAlwaysADate) {  // RFC 9110, 6.6.1
  const Fields now = fields_of("Date: @0");
  EXPECT_EQ(fields_to_store({}, kNow), now);
  EXPECT_EQ(fields_to_store(fields_of("Date: foo"), kNow), now);
  EXPECT_EQ(fields_to_store(fields_of("Date: @-5 | Date: @-6"), kNow), now);
  EXPECT_EQ(fields_to_store(fields_of("Date: @-5"), kNow), fields_of("Date: @-5"));
}

TEST(Storing, WhatMayStay) {
  EXPECT_TRUE(may_keep(fields_of("Cache-Control: no-cache, max-age=0")));
  EXPECT_TRUE(may_keep(fields_of("Cache-Control: no-store, must-understand")));
  EXPECT_FALSE(may_keep(fields_of("Cache-Control: no-store")));
  EXPECT_FALSE(may_keep(fields_of("Cache-Control: private")));
  EXPECT_FALSE(may_keep(fields_of("Vary: a, *")));
}

}  // namespace
}  // namespace holdfast::provision
