// SPDX-License-Identifier: Apache-2.0
// What an unsafe request takes out of the store, and where references lead.
#include "provision-proxy/cache/invalidation.hh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/provision-proxy/cache/messages.hh"

namespace holdfast::provision {
namespace {

using Targets = std::vector<std::string>;
constexpr std::string_view kOurs[] = {"http://centre:8088", "https://centre"};

TEST(Invalidation, Targets) {
  const struct {
    std::string name, method;
    int status;
    std::string response;
    Targets expected;
  } rows[] = {
      {"9111-4.4 POST", "POST", 200, "", {"/a/b?c"}},
      {"PUT", "PUT", 201, "", {"/a/b?c"}},
      {"DELETE", "DELETE", 204, "", {"/a/b?c"}},
      {"9111-4.4 a method that nobody knows", "M-SEARCH", 200, "", {"/a/b?c"}},
      {"a redirect is no error", "POST", 303, "", {"/a/b?c"}},
      {"GET is safe", "GET", 200, "Location: /x", {}},
      {"HEAD is safe", "HEAD", 200, "", {}},
      {"OPTIONS is safe", "OPTIONS", 200, "", {}},
      {"it failed", "POST", 500, "Location: /x", {}},
      {"it was refused", "PUT", 404, "", {}},
      {"interim", "PUT", 100, "", {}},
      {"no status at all", "PUT", 0, "", {}},
      {"Location", "POST", 201, "Location: /x", {"/a/b?c", "/x"}},
      {"Content-Location", "POST", 200, "Content-Location: x", {"/a/b?c", "/a/x"}},
      {"both", "DELETE", 200, "Location: /x | Content-Location: /y?z", {"/a/b?c", "/x", "/y?z"}},
      {"the same", "POST", 200, "Location: /a/b?c", {"/a/b?c"}},
      {"absolute, ours", "POST", 200, "Location: http://centre:8088/x", {"/a/b?c", "/x"}},
      {"absolute, ours by TLS", "POST", 200, "Location: https://CENTRE:443/x", {"/a/b?c", "/x"}},
      {"absolute, as the phone calls it",
       "POST",
       200,
       "Location: http://proxy/x",
       {"/a/b?c", "/x"}},
      {"9111-4.4 another host", "POST", 200, "Location: http://other/x", {"/a/b?c"}},
      {"another port", "POST", 200, "Location: http://centre:8089/x", {"/a/b?c"}},
      {"another scheme", "POST", 200, "Location: ftp://centre:8088/x", {"/a/b?c"}},
  };
  const Fields request = fields_of("Host: proxy:80");
  for (const auto& row : rows) {
    const ResponseHead response = response_of(row.status, row.response);
    EXPECT_EQ(invalidated_targets({row.method, "/a/b?c", request}, response, kOurs), row.expected)
        << row.name;
  }
}

TEST(Invalidation, References) {  // the table of RFC 3986, 5.4, as far as it is http
  const struct {
    std::string reference;
    std::optional<std::string> target;
  } rows[] = {
      {"g", "/b/c/g"},
      {"./g", "/b/c/g"},
      {"g/", "/b/c/g/"},
      {"/g", "/g"},
      {"?y", "/b/c/d;p?y"},
      {"g?y", "/b/c/g?y"},
      {"#s", "/b/c/d;p?q"},
      {"g#s", "/b/c/g"},
      {"g?y#s", "/b/c/g?y"},
      {";x", "/b/c/;x"},
      {"g;x=1/../y", "/b/c/y"},
      {"", "/b/c/d;p?q"},
      {".", "/b/c/"},
      {"./", "/b/c/"},
      {"..", "/b/"},
      {"../", "/b/"},
      {"../g", "/b/g"},
      {"../..", "/"},
      {"../../g", "/g"},
      {"../../../g", "/g"},
      {"/./g", "/g"},
      {"/../g", "/g"},
      {"g.", "/b/c/g."},
      {"..g", "/b/c/..g"},
      {"./../g", "/b/g"},
      {"g/./h", "/b/c/g/h"},
      {"g/../h", "/b/c/h"},
      {"g?y/../x", "/b/c/g?y/../x"},
      {"a/b:c", "/b/c/a/b:c"},
      {"/..", "/"},
      {"http://centre:8088", "/"},
      {"http://centre:8088?x", "/?x"},
      {"HTTP://Centre:8088/g/../h", "/h"},
      {"http:g", std::nullopt},
      {"http:///g", std::nullopt},
      {"http://user@centre:8088/g", std::nullopt},
      {"//centre:8088/g", std::nullopt},
      {"mailto:a", std::nullopt},
      {"a b", std::nullopt},
      {"/a\\b", std::nullopt},
      {"/a\tb", std::nullopt},
  };
  const Fields none;
  for (const auto& row : rows)
    EXPECT_EQ(resolve_reference({"GET", "/b/c/d;p?q", none}, row.reference, kOurs), row.target)
        << row.reference;
  EXPECT_EQ(resolve_reference({"OPTIONS", "*", none}, "/g", kOurs), std::nullopt);
  EXPECT_EQ(resolve_reference({"GET", "", none}, "g", kOurs), std::nullopt);
  EXPECT_EQ(resolve_reference({"GET", "/", none}, "http://centre/g", {}), std::nullopt);
}

}  // namespace
}  // namespace holdfast::provision
