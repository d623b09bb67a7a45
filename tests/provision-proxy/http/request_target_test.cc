// SPDX-License-Identifier: Apache-2.0
// Paths that all readers resolve alike pass as they are; tricks are refused by name. Host values.
#include "provision-proxy/http/request_target.hh"

#include <gtest/gtest.h>

#include <string>

#include "provision-proxy/http/request_limits.hh"

namespace holdfast::provision {
namespace {

std::string parsed(std::string_view text) {
  RequestTarget out;
  if (const auto refusal = parse_request_target(text, out)) return std::string(name_of(*refusal));
  return std::string(out.path_and_query);
}

TEST(RequestTarget, PassesPathsAsTheyAre) {
  for (const char* target : {
           "/",
           "/0004f282e824.cfg",
           "/server/cert/ca.cfg",
           "/phone/6f1c-44",
           "/cfg//000000000000.cfg",  // a base URL that ended in a slash
           "//000000000000.cfg",      // one that was nothing but the host and a slash
           "//other.example/a",       // a path of two segments, the first of them empty
           "//user@other.example:80/a",
           "///",
           "//a%2fb",
           "/./sip.cfg",  // stays where it is
           "/...",
           "/..a/b..",
           "/.../a",
           "/.;a",
           "/a;..",
           "/contacts/%41bc%20d.xml",
           "/sip%2ecfg",
           "/100%25.cfg",
           "/100%25x.cfg",
           "/a%2fb",
           "/M%c3%bcller.cfg",
           "/~user/!$&'()*+,;=:@[]{}|^`\"<>",
           "/a?",
           "/a?b?c/../d//",
           "/a?url=%252e%252e%2f..&x=%0a",
           "/?",
       })
    EXPECT_EQ(parsed(target), target);
}

TEST(RequestTarget, RefusesTricksByName) {
  const struct {
    const char *target, *refusal;
  } rows[] = {
      {"", "head_request_line_malformed"},
      {"*", "head_target_form"},
      {"h:80", "head_target_form"},
      {"?a", "head_target_form"},
      {"%2fa", "head_target_form"},
      {"/..", "head_target_dot_segments"},
      {"/../", "head_target_dot_segments"},
      {"/a/..", "head_target_dot_segments"},
      {"/a/../b?c", "head_target_dot_segments"},
      {"/a/..?c", "head_target_dot_segments"},
      {"/%2e%2e/a", "head_target_dot_segments"},
      {"/%2E./a", "head_target_dot_segments"},
      {"/a/.%2e", "head_target_dot_segments"},
      {"/a%2f..%2fb", "head_target_dot_segments"},
      {"/a%2F%2e%2E", "head_target_dot_segments"},
      {"/..;/a", "head_target_dot_segments"},
      {"/..;x=y/a", "head_target_dot_segments"},
      {"/a/..%3bx", "head_target_dot_segments"},
      {"/..%5ca", "head_target_backslash"},
      {"/a%00.cfg", "head_target_nul"},
      {"/a?b=%00", "head_target_nul"},
      {"/a%0a", "head_target_escaped_control"},
      {"/a%7F", "head_target_escaped_control"},
      {"/%", "head_target_bad_escape"},
      {"/%2", "head_target_bad_escape"},
      {"/%2g", "head_target_bad_escape"},
      {"/%u002e", "head_target_bad_escape"},
      {"/a?%", "head_target_bad_escape"},
      {"/a?%4", "head_target_bad_escape"},
      {"/%252e", "head_target_double_escape"},
      {"/%25%32%65%25%32e/", "head_target_double_escape"},
      {"/%c0%af", "head_target_overlong"},
      {"/%C1%9c", "head_target_overlong"},
      {"/%2fother.example/a", "head_target_two_slashes"},
      {"/%2F/a", "head_target_two_slashes"},
      {"//..", "head_target_dot_segments"},
      {"//%2e%2e/a", "head_target_dot_segments"},
      {"//a/../../b", "head_target_dot_segments"},
      {"http://h/../a", "head_target_dot_segments"},
      {"http:///a", "head_target_form"},
      {"http://?a", "head_target_form"},
      {"http://h?a", "head_target_form"},
      {"http:/h/a", "head_target_form"},
      {"file:///etc/passwd", "head_target_form"},
  };
  for (const auto& row : rows) EXPECT_EQ(parsed(row.target), row.refusal) << row.target;
}

TEST(RequestTarget, SplitsForms) {
  RequestTarget out;
  ASSERT_FALSE(parse_request_target("HTTPS://h:8089/a%41?b", out));
  EXPECT_EQ(out.form, TargetForm::absolute_https);
  EXPECT_EQ(out.authority, "h:8089");
  EXPECT_EQ(out.path_and_query, "/a%41?b");
  EXPECT_EQ(out.path, "/a%41");
  EXPECT_TRUE(out.escaped);

  const std::string_view bare = "http://h";
  ASSERT_FALSE(parse_request_target(bare, out));
  EXPECT_EQ(out.form, TargetForm::absolute_http);
  EXPECT_EQ(out.path_and_query, "/");
  EXPECT_GE(out.path.data(), bare.data());
  EXPECT_LT(out.path.data(), bare.data() + bare.size());

  ASSERT_FALSE(parse_request_target("/a?%41", out));
  EXPECT_EQ(out.form, TargetForm::origin);
  EXPECT_EQ(out.authority, "");
  EXPECT_EQ(out.path, "/a");
  EXPECT_FALSE(out.escaped);
}

TEST(RequestTarget, KnowsAHost) {
  for (const char* host :
       {"h", "provision.lab.voip", "provision.lab.voip.", "a_b-c", "198.18.2.1", "h:1", "h:8088",
        "h:65535", "[2001:db8::1]", "[2001:db8::1]:8088", "[::ffff:198.18.0.1]"})
    EXPECT_TRUE(is_valid_host(host)) << host;
  for (const char* host : {"",
                           ".",
                           ".h",
                           "a..b",
                           "u@h",
                           "u:p@h",
                           "h:",
                           "h:0",
                           "h:08",
                           "h:65536",
                           "h:123456",
                           "h:8a",
                           "h:80:80",
                           "a,b",
                           "a b",
                           "h/",
                           "h?",
                           "h#",
                           "h%41",
                           "2001:db8::1",
                           "[2001:db8::1",
                           "[2001:db8::1]x",
                           "[2001:db8::1]:",
                           "[fe80::1%eth0]",
                           "[198.18.0.1]",
                           "[]",
                           "[v1.a]",
                           "\xc3\xa4",
                           ":80",
                           "h\\"})
    EXPECT_FALSE(is_valid_host(host)) << host;
  EXPECT_TRUE(is_valid_host(std::string(kMaxHostBytes, 'h')));
  EXPECT_FALSE(is_valid_host(std::string(kMaxHostBytes + 1, 'h')));
}

}  // namespace
}  // namespace holdfast::provision
