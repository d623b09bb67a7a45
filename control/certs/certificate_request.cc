// SPDX-License-Identifier: Apache-2.0
// Keys and requests by OpenSSL.
#include "control/certs/certificate_request.hh"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "media/address.hh"

namespace holdfast::certs {
namespace {

constexpr unsigned kRsaBits = 2048;
constexpr size_t kMaxCommonName = 64;  // RFC 5280: ub-common-name

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Request = std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)>;

std::string text_of(const Bio& bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return size > 0 ? std::string(bytes, static_cast<size_t>(size)) : std::string();
}

bool is_plain(const std::string& name) {
  return !name.empty() && name != kAsHostName && std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != ',' && c != ';' && c != '"';
  });
}

std::string alternative_of(const std::string& name) {
  if (name.starts_with(kAsHostName)) return name;
  if (IpAddress::parse(name)) return "IP:" + name;
  return (name.starts_with("sip:") || name.starts_with("sips:") ? "URI:" : "DNS:") + name;
}

bool add_extension(STACK_OF(X509_EXTENSION) * all, int nid, const std::string& value) {
  X509_EXTENSION* one = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  if (one == nullptr) return false;
  if (sk_X509_EXTENSION_push(all, one) > 0) return true;
  X509_EXTENSION_free(one);
  return false;
}

bool add_extensions(X509_REQ* request, const std::vector<std::string>& names) {
  std::string alternatives;
  for (const std::string& name : names)
    alternatives += (alternatives.empty() ? "" : ",") + alternative_of(name);
  auto* all = sk_X509_EXTENSION_new_null();
  // A proxy is server to phones and client to the centre.
  const bool good = add_extension(all, NID_subject_alt_name, alternatives) &&
                    add_extension(all, NID_ext_key_usage, "serverAuth,clientAuth") &&
                    X509_REQ_add_extensions(request, all) == 1;
  sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
  return good;
}

}  // namespace

Result<tls::Key, std::string> make_key(KeyKind kind) {
  ERR_clear_error();
  tls::Key key(kind == KeyKind::ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(kRsaBits));
  if (!key) return "a key cannot be made" + tls::reason();
  return key;
}

std::string pem_of(const EVP_PKEY* key) {
  // Memory of the kind that OpenSSL wipes.
  const Bio out(BIO_new(BIO_s_secmem()), BIO_free);
  PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(out);
}

std::string make_request(EVP_PKEY* key, const std::vector<std::string>& names, std::string& pem) {
  if (names.empty()) return "a certificate needs a name; give one with --name";
  for (const std::string& name : names)
    if (!is_plain(name)) return "'" + name + "' is no name for a certificate";
  ERR_clear_error();
  const Request request(X509_REQ_new(), X509_REQ_free);
  const size_t prefix = names.front().starts_with(kAsHostName) ? kAsHostName.size() : 0;
  const std::string common = names.front().substr(prefix, kMaxCommonName);
  const auto* bytes = reinterpret_cast<const unsigned char*>(common.data());
  if (X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request.get()), NID_commonName,
                                 MBSTRING_ASC, bytes, static_cast<int>(common.size()), -1,
                                 0) != 1 ||
      X509_REQ_set_pubkey(request.get(), key) != 1 || !add_extensions(request.get(), names) ||
      X509_REQ_sign(request.get(), key, EVP_sha256()) <= 0)
    return "a request cannot be made" + tls::reason();
  const Bio out(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509_REQ(out.get(), request.get());
  pem = text_of(out);
  return "";
}

}  // namespace holdfast::certs
