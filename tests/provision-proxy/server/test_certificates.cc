// SPDX-License-Identifier: Apache-2.0
// Makes keys and certificates with OpenSSL.
#include "tests/provision-proxy/server/test_certificates.hh"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

namespace holdfast::provision::test {
namespace {

template <typename T, void (*free_it)(T*)>
struct Free {
  void operator()(T* it) const { free_it(it); }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509, X509_free>>;

std::FILE* open_file(const std::string& path, const char* mode) {
  auto* file = std::fopen(path.c_str(), mode);
  EXPECT_NE(file, nullptr) << path;
  return file;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  ASSERT_NE(extension, nullptr) << value;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

TestCertificates::TestCertificates() {
  char folder[] = "/tmp/holdfast-certificates-XXXXXX";
  folder_ = ::mkdtemp(folder);
}

TestCertificates::~TestCertificates() {
  std::filesystem::remove_all(folder_);
}

void TestCertificates::make(const std::string& name, const std::string& issuer,
                            const CertificateWish& wish) {
  const Key own(EVP_EC_gen("P-256"));
  const Certificate made(X509_new());
  static long serial = 1;
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), wish.valid_from_s);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), wish.valid_to_s);
  X509_set_pubkey(made.get(), own.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.common_name.data()),
                             static_cast<int>(wish.common_name.size()), -1, 0);

  Key signing;
  Certificate authority;
  if (!issuer.empty()) {
    auto* file = open_file(certificate(issuer), "r");
    authority.reset(PEM_read_X509(file, nullptr, nullptr, nullptr));
    std::fclose(file);
    file = open_file(key(issuer), "r");
    signing.reset(PEM_read_PrivateKey(file, nullptr, nullptr, nullptr));
    std::fclose(file);
  }
  X509* const by = authority ? authority.get() : made.get();
  X509_set_issuer_name(made.get(), X509_get_subject_name(by));
  add_extension(made.get(), by, NID_basic_constraints,
                wish.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (wish.for_servers_only) add_extension(made.get(), by, NID_ext_key_usage, "serverAuth");
  std::string names;
  for (const auto& alternative : wish.alternative_names)
    names += (names.empty() ? "" : ",") + alternative;
  if (!names.empty()) add_extension(made.get(), by, NID_subject_alt_name, names);
  ASSERT_GT(X509_sign(made.get(), signing ? signing.get() : own.get(), EVP_sha256()), 0);

  auto* file = open_file(certificate(name), "w");
  PEM_write_X509(file, made.get());
  std::fclose(file);
  file = open_file(key(name), "w");
  PEM_write_PrivateKey(file, own.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
}

std::string TestCertificates::file(const std::string& name, const std::string& text) {
  auto path = folder_ + "/" + name;
  std::ofstream(path) << text;
  return path;
}

void TestCertificates::rename(const std::string& from, const std::string& to) {
  std::filesystem::rename(certificate(from), certificate(to));
  std::filesystem::rename(key(from), key(to));
}

}  // namespace holdfast::provision::test
