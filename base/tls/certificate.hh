// SPDX-License-Identifier: Apache-2.0
// X.509 certificates and keys in PEM files, as plain facts; OpenSSL's objects where they are
// needed.
//
// Files are read whole and bounded. Errors are one line that names the file. Any thread.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/tls/server_name.hh"
#include "media/result.hh"

namespace holdfast::tls {

struct Freed {
  void operator()(X509* certificate) const;
  void operator()(EVP_PKEY* key) const;
};
using Certificate = std::unique_ptr<X509, Freed>;
using Key = std::unique_ptr<EVP_PKEY, Freed>;

// A chain of more is refused, as is a file of more than this.
inline constexpr size_t kMaxChain = 16;
inline constexpr size_t kMaxPemBytes = 256 * 1024;

struct CertificateFacts {
  std::string subject, issuer;  // RFC 2253: "CN=edge,O=Branch"
  CertificateNames names;
  int64_t not_before_s = 0, not_after_s = 0;  // Unix time
  std::string key;                            // "EC 256", "RSA 2048"
  std::string sha256, sha1;                   // fingerprints: "AB:CD:.."
  bool is_authority = false;
};

// The leaf first, as in the file; at least one.
Result<std::vector<Certificate>, std::string> parse_certificates(std::string_view pem,
                                                                 const std::string& name);
Result<std::vector<Certificate>, std::string> read_certificates(const std::string& path);
// One that is encrypted is refused: nobody is there to ask for its password.
Result<Key, std::string> read_key(const std::string& path);
// What is wrong, or nothing.
std::string read_pem(const std::string& path, std::string& text);

CertificateNames names_of(const X509* certificate);
CertificateFacts facts_of(const X509* certificate);
bool fits(const X509* certificate, const EVP_PKEY* key);

// Why it does not hold at that time, or nothing. A time before its beginning is put down to the
// clock: whoever issues a certificate has a better one than a box without a battery.
std::string validity_word(const CertificateFacts& facts, int64_t now_s);
// Of all in a file: a line for each that does not hold at that time or ends in less than `soon_s`
// from it, "CN=between of CN=root: expired on ...".
std::vector<std::string> validity_words(const std::vector<CertificateFacts>& all, int64_t now_s,
                                        int64_t soon_s = 0);
// Of a chain, which is not empty: it holds no longer than this one.
const CertificateFacts& first_to_end(const std::vector<CertificateFacts>& chain);
// "2026-11-28 00:14:21 UTC"
std::string time_text(int64_t unix_s);

// The oldest error of OpenSSL's queue as ": text", or nothing; the queue is empty then.
std::string reason();

}  // namespace holdfast::tls
