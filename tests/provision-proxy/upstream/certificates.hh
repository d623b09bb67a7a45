// SPDX-License-Identifier: Apache-2.0
// Certificates for tests, made with OpenSSL when they are needed.
#pragma once

#include <memory>
#include <string>

#include "tests/provision-proxy/upstream/scripted_origin.hh"

namespace holdfast::provision {

struct CertificateWish {
  std::string common_name = "centre.lab.example";
  std::string alternative = "DNS:centre.lab.example";  // as OpenSSL writes it; empty: none
  long from_s = -3600, until_s = 3600;                 // from now
};

// A certificate authority; its files lie in the test's own temporary folder.
class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  const std::string& file() const { return file_; }
  TlsFiles issue(const std::string& name, const CertificateWish& wish = {}) const;

 private:
  struct Keys;
  std::unique_ptr<Keys> keys_;
  std::string file_;
};

}  // namespace holdfast::provision
