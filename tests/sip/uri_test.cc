// SPDX-License-Identifier: Apache-2.0
// URIs: what is read, what is refused by which name, which are the same, what was dialled.
#include "sip/uri.hh"

#include <gtest/gtest.h>

#include <random>

#include "sip/limits.hh"

namespace holdfast::sip {
namespace {

Uri uri(std::string_view text) {
  auto parsed = Uri::parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.ok() ? parsed.value() : Uri{};
}

TEST(Uri, RFC3261_19_1_3_AcceptedAndPrintedAsWritten) {
  for (const char* text :
       {"sip:alice@atlanta.com", "sip:alice:secretword@atlanta.com;transport=tcp",
        "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone", "sips:1212@gateway.com",
        "sip:alice@192.0.2.4", "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
        "sip:alice;day=tuesday@atlanta.com", "sip:[2001:db8::10]:5070;lr",
        "sip:1001@[2001:db8::10];transport=udp", "tel:+1-201-555-0123",
        "tel:7042;phone-context=example.com", "urn:service:sos", "sip:*901@h", "sip:#31@h",
        "sip:a@b;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6;opaque=x", "sip:a_b.c",
        "sip:user%00name@h"})
    EXPECT_EQ(uri(text).to_string(), text);
}

TEST(Uri, RFC3261_19_1_1_Parts) {
  const Uri u = uri("SIPS:j%40s0n;x=y:pw@Atlanta.COM:5071;Transport=TCP;lr?Subject=a");
  EXPECT_EQ(u.scheme, Scheme::sips);
  EXPECT_EQ(u.user, "j%40s0n;x=y");
  EXPECT_TRUE(u.has_password);
  EXPECT_EQ(u.host, "Atlanta.COM");
  EXPECT_EQ(u.port, 5071);
  EXPECT_EQ(u.find("TRANSPORT")->value, "TCP");
  EXPECT_TRUE(u.is_loose_router());
  EXPECT_EQ(u.headers, "Subject=a");
}

struct BadRow {
  std::string text;
  UriReject why;
};
TEST(Uri, MalformedIsRefusedByName) {
  std::string many = "sip:h";
  for (size_t i = 0; i <= kMaxUriParameters; ++i) many += ";p" + std::to_string(i);
  const BadRow rows[] = {
      {"", UriReject::uri_empty},
      {"sip:" + std::string(kMaxUriBytes, 'a'), UriReject::uri_too_long},
      {"alice@atlanta.com", UriReject::uri_no_scheme},
      {":a", UriReject::uri_no_scheme},
      {"5ip:a", UriReject::uri_no_scheme},
      {"sip:", UriReject::uri_bad_host},
      {"sip:@h", UriReject::uri_empty_user},
      {"sip::pw@h", UriReject::uri_empty_user},
      {"sip:a@", UriReject::uri_bad_host},
      {"sip:a@b@c", UriReject::uri_bad_host},
      {"sip:a@[2001:db8::1", UriReject::uri_bad_host},
      {"sip:a@[198.18.0.1]", UriReject::uri_bad_host},
      {"sip:a@[::1]x", UriReject::uri_bad_host},
      {"sip:a@2001:db8::1", UriReject::uri_bad_port},
      {"sip:a@h:", UriReject::uri_bad_port},
      {"sip:a@h:0", UriReject::uri_bad_port},
      {"sip:a@h:65536", UriReject::uri_bad_port},
      {"sip:a@h:-1", UriReject::uri_bad_port},
      {"sip:a@h:5060x", UriReject::uri_bad_port},
      {"sip:a%4@h", UriReject::uri_bad_character},
      {"sip:a%zz@h", UriReject::uri_bad_character},
      {"sip:a b@h", UriReject::uri_bad_character},
      {"sip:a\"b@h", UriReject::uri_bad_character},
      {std::string("sip:a\0b@h", 9), UriReject::uri_bad_character},
      {"sip:a@h;x=\r\nVia: evil", UriReject::uri_bad_character},
      {"sip:a@h?x=<y>", UriReject::uri_bad_character},
      {"sip:a@h;", UriReject::uri_bad_parameter},
      {"sip:a@h;;lr", UriReject::uri_bad_parameter},
      {"sip:a@h;=x", UriReject::uri_bad_parameter},
      {"sip:a@h;lr;LR", UriReject::uri_bad_parameter},
      {many, UriReject::uri_too_many_parameters},
      {"tel:", UriReject::uri_bad_number},
      {"tel:+", UriReject::uri_bad_number},
      {"tel:12<3", UriReject::uri_bad_character},
      {"urn:ser vice", UriReject::uri_bad_character},
  };
  for (const BadRow& row : rows) {
    const auto parsed = Uri::parse(row.text);
    ASSERT_FALSE(parsed.ok()) << row.text;
    EXPECT_EQ(name_of(parsed.error()), name_of(row.why)) << row.text;
    EXPECT_FALSE(text_of(parsed.error()).empty());
  }
}

struct PairRow {
  const char* a;
  const char* b;
  bool same;
};
TEST(Uri, RFC3261_19_1_4_Comparison) {
  const PairRow rows[] = {
      {"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true},
      {"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
      {"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
      {"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
       "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
      {"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
       "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
      {"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
      {"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
      {"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
      {"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
      {"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
      {"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
      {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
      {"sip:a@h", "sips:a@h", false},
      {"sip:a@h", "sip:a:p@h", false},
      {"sip:a@h;maddr=192.0.2.1", "sip:a@h", false},
      {"sip:a%3Bb@h", "sip:a;b@h", false},  // reserved: the escape is not the character
      {"sip:a%3bb@h", "sip:a%3Bb@h", true},
      {"sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0::1]", true},  // RFC 5954 section 4.2
      {"sip:a@h;gr=x", "sip:a@h", false},                        // RFC 5627
      {"sip:a@h;gr=x", "sip:a@h;gr=x;opaque=1", true},
      {"tel:+1-201-555-0123", "tel:+1(201)5550123", true},  // RFC 3966 section 5
      {"tel:+12015550123", "tel:12015550123", false},
  };
  for (const PairRow& row : rows) {
    EXPECT_EQ(same_uri(uri(row.a), uri(row.b)), row.same) << row.a << ' ' << row.b;
    EXPECT_EQ(same_uri(uri(row.b), uri(row.a)), row.same) << row.b << ' ' << row.a;
  }
}

TEST(Uri, UsersThatDifferByCaseAreOneInTheField) {
  EXPECT_TRUE(same_uri(uri("sip:Alice@h"), uri("sip:aLICE@H"), UserCase::fold));
  EXPECT_FALSE(same_uri(uri("sip:Alice@h"), uri("sip:alicia@h"), UserCase::fold));
  EXPECT_EQ(aor_key(uri("sip:%41LICE@Centre.Example.COM:8060;transport=tcp")),
            "alice@centre.example.com");
  EXPECT_EQ(aor_key(uri("sip:1@[2001:DB8:0::1]")), aor_key(uri("sip:1@[2001:db8::1]")));
}

TEST(Uri, DialledNumbers) {
  const std::pair<const char*, const char*> rows[] = {
      {"sip:911@h", "911"},
      {"sip:+1-(212)-555.1000@h;user=phone", "+12125551000"},
      {"sip:+12125551000;phone-context=x@h", "+12125551000"},
      {"tel:+1-201-555-0123;ext=1", "+12015550123"},
      {"sip:*901@h", "*901"},
      {"sip:%2331@h", "#31"},
      {"sip:#31@h", "#31"},
      {"sip:%39%31%31@h", "911"},  // an escaped emergency number is one
      {"sip:alice@h", nullptr},
      {"sip:12a@h", nullptr},
      {"sip:1+2@h", nullptr},
      {"sip:+@h", nullptr},
      {"sip:h", nullptr},
      {"urn:service:sos", nullptr},
      {"sip:123456789012345678901234567890123@h", nullptr},
  };
  for (const auto& [text, number] : rows) {
    const auto got = dialled_number(uri(text));
    EXPECT_EQ(got, number != nullptr ? std::optional<std::string>(number) : std::nullopt) << text;
  }
}

TEST(Uri, WhatIsReadPrintsAndReadsTheSame) {
  std::mt19937 random(7);
  const std::string alphabet = "sipstel:@;=?&%41+[]<>\".-09az\r\n ";
  size_t read = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text = i % 2 ? "sip:" : "";
    for (size_t n = random() % 24; n > 0; --n) text += alphabet[random() % alphabet.size()];
    const auto first = Uri::parse(text);
    if (!first) continue;
    ++read;
    const auto second = Uri::parse(first->to_string());
    ASSERT_TRUE(second.ok()) << text;
    EXPECT_EQ(first.value(), second.value()) << text;
    EXPECT_TRUE(same_uri(first.value(), second.value())) << text;
  }
  EXPECT_GT(read, 1000u);
}

}  // namespace
}  // namespace holdfast::sip
