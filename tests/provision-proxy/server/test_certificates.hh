// SPDX-License-Identifier: Apache-2.0
// Certificates for tests, made on the spot in a folder that goes with the test.
#pragma once

#include <string>
#include <vector>

namespace holdfast::provision::test {

struct CertificateWish {
  std::string common_name = "localhost";
  std::vector<std::string> alternative_names;  // "DNS:a", "URI:b"
  long valid_from_s = -3600;                   // from now
  long valid_to_s = 86400;
  bool authority = false;
  bool for_servers_only = false;  // by its extended key usage
};

class TestCertificates {
 public:
  TestCertificates();
  ~TestCertificates();
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  // Writes NAME.pem and NAME.key; signed by `issuer`, or by itself when that is empty.
  void make(const std::string& name, const std::string& issuer, const CertificateWish& wish = {});
  std::string certificate(const std::string& name) const { return folder_ + "/" + name + ".pem"; }
  std::string key(const std::string& name) const { return folder_ + "/" + name + ".key"; }
  std::string file(const std::string& name, const std::string& text);
  // Takes the place of another.
  void rename(const std::string& from, const std::string& to);

 private:
  std::string folder_;
};

}  // namespace holdfast::provision::test
