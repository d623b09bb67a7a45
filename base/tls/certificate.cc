// SPDX-License-Identifier: Apache-2.0
// Reading certificates.
#include "base/tls/certificate.hh"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/file_rights.hh"
#include "media/wipe.hh"

namespace holdfast::tls {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

int no_password(char*, int, int, void*) {
  return -1;
}

Bio memory(std::string_view bytes) {
  return {BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())), BIO_free};
}

// Empty if it holds what no name has: it could be read as another one than it is.
std::string name_text(const ASN1_STRING* value) {
  const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(value));
  std::string text(bytes, static_cast<size_t>(ASN1_STRING_length(value)));
  const bool is_plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return is_plain ? text : "";
}

std::string text_of(const X509_NAME* name) {
  const Bio out(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out.get(), &bytes);
  return size > 0 ? std::string(bytes, static_cast<size_t>(size)) : "(empty)";
}

int64_t unix_of(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<int64_t>(::timegm(&parts)) : 0;
}

std::string fingerprint(const X509* certificate, const EVP_MD* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  X509_digest(certificate, digest, bytes.data(), &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    std::array<char, 4> pair{};
    std::snprintf(pair.data(), pair.size(), "%02X", bytes[i]);
    text += (i == 0 ? "" : ":") + std::string(pair.data());
  }
  return text;
}

std::string key_text(const X509* certificate) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (key == nullptr) return "unknown";
  const char* kind = EVP_PKEY_get0_type_name(key);
  return std::string(kind == nullptr ? "unknown" : kind) + ' ' +
         std::to_string(EVP_PKEY_get_bits(key));
}

}  // namespace

void Freed::operator()(X509* certificate) const {
  X509_free(certificate);
}
void Freed::operator()(EVP_PKEY* key) const {
  EVP_PKEY_free(key);
}

std::string reason() {
  const auto code = ERR_peek_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(code)) return std::string(": ") + std::strerror(ERR_GET_REASON(code));
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "" : std::string(": ") + text;
}

std::string read_pem(const std::string& path, std::string& text) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             std::fclose);
  if (!file) return read_fault(path);
  std::setvbuf(file.get(), nullptr, _IONBF, 0);  // a buffer would keep some of a key
  text.assign(kMaxPemBytes + 1, '\0');
  const size_t size = std::fread(text.data(), 1, text.size(), file.get());
  if (std::ferror(file.get()) != 0) return path + ": cannot be read: " + std::strerror(errno);
  if (size > kMaxPemBytes) return path + ": is too large for a PEM file";
  text.resize(size);
  return "";
}

Result<std::vector<Certificate>, std::string> parse_certificates(std::string_view pem,
                                                                 const std::string& name) {
  ERR_clear_error();
  const Bio in = memory(pem);
  std::vector<Certificate> chain;
  while (Certificate next{PEM_read_bio_X509(in.get(), nullptr, no_password, nullptr)}) {
    if (chain.size() == kMaxChain) return name + ": holds too many certificates";
    chain.push_back(std::move(next));
  }
  const auto code = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
  if (!at_end) return name + ": a certificate in it cannot be read" + reason();
  ERR_clear_error();
  if (chain.empty()) return name + ": holds no certificate";
  return chain;
}

Result<std::vector<Certificate>, std::string> read_certificates(const std::string& path) {
  std::string text;
  if (auto wrong = read_pem(path, text); !wrong.empty()) return wrong;
  return parse_certificates(text, path);
}

Result<Key, std::string> read_key(const std::string& path) {
  media::WipedString text;
  if (auto wrong = read_pem(path, text); !wrong.empty()) return wrong;
  ERR_clear_error();
  const Bio in = memory(text);
  Key key(PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, nullptr));
  if (!key) return path + ": holds no private key that can be used" + reason();
  ERR_clear_error();
  return key;
}

CertificateNames names_of(const X509* certificate) {
  CertificateNames names;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0)
    names.common_name = name_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  auto* all = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(all, i);
    if (one->type == GEN_DNS || one->type == GEN_URI) {
      const auto* value = one->type == GEN_DNS ? one->d.dNSName : one->d.uniformResourceIdentifier;
      auto& list = one->type == GEN_DNS ? names.dns : names.uris;
      // One that cannot be read is there all the same: the common name is not asked in its place.
      list.push_back(name_text(value));
    } else if (one->type == GEN_IPADD) {
      const auto* bytes = ASN1_STRING_get0_data(one->d.iPAddress);
      const int size = ASN1_STRING_length(one->d.iPAddress);
      if (size == 4) names.addresses.push_back(IpAddress::v4(bytes));
      if (size == 16) names.addresses.push_back(IpAddress::v6(bytes));
    }
  }
  GENERAL_NAMES_free(all);
  return names;
}

CertificateFacts facts_of(const X509* certificate) {
  CertificateFacts facts;
  facts.subject = text_of(X509_get_subject_name(certificate));
  facts.issuer = text_of(X509_get_issuer_name(certificate));
  facts.names = names_of(certificate);
  facts.not_before_s = unix_of(X509_get0_notBefore(certificate));
  facts.not_after_s = unix_of(X509_get0_notAfter(certificate));
  facts.key = key_text(certificate);
  facts.sha256 = fingerprint(certificate, EVP_sha256());
  facts.sha1 = fingerprint(certificate, EVP_sha1());
  facts.is_authority = X509_check_ca(const_cast<X509*>(certificate)) != 0;
  return facts;
}

bool fits(const X509* certificate, const EVP_PKEY* key) {
  const EVP_PKEY* theirs = X509_get0_pubkey(certificate);
  return theirs != nullptr && key != nullptr && EVP_PKEY_eq(theirs, key) == 1;
}

std::string time_text(int64_t unix_s) {
  const auto time = static_cast<std::time_t>(unix_s);
  std::tm parts{};
  std::array<char, 64> text{};
  ::gmtime_r(&time, &parts);
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

std::string validity_word(const CertificateFacts& facts, int64_t now_s) {
  if (now_s < facts.not_before_s)
    return "the clock of this machine is wrong: it says " + time_text(now_s) +
           ", before the certificate was issued (" + time_text(facts.not_before_s) +
           "); set the clock";
  if (now_s > facts.not_after_s)
    return "expired on " + time_text(facts.not_after_s) + "; the clock says " + time_text(now_s);
  return "";
}

std::vector<std::string> validity_words(const std::vector<CertificateFacts>& all, int64_t now_s,
                                        int64_t soon_s) {
  std::vector<std::string> words;
  for (const CertificateFacts& facts : all) {
    std::string word = validity_word(facts, now_s);
    if (word.empty() && facts.not_after_s - now_s < soon_s)
      word = "expires on " + time_text(facts.not_after_s);
    if (!word.empty()) words.push_back(facts.subject + " of " + facts.issuer + ": " + word);
  }
  return words;
}

const CertificateFacts& first_to_end(const std::vector<CertificateFacts>& chain) {
  return *std::min_element(chain.begin(), chain.end(), [](const auto& a, const auto& b) {
    return a.not_after_s < b.not_after_s;
  });
}

}  // namespace holdfast::tls
