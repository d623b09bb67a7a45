// SPDX-License-Identifier: Apache-2.0
// Names of files: one spelling for each, and nothing that leads out of the tree.
#include "provision-proxy/tftp/path.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

TEST(TftpPath, HasOneSpelling) {
  const struct {
    const char *name, *path, *target;
  } rows[] = {
      {"sip100.img", "/sip100.img", "/sip100.img"},
      {"/sip100.img", "/sip100.img", "/sip100.img"},
      {"//server///cert/./ca.cfg", "/server/cert/ca.cfg", "/server/cert/ca.cfg"},
      {"./a", "/a", "/a"},
      {"...", "/...", "/..."},
      {"..a/b..", "/..a/b..", "/..a/b.."},
      {"a b", "/a b", "/a%20b"},
      {"a?b#c%2e%2e", "/a?b#c%2e%2e", "/a%3Fb%23c%252e%252e"},
      {"\xc3\xa9", "/\xc3\xa9", "/%C3%A9"},
      {"C:file", "/C:file", "/C:file"},
      {"a\"<>^`{|}", "/a\"<>^`{|}", "/a%22%3C%3E%5E%60%7B%7C%7D"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto path = normal_path(row.name);
    ASSERT_TRUE(path) << path.error().text;
    EXPECT_EQ(*path, row.path);
    EXPECT_EQ(target_of_path(*path), row.target);
  }
}

TEST(TftpPath, RefusesWithErrorTwo) {
  using namespace std::string_view_literals;
  for (const auto name : {".."sv, "../a"sv, "a/../b"sv, "a/.."sv, "/..//a"sv, "a\\b"sv, "..\\a"sv,
                          "a\0b"sv, ""sv, "/"sv, "a/"sv, "."sv, "a/."sv, "//"sv}) {
    SCOPED_TRACE(std::string(name));
    const auto path = normal_path(name);
    ASSERT_FALSE(path);
    EXPECT_EQ(path.error().code, TftpErrorCode::access_violation);
    EXPECT_FALSE(path.error().text.empty());
  }
}

}  // namespace
}  // namespace holdfast::provision
