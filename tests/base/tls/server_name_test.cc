// SPDX-License-Identifier: Apache-2.0
// Names of certificates against the name that was wanted: RFC 5922 section 7.1, RFC 6125
// section 6.4.
#include "base/tls/server_name.hh"

#include <gtest/gtest.h>

namespace holdfast::tls {
namespace {

struct Row {
  const char* name;
  CertificateNames certificate;
  const char* wanted;
  bool fits;
};

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

TEST(ServerName, ByTable) {
  const Row rows[] = {
      {"a DNS name", {{"centre.example"}, {}, {}, ""}, "centre.example", true},
      {"without case", {{"Centre.EXAMPLE"}, {}, {}, ""}, "centre.Example", true},
      {"a dot at the end is the root", {{"centre.example."}, {}, {}, ""}, "centre.example", true},
      {"another", {{"centre.example"}, {}, {}, ""}, "other.example", false},
      {"the second of two", {{"a.example", "b.example"}, {}, {}, ""}, "b.example", true},
      {"a part of it", {{"centre.example"}, {}, {}, ""}, "example", false},
      {"a name that ends like it", {{"centre.example"}, {}, {}, ""}, "xcentre.example", false},
      {"one behind it", {{"centre.example"}, {}, {}, ""}, "centre.example.org", false},
      {"nothing wanted", {{"centre.example"}, {}, {}, ""}, "", false},
      {"nothing there", {{}, {}, {}, ""}, "centre.example", false},
      // RFC 6125 6.4.3
      {"a wildcard is one label", {{"*.centre.example"}, {}, {}, ""}, "a.centre.example", true},
      {"not two", {{"*.centre.example"}, {}, {}, ""}, "b.a.centre.example", false},
      {"not none", {{"*.centre.example"}, {}, {}, ""}, "centre.example", false},
      {"not an empty one", {{"*.centre.example"}, {}, {}, ""}, ".centre.example", false},
      {"not a part of a label", {{"a*.centre.example"}, {}, {}, ""}, "ab.centre.example", false},
      {"not in the middle", {{"a.*.example"}, {}, {}, ""}, "a.b.example", false},
      {"not twice", {{"*.*.example"}, {}, {}, ""}, "a.b.example", false},
      {"not a whole top level", {{"*.example"}, {}, {}, ""}, "centre.example", false},
      {"not everything", {{"*"}, {}, {}, ""}, "centre.example", false},
      {"a wildcard is no address", {{"*.3.10"}, {}, {}, ""}, "198.18.3.10", false},
      // RFC 5922 7.1
      {"a SIP URI", {{}, {"sip:centre.example"}, {}, ""}, "centre.example", true},
      {"a SIPS URI", {{}, {"SIPS:Centre.example"}, {}, ""}, "centre.example", true},
      {"a URI beside another DNS name",
       {{"host7.example"}, {"sip:centre.example"}, {}, ""},
       "centre.example",
       true},
      {"a URI of a person", {{}, {"sip:alice@centre.example"}, {}, ""}, "centre.example", false},
      {"a URI with a port", {{}, {"sip:centre.example:5061"}, {}, ""}, "centre.example", false},
      {"a URI of another scheme", {{}, {"https:centre.example"}, {}, ""}, "centre.example", false},
      {"no wildcard in a URI", {{}, {"sip:*.example.org"}, {}, ""}, "a.example.org", false},
      // addresses
      {"an address", {{}, {}, {ip("198.18.3.10")}, ""}, "198.18.3.10", true},
      {"an address of version 6", {{}, {}, {ip("2001:db8::1")}, ""}, "2001:DB8:0::1", true},
      {"another address", {{}, {}, {ip("198.18.3.11")}, ""}, "198.18.3.10", false},
      {"an address as a DNS name", {{"198.18.3.10"}, {}, {}, ""}, "198.18.3.10", false},
      {"an address as a common name", {{}, {}, {}, "198.18.3.10"}, "198.18.3.10", false},
      // the common name
      {"alone", {{}, {}, {}, "centre.example"}, "centre.example", true},
      {"beside a DNS name", {{"a.example"}, {}, {}, "centre.example"}, "centre.example", false},
      {"beside an address",
       {{}, {}, {ip("198.18.3.10")}, "centre.example"},
       "centre.example",
       false},
      {"beside a name that cannot be read",
       {{""}, {}, {}, "centre.example"},
       "centre.example",
       false},
      {"no wildcard in it", {{}, {}, {}, "*.centre.example"}, "a.centre.example", false},
  };
  for (const Row& row : rows)
    EXPECT_EQ(is_for(row.certificate, row.wanted), row.fits) << row.name << ": " << row.wanted;
}

TEST(ServerName, AnyOfSeveral) {
  const CertificateNames certificate{{"centre.example"}, {}, {}, ""};
  EXPECT_TRUE(is_for_any(certificate, {"198.18.3.10", "centre.example"}));
  EXPECT_FALSE(is_for_any(certificate, {"198.18.3.10", "a.centre.example"}));
  EXPECT_FALSE(is_for_any(certificate, {}));
}

TEST(ServerName, Text) {
  EXPECT_EQ(text_of({{"a.example"}, {"sip:b.example"}, {ip("::1")}, "c"}),
            "DNS:a.example, URI:sip:b.example, IP:::1");
  EXPECT_EQ(text_of({{}, {}, {}, "c"}), "CN=c");
  EXPECT_EQ(text_of({}), "no name");
}

}  // namespace
}  // namespace holdfast::tls
