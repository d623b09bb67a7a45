// SPDX-License-Identifier: Apache-2.0
// Conditional requests, what a 304 changes and what it must not, HEAD, and the client's own 304.
#include "provision-proxy/cache/validation.hh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "provision-proxy/cache/freshness.hh"
#include "tests/provision-proxy/cache/messages.hh"

namespace holdfast::provision {
namespace {

constexpr int64_t kLater = kNow + 3;

TEST(Validation, RequestsUpstream) {
  const Fields client = fields_of(
      "Host: centre | If-None-Match: \"x\" | If-Modified-Since: @-5 | If-Range: \"x\" | "
      "Range: bytes=0-1 | Foo: 1 | Connection: close, Foo2 | Foo2: 2 | TE: trailers");
  Fields plain = forwarded_request(client);
  EXPECT_FALSE(plain.has("Connection") || plain.has("Foo2") || plain.has("TE"));
  EXPECT_TRUE(plain.has("If-None-Match") && plain.has("Range"));
  make_unconditional(plain);
  EXPECT_EQ(plain, fields_of("Host: centre | Foo: 1"));

  const struct {
    std::string name, stored, added;
  } rows[] = {
      {"9111-4.3.1 a tag", "ETag: \"1\"", "If-None-Match: \"1\""},
      {"a weak one", "ETag: W/\"1\"", "If-None-Match: W/\"1\""},
      {"as it came, if it is malformed", "ETag: 1", "If-None-Match: 1"},
      {"a date, byte for byte", "Last-Modified: Sunday, 06-Nov-94 08:49:37 GMT",
       "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"},
      {"both", "Last-Modified: @-9 | ETag: \"1\"", "If-None-Match: \"1\" | If-Modified-Since: @-9"},
      {"none", "Date: @0", ""},
      {"an empty tag is none", "ETag:", ""},
  };
  for (const auto& row : rows) {
    const Fields stored = fields_of(row.stored);
    Fields request = forwarded_request(client);
    make_conditional(request, stored);
    EXPECT_EQ(request,
              fields_of("Host: centre | Foo: 1" + (row.added.empty() ? "" : " | " + row.added)))
        << row.name;
    EXPECT_EQ(has_validator(stored), !row.added.empty()) << row.name;
  }
}

// What comes back with a 304, against what was stored: RFC 9111, 3.2.
TEST(Validation, FieldsThatA304Renews) {
  const struct {
    std::string field, before, in_304, after;
  } rows[] = {
      {"Test-Header", "a", "b", "b"},
      {"X-Test-Header", "a", "b", "b"},
      {"Content-Foo", "a", "b", "b"},
      {"Cache-Control", "max-age=1", "max-age=3600", "max-age=3600"},
      {"Content-Location", "/foo", "/bar", "/bar"},
      {"Content-Security-Policy", "default-src 'self'", "default-src cdn", "default-src cdn"},
      {"Content-Type", "text/plain", "text/plain;charset=utf-8", "text/plain;charset=utf-8"},
      {"Clear-Site-Data", "cache", "cookies", "cookies"},
      {"Expires", "@100", "@200", "@200"},
      {"Set-Cookie", "a=b", "a=c", "a=c"},
      {"X-Frame-Options", "deny", "sameorigin", "sameorigin"},
      {"Content-Encoding", "a", "b", "a"},
      {"Content-Length", "5", "10", "5"},
      {"Content-MD5", "a", "b", "a"},
      {"Content-Range", "a", "b", "a"},
      {"Connection", "", "b", ""},
      {"Transfer-Encoding", "", "chunked", ""},
  };
  for (const auto& row : rows) {
    const std::string tag = "ETag: \"1\"";
    const Fields stored = fields_of(
        tag + (row.before.empty() ? "" : " | " + row.field + ": " + row.before) + " | Date: @0");
    const Fields answer = fields_of("ETag: \"1\" | Date: @3 | " + row.field + ": " + row.in_304);
    const StoredResponse one{200, &stored, nullptr, kNow, kNow};
    const auto selected = select_for_304({&one, 1}, answer, 0);
    ASSERT_TRUE(selected) << row.field;
    const Fields fields = updated_fields(stored, answer, selected->update, kLater);
    const Fields expected = fields_of(row.field + ": " + row.after);
    EXPECT_EQ(fields.has(row.field), !row.after.empty()) << row.field;
    EXPECT_EQ(fields.combined(row.field), expected.combined(row.field)) << row.field;
    EXPECT_EQ(fields.find("ETag"), "\"1\"") << row.field;
    EXPECT_EQ(fields.find("Date"), answer.find("Date")) << row.field;
    EXPECT_EQ(current_age(policy_of({200, &fields, nullptr, kLater, kLater}), kLater), 0)
        << row.field;
  }
}

TEST(Validation, WhatA304DoesNotSayStays) {
  const Fields stored =
      fields_of("Cache-Control: max-age=2 | Last-Modified: @-9 | Date: @0 | Age: 100 | Test: a");
  const Fields fields =
      updated_fields(stored, fields_of("Last-Modified: @-9"), Update::all, kLater);
  EXPECT_EQ(fields.find("Test"), "a");
  EXPECT_EQ(fields.find("Cache-Control"), "max-age=2");
  EXPECT_FALSE(fields.has("Age"));  // it told of another exchange
  EXPECT_EQ(fields.find("Date"), format_http_date(kLater));
}

TEST(Validation, TheTagOfTheStoredBytesStays) {
  const Fields weak = fields_of("ETag: W/\"1\" | Date: @3");
  EXPECT_EQ(updated_fields(fields_of("ETag: \"1\" | Date: @0"), weak, Update::all, kLater),
            fields_of("ETag: \"1\" | Date: @3"));
  EXPECT_EQ(updated_fields(fields_of("A: 1 | Date: @0"), weak, Update::all, kLater),
            fields_of("A: 1 | Date: @3"));
}

TEST(Validation, AllLinesOfANameAreRenewed) {
  const Fields stored = fields_of("A: 1 | B: 2 | a: 3 | Date: @0");
  EXPECT_EQ(updated_fields(stored, fields_of("A: 4 | A: 5 | Date: @3"), Update::all, kLater),
            fields_of("B: 2 | A: 4 | A: 5 | Date: @3"));
}

TEST(Validation, ARenewedResponseKeepsTheRulesOfStoring) {
  const Fields stored = fields_of("A: 1 | B: 2 | Date: @0");
  const Fields fields =
      updated_fields(stored, fields_of("Connection: a | A: 9 | Cache-Control: no-cache=\"b\""),
                     Update::all, kLater);
  EXPECT_EQ(fields.find("A"), "1");
  EXPECT_FALSE(fields.has("B"));
}

// RFC 9111, 4.3.4. "asked" is which of the stored was named in the condition; -1: several or none.
TEST(Validation, WhichStoredResponseA304IsAbout) {
  const struct {
    std::string name;
    std::vector<std::string> stored;
    std::string answer;
    int asked, index;  // -1: none
    Update update = Update::all;
  } rows[] = {
      {"the strong tag", {"ETag: \"1\"", "ETag: \"2\""}, "ETag: \"2\"", -1, 1},
      {"the strong tag, whatever was asked", {"ETag: \"1\"", "ETag: \"2\""}, "ETag: \"2\"", 0, 1},
      {"the newest of two", {"ETag: \"1\"", "ETag: \"1\""}, "ETag: \"1\"", -1, 0},
      {"a strong tag of none", {"ETag: \"1\""}, "ETag: \"9\"", -1, -1},
      {"a strong tag of none, but one was asked for",
       {"ETag: \"1\""},
       "ETag: \"9\"",
       0,
       0,
       Update::time},
      {"a strong tag, and only a date is stored",
       {"Last-Modified: @-9"},
       "ETag: \"9\"",
       0,
       0,
       Update::time},
      {"a strong tag of what is weak here", {"ETag: W/\"1\""}, "ETag: \"1\"", 0, 0},
      {"the weak tag", {"ETag: W/\"1\"", "ETag: W/\"2\""}, "ETag: W/\"2\"", -1, 1},
      {"the date", {"Last-Modified: @-8", "Last-Modified: @-9"}, "Last-Modified: @-9", -1, 1},
      {"another date", {"Last-Modified: @-8"}, "Last-Modified: @-9", -1, -1},
      {"no validator at all: the one that was asked", {"ETag: \"1\"", "ETag: \"2\""}, "", 1, 1},
      {"no validator at all, none asked", {"ETag: \"1\"", "ETag: \"2\""}, "", -1, -1},
      {"no validator on either side", {"A: 1"}, "", -1, 0},
      {"no validator, two stored", {"A: 1", "A: 2"}, "", -1, -1},
      {"nothing stored", {}, "ETag: \"1\"", -1, -1},
      {"asked for what is gone", {}, "", 0, -1},
  };
  for (const auto& row : rows) {
    std::vector<Fields> fields;
    for (const std::string& text : row.stored) fields.push_back(fields_of(text));
    std::vector<StoredResponse> stored;
    stored.reserve(fields.size());
    for (const Fields& one : fields) stored.push_back({200, &one, nullptr, kNow, kNow});
    const auto asked = row.asked < 0 ? std::nullopt : std::optional(static_cast<size_t>(row.asked));
    const auto selected = select_for_304(stored, fields_of(row.answer), asked);
    ASSERT_EQ(selected.has_value(), row.index >= 0) << row.name;
    if (!selected) continue;
    EXPECT_EQ(selected->index, static_cast<size_t>(row.index)) << row.name;
    EXPECT_EQ(selected->update, row.update) << row.name;
  }
}

TEST(Validation, AForeignTagRenewsTheTimeAlone) {
  const Fields stored = fields_of("Cache-Control: max-age=2 | ETag: \"1\" | A: 1 | Date: @0");
  const Fields answer = fields_of("Cache-Control: max-age=99 | ETag: \"2\" | A: 2 | Date: @3");
  const Fields fields = updated_fields(stored, answer, Update::time, kLater);
  EXPECT_EQ(fields, fields_of("Cache-Control: max-age=2 | ETag: \"1\" | A: 1 | Date: @3"));
}

TEST(Validation, Head) {  // RFC 9111, 4.3.5
  const struct {
    std::string name;
    int status;
    std::string head;
    HeadEffect expected;
  } rows[] = {
      {"the same", 200, "ETag: \"1\" | Last-Modified: @-9 | Content-Length: 10",
       HeadEffect::update},
      {"says nothing of it", 200, "Cache-Control: max-age=1000", HeadEffect::none},
      {"its length alone", 200, "Content-Length: 10", HeadEffect::none},
      {"another tag", 200, "ETag: \"2\" | Content-Length: 10", HeadEffect::outdated},
      {"another date", 200, "Last-Modified: @-8", HeadEffect::outdated},
      {"another length", 200, "ETag: \"1\" | Content-Length: 11", HeadEffect::outdated},
      {"no length", 200, "Content-Length: x", HeadEffect::outdated},
      {"gone", 410, "ETag: \"1\"", HeadEffect::none},
      {"an error", 503, "ETag: \"2\"", HeadEffect::none},
  };
  const Fields stored = fields_of("ETag: \"1\" | Last-Modified: @-9");
  for (const auto& row : rows)
    EXPECT_EQ(
        head_effect({200, &stored, nullptr, kNow, kNow}, 10, response_of(row.status, row.head)),
        row.expected)
        << row.name;
  EXPECT_EQ(head_effect({404, &stored, nullptr, kNow, kNow}, 10, response_of(200, "")),
            HeadEffect::none);
}

TEST(Validation, TheClientsConditions) {
  const Fields stored = fields_of("ETag: \"1\" | Last-Modified: @-3000 | Date: @0");
  const Fields match = fields_of("If-None-Match: \"1\" | If-Modified-Since: @-5000"), none;
  const StoredResponse ok{200, &stored, nullptr, kNow, kNow};
  EXPECT_EQ(client_condition({"GET", "/", match}, ok, kNow), Condition::not_modified);
  EXPECT_EQ(client_condition({"HEAD", "/", match}, ok, kNow), Condition::not_modified);
  EXPECT_EQ(client_condition({"PUT", "/", match}, ok, kNow), Condition::none);
  EXPECT_EQ(client_condition({"GET", "/", none}, ok, kNow), Condition::none);
  const StoredResponse missing{404, &stored, nullptr, kNow, kNow};  // 9110-13.2.1
  EXPECT_EQ(client_condition({"GET", "/", match}, missing, kNow), Condition::none);
  const Fields since = fields_of("If-Modified-Since: @-3000");  // newer than what has no date
  const Fields undated = fields_of("Cache-Control: max-age=9 | Date: @0");
  EXPECT_EQ(client_condition({"GET", "/", since}, {200, &undated, nullptr, kNow, kNow}, kNow),
            Condition::modified);
}

TEST(Validation, FieldsOfOur304) {  // RFC 9110, 15.4.5
  EXPECT_EQ(not_modified_fields(fields_of(
                "Content-Type: a | ETag: \"1\" | Date: @0 | Content-Length: 9 | Vary: a | "
                "Cache-Control: b | Set-Cookie: c | Expires: @9 | Content-Location: /d")),
            fields_of("ETag: \"1\" | Date: @0 | Vary: a | Cache-Control: b | Expires: @9 | "
                      "Content-Location: /d"));
}

}  // namespace
}  // namespace holdfast::provision
