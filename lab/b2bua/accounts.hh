// SPDX-License-Identifier: Apache-2.0
// Who may register at the B2BUA, and whether a request shows the password (RFC 2617 digest,
// qop=auth).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "lab/b2bua/sofia.hh"

namespace holdfast::lab {

class Accounts {
 public:
  // Lines of "user password ...". Empty on success, else the cause.
  std::string load(const std::string& path);

  bool has(const std::string& user) const { return passwords_.contains(user); }

  // Whether one of the credentials is that user's, for this method, with a nonce of ours that is
  // not older than kNonceLife_s. Parameters are those of Authorization or Proxy-Authorization.
  bool shows_password(const msg_auth_t* credentials, const std::string& user,
                      const std::string& realm, const char* method) const;

  // The value of WWW-Authenticate or Proxy-Authenticate.
  std::string challenge(const std::string& realm) const;

 private:
  static constexpr int64_t kNonceLife_s = 300;
  std::string nonce_of(int64_t time_s) const;
  bool is_our_nonce(const std::string& nonce) const;

  std::map<std::string, std::string> passwords_;
  std::string secret_ = make_secret();  // of this run: nonces of an earlier one are refused
  static std::string make_secret();
};

}  // namespace holdfast::lab
