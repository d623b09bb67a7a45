// SPDX-License-Identifier: Apache-2.0
// Certificates and keys out of files, good and bad ones.
#include "base/tls/certificate.hh"

#include <gtest/gtest.h>

#include <ctime>
#include <fstream>

#include "tests/freed_memory.hh"
#include "tests/provision-proxy/server/test_certificates.hh"

namespace holdfast::tls {
namespace {

constexpr long kDay = 86400;

class CertificateTest : public testing::Test {
 protected:
  void SetUp() override {
    files.make("ca", "", {.common_name = "line CA", .alternative_names = {}, .authority = true});
    files.make("edge", "ca",
               {.common_name = "edge",
                .alternative_names = {"DNS:edge.example", "URI:sip:example", "IP:198.18.2.2",
                                      "IP:2001:db8::2", "email:a@example"}});
  }
  static std::string text_of_file(const std::string& path) {
    std::string text;
    EXPECT_EQ(read_pem(path, text), "");
    return text;
  }
  provision::test::TestCertificates files;
};

TEST_F(CertificateTest, Facts) {
  const auto chain = read_certificates(files.certificate("edge"));
  ASSERT_TRUE(chain) << chain.error();
  ASSERT_EQ(chain->size(), 1U);
  const CertificateFacts facts = facts_of(chain->front().get());
  EXPECT_EQ(facts.subject, "CN=edge");
  EXPECT_EQ(facts.issuer, "CN=line CA");
  EXPECT_EQ(tls::text_of(facts.names),
            "DNS:edge.example, URI:sip:example, IP:198.18.2.2, IP:2001:db8::2");
  EXPECT_EQ(facts.names.common_name, "edge");
  EXPECT_NEAR(static_cast<double>(facts.not_before_s),
              static_cast<double>(std::time(nullptr)) - 3600, 30);
  EXPECT_EQ(facts.sha256.size(), 32U * 3 - 1);
  EXPECT_EQ(facts.sha1.size(), 20U * 3 - 1);
  EXPECT_FALSE(facts.is_authority);
  EXPECT_TRUE(facts_of(read_certificates(files.certificate("ca"))->front().get()).is_authority);
}

TEST_F(CertificateTest, AKeyFitsItsCertificateAlone) {
  const auto chain = read_certificates(files.certificate("edge"));
  const auto key = read_key(files.key("edge")), other = read_key(files.key("ca"));
  ASSERT_TRUE(chain && key && other);
  EXPECT_TRUE(fits(chain->front().get(), key->get()));
  EXPECT_FALSE(fits(chain->front().get(), other->get()));
}

TEST_F(CertificateTest, TheTextOfAKeyIsWiped) {
  const std::string text = text_of_file(files.key("edge"));
  const std::string line = text.substr(text.find('\n') + 1, 32);
  const std::string cut = files.file("cut.key", text.substr(0, text.size() / 2));
  test::FreedMemory freed{{line}};
  { const std::string copy(text.data(), text.size()); }
  EXPECT_EQ(freed.seen(), 1U) << "or this test sees nothing";
  freed.forget();
  EXPECT_TRUE(read_key(files.key("edge")));
  EXPECT_FALSE(read_key(cut));
  EXPECT_EQ(freed.seen(), 0U);
}

TEST_F(CertificateTest, BadFilesAreNamed) {
  const std::string good = text_of_file(files.certificate("edge"));
  const auto wrong = [](const std::string& path) {
    const auto chain = read_certificates(path);
    return chain ? std::string("good") : chain.error();
  };
  EXPECT_EQ(wrong("/nowhere.pem"), "/nowhere.pem: No such file or directory");
  EXPECT_NE(wrong(files.file("empty.pem", "")).find("holds no certificate"), std::string::npos);
  EXPECT_NE(wrong(files.file("text.pem", "hello\n")).find("holds no certificate"),
            std::string::npos);
  std::string broken = good;
  broken[broken.size() / 2] = '!';
  EXPECT_NE(wrong(files.file("broken.pem", good + broken)), "good");
  EXPECT_NE(wrong(files.file("cut.pem", good.substr(0, good.size() / 2))), "good");
  EXPECT_NE(wrong(files.file("big.pem", std::string(kMaxPemBytes + 1, 'x'))).find("too large"),
            std::string::npos);
  std::string many;
  for (size_t i = 0; i <= kMaxChain; ++i) many += good;
  EXPECT_NE(wrong(files.file("many.pem", many)).find("too many"), std::string::npos);
  EXPECT_FALSE(read_key(files.certificate("edge")));
  EXPECT_FALSE(read_key(files.file("key.pem", "-----BEGIN PRIVATE KEY-----\nxx\n")));
}

// A name with a NUL could be read as a shorter one by whoever stops there.
TEST_F(CertificateTest, NamesThatAreNoNamesAreLeftOut) {
  files.make("odd", "ca", {.common_name = "two words", .alternative_names = {}});
  const auto chain = read_certificates(files.certificate("odd"));
  ASSERT_TRUE(chain);
  EXPECT_EQ(names_of(chain->front().get()).common_name, "");
}

TEST_F(CertificateTest, WhatTheClockMakesOfIt) {
  CertificateFacts facts;
  facts.not_before_s = 1'700'000'000;
  facts.not_after_s = facts.not_before_s + 365 * kDay;
  EXPECT_EQ(validity_word(facts, facts.not_before_s), "");
  EXPECT_EQ(validity_word(facts, facts.not_after_s), "");
  EXPECT_EQ(validity_word(facts, 0),
            "the clock of this machine is wrong: it says 1970-01-01 00:00:00 UTC, before the "
            "certificate was issued (2023-11-14 22:13:20 UTC); set the clock");
  EXPECT_EQ(validity_word(facts, facts.not_after_s + 1),
            "expired on 2024-11-13 22:13:20 UTC; the clock says 2024-11-13 22:13:21 UTC");
}

}  // namespace
}  // namespace holdfast::tls
