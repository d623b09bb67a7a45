// SPDX-License-Identifier: Apache-2.0
// The token of our Record-Route: opened by its own dialog only, and by no changed bit.
#include "sip/record_route_token.hh"

#include <gtest/gtest.h>

#include "sip/uri.hh"

namespace holdfast::sip {
namespace {

TokenKeys keys(uint8_t seed) {
  TokenKeys k;
  k.current.fill(seed);
  return k;
}
const CallToken kToken{0x0123456789abcdefull, Peer::gateway, true, true};

TEST(RecordRouteToken, RFC3261_12_2_1_1_ComesBackFromBothSides) {
  const auto text = seal_token(kToken, keys(1), "call", "caller");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->size(), 56u);
  const auto by_caller = open_token(*text, keys(1), "call", "caller", "callee");
  ASSERT_TRUE(by_caller.ok());
  EXPECT_EQ(by_caller->token, kToken);
  EXPECT_EQ(by_caller->sender, Sender::caller);
  const auto by_callee = open_token(*text, keys(1), "call", "callee", "caller");
  ASSERT_TRUE(by_callee.ok());
  EXPECT_EQ(by_callee->sender, Sender::callee);
}

TEST(RecordRouteToken, SurvivesAPeerThatFoldsCase) {
  std::string text = *seal_token(kToken, keys(1), "call", "caller");
  for (char& c : text) c = static_cast<char>(std::toupper(c));
  EXPECT_TRUE(open_token(text, keys(1), "call", "caller", "x").ok());
}

TEST(RecordRouteToken, AnyChangedDigitIsRefused) {
  const std::string text = *seal_token(kToken, keys(1), "call", "caller");
  for (size_t i = 0; i < text.size(); ++i) {
    std::string bad = text;
    bad[i] = bad[i] == '0' ? '1' : '0';
    const auto opened = open_token(bad, keys(1), "call", "caller", "callee");
    ASSERT_FALSE(opened.ok()) << i;
    EXPECT_EQ(opened.error(),
              i < 2 ? TokenReject::token_unknown_version : TokenReject::token_bad_mac);
  }
}

TEST(RecordRouteToken, OtherDialogsAndKeysAreRefused) {
  const std::string text = *seal_token(kToken, keys(1), "call", "caller");
  EXPECT_EQ(open_token(text, keys(1), "other", "caller", "callee").error(),
            TokenReject::token_bad_mac);
  EXPECT_EQ(open_token(text, keys(1), "call", "x", "y").error(), TokenReject::token_bad_mac);
  EXPECT_EQ(open_token(text, keys(2), "call", "caller", "callee").error(),
            TokenReject::token_bad_mac);
  // What runs together in one field must not be told apart by where it is cut.
  EXPECT_EQ(open_token(text, keys(1), "callc", "aller", "").error(), TokenReject::token_bad_mac);
}

TEST(RecordRouteToken, ThePreviousKeyStillOpens) {
  const std::string text = *seal_token(kToken, keys(1), "call", "caller");
  TokenKeys rotated = keys(2);
  rotated.previous = keys(1).current;
  EXPECT_TRUE(open_token(text, rotated, "call", "caller", "callee").ok());
}

TEST(RecordRouteToken, MalformedIsRefusedByName) {
  for (const std::string& text :
       {std::string{}, std::string("0"), std::string(55, '0'), std::string(57, '0'),
        std::string(56, 'g'), std::string(56, '\0'), std::string(5000, 'a')})
    EXPECT_EQ(open_token(text, keys(1), "c", "f", "t").error(), TokenReject::token_malformed);
  EXPECT_EQ(name_of(TokenReject::token_malformed), "token_malformed");
}

TEST(RecordRouteToken, FitsAUri) {
  const auto parsed = Uri::parse("sip:198.18.1.2;lr;hf=" + *seal_token(kToken, keys(1), "c", "t"));
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(open_token(parsed->find(kTokenParameter)->value, keys(1), "c", "t", "").ok());
}

}  // namespace
}  // namespace holdfast::sip
