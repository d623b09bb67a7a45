// SPDX-License-Identifier: Apache-2.0
// What the gate lets in, and by which name it refuses the rest.
#include "control/admin/gate.hh"

#include <gtest/gtest.h>

namespace holdfast::admin {
namespace {

HttpHead head(std::string_view target = "/api/status", std::string_view host = "127.0.0.1:8070") {
  return {"GET", target, 11, {{"Host", host}}};
}
std::string verdict(const HttpHead& head, Door door = Door::kPage, bool any_host = false) {
  const auto refusal = check_head(head, door, any_host);
  return refusal ? std::string(name_of(*refusal)) : "in";
}

TEST(Gate, LetsAPlainGetIn) {
  EXPECT_EQ(verdict(head()), "in");
  EXPECT_EQ(verdict(head("/")), "in");
  EXPECT_EQ(verdict(head("/api/calls?limit=3")), "in");
}

TEST(Gate, HostIsOneAndNear) {
  for (const auto* host :
       {"localhost", "LOCALHOST:1", "127.0.0.1", "[::1]", "[::1]:8070", "198.18.1.2:80"})
    EXPECT_EQ(verdict(head("/", host)), "in") << host;
  for (const auto* host : {"evil.example", "evil.example:8070", "localhost.evil.example",
                           "127.0.0.1.evil.example", "[::1", "[::1]x", "user@127.0.0.1"})
    EXPECT_EQ(verdict(head("/", host)), "foreign_host") << host;
  EXPECT_EQ(verdict(head("/", "box.branch.example"), Door::kPage, true), "in");
  EXPECT_EQ(verdict(head("/", "anything"), Door::kSocket), "in");
  EXPECT_EQ(verdict(head("/", "")), "no_single_host");
  auto twice = head();
  twice.fields.push_back({"host", "127.0.0.1"});
  EXPECT_EQ(verdict(twice), "no_single_host");
  EXPECT_EQ(verdict({"GET", "/", 11, {}}), "no_single_host");
}

TEST(Gate, MethodsByDoor) {
  for (const auto* method : {"POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "get", ""}) {
    auto other = head();
    other.method = method;
    EXPECT_EQ(verdict(other), "bad_method") << method;
  }
  auto post = head();
  post.method = "POST";
  EXPECT_EQ(verdict(post, Door::kSocket), "in");
}

TEST(Gate, TargetsArePaths) {
  for (const auto* target : {"", "*", "http://127.0.0.1/", "api", "/a\tb", "/\x80", "/a b\x7f"})
    EXPECT_EQ(verdict(head(target)), "bad_target") << target;
  EXPECT_EQ(verdict(head("/" + std::string(kMaxTargetBytes - 1, 'a'))), "in");
  EXPECT_EQ(verdict(head("/" + std::string(kMaxTargetBytes, 'a'))), "bad_target");
}

TEST(Gate, NoBodyInAnyDress) {
  for (const auto& [name, value, wanted] : {std::tuple{"Content-Length", "0", "in"},
                                            {"Content-Length", "5", "has_body"},
                                            {"Content-Length", "00", "has_body"},
                                            {"content-length", "0, 0", "has_body"},
                                            {"Transfer-Encoding", "chunked", "transfer_encoding"},
                                            {"transfer-encoding", "identity", "transfer_encoding"},
                                            {"X-Odd", "a\x01", "folded_or_odd_field"},
                                            {"X-Odd", "\xc3\xa9", "folded_or_odd_field"}}) {
    auto with = head();
    with.fields.push_back({name, value});
    EXPECT_EQ(verdict(with), wanted) << name << ": " << value;
  }
}

TEST(Gate, OnlyHttp11) {
  auto old = head();
  old.version = 10;
  EXPECT_EQ(verdict(old), "bad_version");
}

TEST(QueryValue, ReadsWhatIsThere) {
  EXPECT_EQ(query_value("/a?x=1&y=a%20b&z", "y"), "a b");
  EXPECT_EQ(query_value("/a?x=1&y=a%20b&z", "z"), "");
  EXPECT_EQ(query_value("/a?x=1", "y"), std::nullopt);
  EXPECT_EQ(query_value("/a", "x"), std::nullopt);
  EXPECT_EQ(query_value("/a?x=%", "x"), "%");
  EXPECT_EQ(query_value("/a?x=%4", "x"), "%4");
  EXPECT_EQ(query_value("/a?x=%zz", "x"), "%zz");
  EXPECT_EQ(query_value("/a?&&=&x=2&x=3", "x"), "2");
}

}  // namespace
}  // namespace holdfast::admin
