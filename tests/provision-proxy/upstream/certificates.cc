// SPDX-License-Identifier: Apache-2.0
// X.509 by hand: P-256 keys, version 3, signed with SHA-256.
#include "tests/provision-proxy/upstream/certificates.hh"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

namespace holdfast::provision {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

// Goes with the process.
struct Folder {
  std::string path = testing::TempDir() + "hf-tls-" + std::to_string(::getpid()) + "/";
  Folder() { std::filesystem::create_directories(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

std::string path_of(const std::string& name) {
  static const Folder folder;
  return folder.path + name;
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate make(const CertificateWish& wish, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
                 bool authority) {
  static long serial = 1;
  Certificate certificate(X509_new(), X509_free);
  X509* raw = certificate.get();
  X509_set_version(raw, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(raw), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(raw), wish.from_s);
  X509_gmtime_adj(X509_getm_notAfter(raw), wish.until_s);
  X509_set_pubkey(raw, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(wish.common_name.c_str()), -1,
                             -1, 0);
  X509_set_issuer_name(raw, X509_get_subject_name(issuer == nullptr ? raw : issuer));
  if (authority) extend(raw, issuer, NID_basic_constraints, "critical,CA:TRUE");
  if (!authority && !wish.alternative.empty())
    extend(raw, issuer, NID_subject_alt_name, wish.alternative);
  X509_sign(raw, issuer_key, EVP_sha256());
  return certificate;
}

void write(const std::string& path, const std::function<void(std::FILE*)>& content) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  content(file);
  std::fclose(file);
}

}  // namespace

struct Authority::Keys {
  Key key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  Certificate certificate{nullptr, X509_free};
};

Authority::Authority(const std::string& name)
    : keys_(std::make_unique<Keys>()), file_(path_of(name + "-ca.pem")) {
  CertificateWish wish;
  wish.common_name = name;
  keys_->certificate = make(wish, keys_->key.get(), nullptr, keys_->key.get(), true);
  write(file_, [&](std::FILE* f) { PEM_write_X509(f, keys_->certificate.get()); });
}

Authority::~Authority() {
  ::unlink(file_.c_str());
}

TlsFiles Authority::issue(const std::string& name, const CertificateWish& wish) const {
  const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const auto certificate = make(wish, key.get(), keys_->certificate.get(), keys_->key.get(), false);
  TlsFiles files{path_of(name + ".pem"), path_of(name + "-key.pem"), ""};
  write(files.certificate, [&](std::FILE* f) { PEM_write_X509(f, certificate.get()); });
  write(files.key, [&](std::FILE* f) {
    PEM_write_PrivateKey(f, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return files;
}

}  // namespace holdfast::provision
