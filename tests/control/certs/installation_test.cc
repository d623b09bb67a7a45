// SPDX-License-Identifier: Apache-2.0
// From a request to a certificate in place, with a CA of the test's own between them.
#include "control/certs/installation.hh"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <ctime>
#include <filesystem>

#include "tests/provision-proxy/server/test_certificates.hh"

namespace holdfast::certs {
namespace {

constexpr long kDay = 86400;

std::string read(const std::string& path) {
  std::string text;
  EXPECT_EQ(tls::read_pem(path, text), "") << path;
  return text;
}

mode_t mode_of(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 0777;
}

// What a CA does: takes names and key of the request as they are.
std::string sign(const std::string& request_pem, const std::string& ca, const std::string& ca_key,
                 long from_s = -3600, long to_s = 30 * kDay) {
  BIO* in = BIO_new_mem_buf(request_pem.data(), static_cast<int>(request_pem.size()));
  X509_REQ* request = PEM_read_bio_X509_REQ(in, nullptr, nullptr, nullptr);
  EXPECT_NE(request, nullptr);
  EXPECT_EQ(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
  const auto issuer = tls::read_certificates(ca);
  const auto key = tls::read_key(ca_key);
  X509* made = X509_new();
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), 77);
  X509_gmtime_adj(X509_getm_notBefore(made), from_s);
  X509_gmtime_adj(X509_getm_notAfter(made), to_s);
  X509_set_subject_name(made, X509_REQ_get_subject_name(request));
  X509_set_issuer_name(made, X509_get_subject_name(issuer->front().get()));
  X509_set_pubkey(made, X509_REQ_get0_pubkey(request));
  auto* extensions = X509_REQ_get_extensions(request);
  for (int i = 0; i < sk_X509_EXTENSION_num(extensions); ++i)
    X509_add_ext(made, sk_X509_EXTENSION_value(extensions, i), -1);
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  X509_sign(made, key->get(), EVP_sha256());
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(out, made);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  std::string pem(bytes, static_cast<size_t>(size));
  BIO_free(out);
  BIO_free(in);
  X509_free(made);
  X509_REQ_free(request);
  return pem;
}

class InstallationTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* ca : {"line-ca", "other-ca"})
      files.make(
          ca, "",
          {.common_name = ca, .alternative_names = {}, .valid_to_s = 90 * kDay, .authority = true});
    place.certificate = files.certificate("wan");
    place.key = files.key("wan");
    place.names = {"edge.example", "sip:edge.example", "198.18.2.2", "2001:db8:2::2"};
  }
  std::string request(KeyKind kind = KeyKind::ec) {
    std::string pem;
    EXPECT_EQ(prepare(place, kind, pem, made), "");
    return pem;
  }
  std::string signed_by(const std::string& ca, const std::string& request_pem, long from_s = -3600,
                        long to_s = 30 * kDay) const {
    return sign(request_pem, files.certificate(ca), files.key(ca), from_s, to_s);
  }
  std::string put(const std::string& pem, const std::string& ca = "line-ca") {
    done = {};
    return install(place, pem, "answer.pem", ca.empty() ? "" : files.certificate(ca),
                   std::time(nullptr), done);
  }
  bool refused(const std::string& pem, const std::string& word, const std::string& ca = "line-ca") {
    const std::string wrong = put(pem, ca);
    EXPECT_NE(wrong.find(word), std::string::npos) << wrong;
    return !std::filesystem::exists(place.certificate) && !std::filesystem::exists(place.key);
  }

  provision::test::TestCertificates files;
  Place place;
  Installed done;
  bool made = false;
};

TEST_F(InstallationTest, FromRequestToPlace) {
  for (const KeyKind kind : {KeyKind::ec, KeyKind::rsa}) {
    const std::string pem = request(kind);
    EXPECT_TRUE(made);
    EXPECT_EQ(mode_of(next_key_of(place)), 0600U);
    EXPECT_EQ(put(signed_by("line-ca", pem)), "");
    EXPECT_TRUE(done.new_key);
    EXPECT_TRUE(done.warnings.empty()) << done.warnings.front();
    EXPECT_EQ(done.facts.key, kind == KeyKind::ec ? "EC 256" : "RSA 2048");
    EXPECT_EQ(mode_of(place.certificate), 0600U);
    EXPECT_EQ(mode_of(place.key), 0600U);
    EXPECT_FALSE(std::filesystem::exists(next_key_of(place)));
    EXPECT_FALSE(std::filesystem::exists(place.certificate + ".half"));
    const Look look = look_at(place, std::time(nullptr));
    EXPECT_EQ(look.wrong, "");
    EXPECT_EQ(look.chain.front().subject, "CN=edge.example");
    EXPECT_EQ(tls::text_of(look.chain.front().names),
              "DNS:edge.example, URI:sip:edge.example, IP:198.18.2.2, IP:2001:db8:2::2");
  }
}

// Whoever loses the request asks again; the key that the CA has seen is not thrown away.
TEST_F(InstallationTest, TheKeyThatWaitsIsUsedAgain) {
  const std::string first = request();
  const std::string key = read(next_key_of(place));
  place.names.push_back("second.example");
  const std::string second = request();
  EXPECT_FALSE(made);
  EXPECT_EQ(read(next_key_of(place)), key);
  EXPECT_EQ(put(signed_by("line-ca", first)), "");
  ASSERT_EQ(done.warnings.size(), 1U);
  EXPECT_NE(done.warnings[0].find("it is not for second.example"), std::string::npos);
  // The same key, renewed.
  EXPECT_EQ(put(signed_by("line-ca", second)), "");
  EXPECT_FALSE(done.new_key);
}

TEST_F(InstallationTest, WhatDoesNotFitChangesNothing) {
  const std::string pem = request();
  const std::string good = signed_by("line-ca", pem);
  EXPECT_TRUE(refused("", "holds no certificate"));
  EXPECT_TRUE(refused(good.substr(0, 200), "cannot be read"));
  EXPECT_TRUE(refused(read(files.certificate("line-ca")), "belongs neither to"));
  EXPECT_TRUE(refused(read(files.certificate("line-ca")) + good, "belongs neither to"));
  EXPECT_TRUE(refused(signed_by("other-ca", pem), "it does not come from"));
  EXPECT_TRUE(
      refused(good + read(files.certificate("other-ca")), "is not signed by the one that follows"));
  EXPECT_TRUE(refused(signed_by("line-ca", pem, -2 * kDay, -kDay), "expired on"));
  EXPECT_TRUE(
      refused(signed_by("line-ca", pem, kDay, 2 * kDay), "the clock of this machine is wrong"));
  EXPECT_TRUE(std::filesystem::exists(next_key_of(place)));
  // With what follows it in order, and without a CA to ask.
  EXPECT_EQ(put(good + read(files.certificate("line-ca")), ""), "");
  ASSERT_EQ(done.warnings.size(), 1U);
  EXPECT_EQ(done.warnings[0], "no CA to check it with; give one with --ca");
}

// The certificate cannot be put in place: the pair that serves stays, and so does the key that
// waits.
TEST_F(InstallationTest, AHalfInstallationTakesNoKeyAway) {
  EXPECT_EQ(put(signed_by("line-ca", request())), "");
  const std::string old_key = read(place.key);
  const std::string pem = request();
  const std::string new_key = read(next_key_of(place));
  std::filesystem::remove(place.certificate);
  std::filesystem::create_directory(place.certificate);
  EXPECT_NE(put(signed_by("line-ca", pem)).find("cannot be replaced"), std::string::npos);
  EXPECT_EQ(read(place.key), old_key);
  EXPECT_EQ(read(next_key_of(place)), new_key);
  std::filesystem::remove(place.certificate);
  EXPECT_EQ(put(signed_by("line-ca", pem)), "");
  EXPECT_EQ(read(place.key), new_key);
  for (const char* rest : {".old", ".half"}) {
    EXPECT_FALSE(std::filesystem::exists(place.key + rest));
    EXPECT_FALSE(std::filesystem::exists(place.certificate + rest));
  }
}

// Some phones look for an address only where host names stand; it is asked for there by that name.
TEST_F(InstallationTest, AnAddressWhereHostNamesStand) {
  place.names = {"DNS:198.18.2.2", "198.18.2.2", "DNS:2001:db8:2::2"};
  EXPECT_EQ(put(signed_by("line-ca", request())), "");
  EXPECT_TRUE(done.warnings.empty()) << done.warnings.front();
  EXPECT_EQ(done.facts.subject, "CN=198.18.2.2");
  EXPECT_EQ(tls::text_of(done.facts.names), "DNS:198.18.2.2, DNS:2001:db8:2::2, IP:198.18.2.2");

  place.names = {"198.18.2.2"};
  const std::string without = signed_by("line-ca", request());
  place.names = {"DNS:198.18.2.2"};
  EXPECT_EQ(put(without), "");
  ASSERT_EQ(done.warnings.size(), 1U);
  EXPECT_EQ(done.warnings[0], "it is not for DNS:198.18.2.2, only for IP:198.18.2.2");
}

TEST_F(InstallationTest, NamesThatAreNone) {
  for (const char* name : {"", "DNS:", "two words", "a,DNS:b", "a;b", "caf\xc3\xa9"}) {
    place.names = {name};
    std::string pem;
    EXPECT_NE(prepare(place, KeyKind::ec, pem, made), "") << name;
    EXPECT_FALSE(std::filesystem::exists(next_key_of(place)));
  }
  place.names = {};
  std::string pem;
  EXPECT_EQ(prepare(place, KeyKind::ec, pem, made),
            "a certificate needs a name; give one with --name");
}

TEST_F(InstallationTest, WhatStandsInPlaceIsLookedAt) {
  EXPECT_NE(look_at(place, 0).wrong.find("No such file"), std::string::npos);
  EXPECT_EQ(put(signed_by("line-ca", request())), "");
  request();
  EXPECT_TRUE(look_at(place, std::time(nullptr)).key_waits);
  EXPECT_NE(look_at(place, 0).wrong.find("the clock of this machine is wrong"), std::string::npos);
  EXPECT_NE(look_at(place, std::time(nullptr) + 31 * kDay).wrong.find("expired on"),
            std::string::npos);
  std::filesystem::rename(next_key_of(place), place.key);
  EXPECT_EQ(look_at(place, std::time(nullptr)).wrong, place.key + ": is not its key");
}

TEST_F(InstallationTest, WhomItComesFromIsTold) {
  const int64_t now_s = std::time(nullptr);
  const std::string line = files.certificate("line-ca"), other = files.certificate("other-ca");
  EXPECT_NE(authority_fault(place, line, now_s).find("No such file"), std::string::npos);
  EXPECT_EQ(put(signed_by("line-ca", request())), "");
  EXPECT_EQ(authority_fault(place, line, now_s), "");
  EXPECT_EQ(authority_fault(place, other, now_s),
            "it does not come from " + other + ": unable to get local issuer certificate");
  EXPECT_NE(authority_fault(place, "/nowhere.pem", now_s).find("holds no certificate of a CA"),
            std::string::npos);
}

TEST_F(InstallationTest, AFolderThatIsNotThereIsSaid) {
  place.key = "/nowhere/wan.key";
  std::string pem;
  EXPECT_EQ(prepare(place, KeyKind::ec, pem, made),
            "/nowhere/wan.key.next.half: cannot be made: No such file or directory");
}

// A chain of three, of which what stands above the first has dates of its own.
TEST_F(InstallationTest, TheDatesOfThoseAboveCountToo) {
  const auto chain_by = [&](long from_s, long to_s) {
    files.make("between", "line-ca",
               {.common_name = "between",
                .alternative_names = {},
                .valid_from_s = from_s,
                .valid_to_s = to_s,
                .authority = true});
    return signed_by("between", request(), -3600, 30 * kDay) + read(files.certificate("between"));
  };
  const std::string between = "CN=between of CN=line-ca: ";
  EXPECT_TRUE(refused(chain_by(-2 * kDay, -kDay), between + "expired on"));
  EXPECT_TRUE(refused(chain_by(-2 * kDay, -kDay), between + "expired on", ""));
  EXPECT_TRUE(refused(chain_by(kDay, 2 * kDay), between + "the clock of this machine is wrong"));
  ASSERT_EQ(put(chain_by(-3600, 20 * kDay)), "");
  ASSERT_EQ(done.warnings.size(), 1U);
  EXPECT_NE(done.warnings[0].find("alone, when CN=between above it ends"), std::string::npos)
      << done.warnings[0];
  const int64_t now_s = std::time(nullptr);
  EXPECT_EQ(look_at(place, now_s).wrong, "");
  EXPECT_EQ(look_at(place, now_s + 21 * kDay).wrong.find(between + "expired on"), 0U)
      << look_at(place, now_s + 21 * kDay).wrong;
}

TEST_F(InstallationTest, WhatEndsSoonIsSaid) {
  ASSERT_EQ(put(signed_by("line-ca", request(), -3600, 13 * kDay)), "");
  ASSERT_EQ(done.warnings.size(), 1U);
  EXPECT_NE(done.warnings[0].find("CN=edge.example of CN=line-ca: expires on"), std::string::npos)
      << done.warnings[0];
  const int64_t now_s = std::time(nullptr);
  EXPECT_EQ(look_at(place, now_s).wrong, "");
  EXPECT_EQ(look_at(place, now_s).soon.find("CN=edge.example of CN=line-ca: expires on"), 0U);
  EXPECT_EQ(put("no PEM").find("answer.pem: holds no certificate"), 0U);
}

// Its mode keeps a daemon out of it, and root with all its capabilities is told so too.
TEST_F(InstallationTest, AKeyThatADaemonCannotReadIsBad) {
  ASSERT_EQ(put(signed_by("line-ca", request())), "");
  ASSERT_EQ(::chmod(place.key.c_str(), 0), 0);
  const std::string wrong = look_at(place, std::time(nullptr)).wrong;
  EXPECT_EQ(wrong.find(place.key + ": Permission denied: "), 0U) << wrong;
  EXPECT_NE(wrong.find("has mode 0000; run: chmod u+r " + place.key), std::string::npos) << wrong;
  ASSERT_EQ(::chmod(files.certificate("line-ca").c_str(), 0), 0);
  EXPECT_NE(look_at_authorities(files.certificate("line-ca"), 0).wrong.find("Permission denied"),
            std::string::npos);
}

TEST_F(InstallationTest, FilesOfCasAreLookedAtToo) {
  files.make("old-ca", "",
             {.common_name = "old-ca",
              .alternative_names = {},
              .valid_from_s = -2 * kDay,
              .valid_to_s = -kDay,
              .authority = true});
  const int64_t now_s = std::time(nullptr);
  const std::string both = files.file(
      "both.pem", read(files.certificate("line-ca")) + read(files.certificate("old-ca")));
  EXPECT_EQ(look_at_authorities(files.certificate("line-ca"), now_s).wrong, "");
  const Look look = look_at_authorities(both, now_s);
  EXPECT_EQ(look.chain.size(), 2U);
  EXPECT_EQ(look.wrong.find("CN=old-ca of CN=old-ca: expired on"), 0U) << look.wrong;
  EXPECT_EQ(look_at_authorities("/nowhere.pem", now_s).wrong,
            "/nowhere.pem: No such file or directory");
  // What comes from there alone does not go in place.
  const std::string pem = request();
  EXPECT_TRUE(refused(signed_by("old-ca", pem), "CN=old-ca of CN=old-ca: expired on", "old-ca"));
}

}  // namespace
}  // namespace holdfast::certs
