// SPDX-License-Identifier: Apache-2.0
// Whether a certificate is for the name that we meant to reach.
//
// Pure: RFC 5922 section 7.1 for SIP domains, RFC 6125 section 6.4 for wildcards. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "media/address.hh"

namespace holdfast::tls {

// What a certificate says that its holder is. Names with a NUL or a control character are left out
// by whoever reads the certificate.
struct CertificateNames {
  std::vector<std::string> dns;
  std::vector<std::string> uris;
  std::vector<IpAddress> addresses;
  std::string common_name;  // counts only when there is no alternative name of any kind
};

// `wanted`: a host name or domain, or an address in any spelling. An address is met by an address
// of the certificate alone. A name is met
// - by a URI "sip:name" or "sips:name" without user and port;
// - by a DNS name: without case; "*.name" stands for exactly one label, the leftmost and whole one,
//   of a name that has two labels more (RFC 5922 would have no wildcard at all: see
//   docs/decisions/0017);
// - by the common name, without wildcards, if there is no alternative name.
bool is_for(const CertificateNames& certificate, std::string_view wanted);
bool is_for_any(const CertificateNames& certificate, const std::vector<std::string>& wanted);

// "DNS:a.example, URI:sip:example, IP:198.18.3.10", or "CN=..." in its place; "no name".
std::string text_of(const CertificateNames& certificate);

}  // namespace holdfast::tls
