// SPDX-License-Identifier: Apache-2.0
// Base64: the vectors of RFC 4648 section 10, padding left out, and what is no base64.
#include "media/base64.hh"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace holdfast::media {
namespace {

std::optional<std::string> decoded(std::string_view text) {
  std::array<uint8_t, 8> out{};
  const auto size = decode_base64(text, out);
  if (!size) return std::nullopt;
  return std::string(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(*size));
}

std::string encoded(std::string_view bytes) {
  std::string text;
  append_base64(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), text);
  return text;
}

TEST(Base64, VectorsOfRfc4648Section10) {
  const std::pair<const char*, const char*> rows[] = {{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : rows) {
    EXPECT_EQ(encoded(plain), text);
    EXPECT_EQ(decoded(text), plain);
  }
  EXPECT_EQ(decoded("+/+/"), "\xfb\xff\xbf");
  EXPECT_EQ(encoded("\xff\xfe\xfb"), "//77");
}

TEST(Base64, PaddingMayBeLeftOut) {
  EXPECT_EQ(decoded("Zg"), "f");
  EXPECT_EQ(decoded("Zm9vYmE"), "fooba");
}

TEST(Base64, WhatIsNone) {
  for (const char* text : {"Z", "Zg=", "Zm8==", "=", "Zm9v=", "Zm9v====", "Zg==Zg==", "Z-8=",
                           "Zm 9", "=m9v", "====", "Zm9vYmFyZm9vYmFy"})
    EXPECT_EQ(decoded(text), std::nullopt) << text;
}

}  // namespace
}  // namespace holdfast::media
