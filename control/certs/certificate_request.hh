// SPDX-License-Identifier: Apache-2.0
// A key of our own and the request with which a CA makes a certificate of it (PKCS #10, RFC 2986).
//
// Pure but for OpenSSL's random numbers. Any thread. Errors are one line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/tls/certificate.hh"
#include "media/result.hh"

namespace holdfast::certs {

enum class KeyKind : uint8_t {
  ec,   // P-256: small, fast, and good enough for whoever speaks TLS 1.2
  rsa,  // 2048 bits, for phones and centres that know nothing else
};

inline constexpr std::string_view kAsHostName = "DNS:";

Result<tls::Key, std::string> make_key(KeyKind kind);
// PKCS #8 in PEM, not encrypted. The caller wipes it.
std::string pem_of(const EVP_PKEY* key);

// Names are host names, "sip:" URIs or addresses; at least one, the first is the common name too.
// "DNS:198.18.1.2" is an address where host names stand, for peers that look for it nowhere else.
// Gives what is wrong, or nothing; the request in PEM.
std::string make_request(EVP_PKEY* key, const std::vector<std::string>& names, std::string& pem);

}  // namespace holdfast::certs
