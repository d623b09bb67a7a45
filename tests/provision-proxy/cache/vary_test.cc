// SPDX-License-Identifier: Apache-2.0
// Which requests a negotiated response fits.
#include "provision-proxy/cache/vary.hh"

#include <gtest/gtest.h>

#include <string>

#include "tests/provision-proxy/cache/exchange.hh"

namespace holdfast::provision {
namespace {

TEST(Vary, Matches) {
  const struct {
    std::string name, vary, first, second;
    bool expected;
  } rows[] = {
      {"9111-4.1 no Vary", "", "Foo: 1", "Foo: 2", true},
      {"one field", "Foo", "Foo: 1", "Foo: 1", true},
      {"9110-5.1 names have no case", "fOO", "Foo: 1", "FOO: 1", true},
      {"another value", "Foo", "Foo: 1", "Foo: 2", false},
      {"values have case", "Foo", "Foo: a", "Foo: A", false},
      {"the first had none", "Foo", "", "Foo: 1", false},
      {"the second has none", "Foo", "Foo: 1", "", false},
      {"9111-4.1 both have none", "Foo", "", "", true},
      {"empty is not none", "Foo", "Foo:", "", false},
      {"fields that it does not name", "Foo", "Foo: 1 | Other: 2", "Foo: 1 | Other: 3", true},
      {"two fields", "Foo, Bar", "Foo: 1 | Bar: abc", "Bar: abc | Foo: 1", true},
      {"two fields, one differs", "Foo, Bar", "Foo: 1 | Bar: abc", "Foo: 2 | Bar: abc", false},
      {"two fields, one is gone", "Foo, Bar", "Foo: 1", "", false},
      {"two lines of Vary", "Foo | Vary: Bar", "Foo: 1 | Bar: 2", "Foo: 1 | Bar: 3", false},
      {"three fields", "Foo, Bar, Baz", "Foo: 1 | Bar: a | Baz: 7", "Foo: 1 | Bar: a | Baz: 7",
       true},
      {"three fields, the middle one", "Foo, Bar, Baz", "Foo: 1 | Bar: a4 | Baz: 7",
       "Foo: 1 | Bar: a | Baz: 7", false},
      {"three fields, both without one", "Foo, Bar, Baz", "Foo: 1 | Baz: 7", "Foo: 1 | Baz: 7",
       true},
      {"9111-4.1 lines are joined", "Foo", "Foo: 1, 2", "Foo: 1 | Foo: 2", true},
      {"9111-4.1 blanks round commas", "Foo", "Foo: 1,2", "Foo:  1, 2 ", true},
      {"blanks elsewhere", "Foo", "Foo: 1 2", "Foo: 1  2", false},
      {"order", "Foo", "Foo: 1, 2", "Foo: 2, 1", false},
      {"blanks in quotes", "Foo", "Foo: \"1,2\"", "Foo: \"1, 2\"", false},
      {"what is one and what is two", "Foo", "Foo: \"1,2\"", "Foo: 1,2", false},
      {"languages: order", "Accept-Language", "Accept-Language: en, de", "Accept-Language: de, en",
       true},
      {"languages: case", "Accept-Language", "Accept-Language: en, de", "Accept-Language: eN, De",
       true},
      {"languages: blanks", "Accept-Language", "Accept-Language: en, de",
       "Accept-Language:  en ,   de", true},
      {"languages: weights", "Accept-Language", "Accept-Language: en;q=0.5",
       "Accept-Language: en ; Q=0.5", true},
      {"languages: other weights", "Accept-Language", "Accept-Language: en;q=0.5",
       "Accept-Language: en", false},
      {"languages: how many", "Accept-Language", "Accept-Language: en, en", "Accept-Language: en",
       false},
      {"codings: order", "Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: BR,gzip",
       true},
      {"a User-Agent is no list", "User-Agent", "User-Agent: a,b", "User-Agent: a, b", false},
      {"credentials are none either", "Authorization", "Authorization: a,b", "Authorization: a, b",
       false},
      {"a cookie neither", "Cookie", "Cookie: a=1,2", "Cookie: a=1, 2", false},
      {"9111-4.1 *", "*", "Foo: 1", "Foo: 1", false},
      {"*, *", "*, *", "Foo: 1", "Foo: 1", false},
      {"an empty element", ", *", "Foo: 1", "Foo: 1", false},
      {"two lines", "* | Vary: *", "Foo: 1", "Foo: 1", false},
      {"an empty line", " | Vary: *", "Foo: 1", "Foo: 1", false},
      {"* first", "*, Foo", "Foo: 1", "Foo: 1", false},
      {"* last", "Foo, *", "Foo: 1", "Foo: 1", false},
  };
  for (const auto& row : rows) {
    const Fields response = fields_of(row.vary.empty() ? "" : "Vary: " + row.vary);
    const Fields first = fields_of(row.first), second = fields_of(row.second);
    const Fields kept = vary_request_fields(response, first);
    const StoredResponse stored{200, &response, &kept, kNow, kNow};
    EXPECT_EQ(vary_matches(stored, second), row.expected) << row.name;
    EXPECT_EQ(outcome_of({"Expires: @5000 | Vary: " + row.vary, 3, row.second, row.first}) ==
                  Outcome::from_store,
              row.expected)
        << row.name;
  }
}

TEST(Vary, KeepsWhatItNames) {
  const Fields request = fields_of("Foo: 1 | Other: 2 | foo: 3 | Bar: 4");
  EXPECT_EQ(vary_request_fields(fields_of("Vary: bar | Vary: FOO, Baz"), request),
            fields_of("Foo: 1 | foo: 3 | Bar: 4"));
  EXPECT_TRUE(vary_request_fields(fields_of("A: 1"), request).empty());
}

TEST(Vary, NothingKeptIsNothingSent) {
  const Fields response = fields_of("Vary: Foo"), request = fields_of("Foo: 1");
  EXPECT_FALSE(vary_matches({200, &response, nullptr, kNow, kNow}, request));
  EXPECT_TRUE(vary_matches({200, &response, nullptr, kNow, kNow}, {}));
}

}  // namespace
}  // namespace holdfast::provision
