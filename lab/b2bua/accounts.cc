// SPDX-License-Identifier: Apache-2.0
// Reads accounts, makes and checks digests. A nonce is its time and a hash of that with our secret.
#include "lab/b2bua/accounts.hh"

#include <sofia-sip/su_md5.h>
#include <time.h>

#include <charconv>
#include <fstream>
#include <random>
#include <sstream>

namespace holdfast::lab {

namespace {

std::string unquoted(const char* text) {
  if (text == nullptr) return {};
  std::string out = text;
  if (out.size() >= 2 && out.front() == '"' && out.back() == '"')
    out = out.substr(1, out.size() - 2);
  return out;
}

}  // namespace

std::string Accounts::make_secret() {
  std::random_device random;
  return std::to_string(random()) + std::to_string(random());
}

std::string Accounts::load(const std::string& path) {
  std::ifstream file(path);
  if (!file) return path + " cannot be read";
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string user;
    std::string password;
    if (!(words >> user) || user.starts_with("#")) continue;
    if (!(words >> password)) return path + " has a user without a password";
    passwords_[user] = password;
  }
  return passwords_.empty() ? path + " has no account" : "";
}

std::string Accounts::nonce_of(int64_t time_s) const {
  const std::string time = std::to_string(time_s);
  su_md5_t md5;
  char digest[SU_MD5_DIGEST_SIZE * 2 + 1];
  su_md5_init(&md5);
  su_md5_strupdate(&md5, time.c_str());
  su_md5_strupdate(&md5, secret_.c_str());
  su_md5_hexdigest(&md5, digest);
  su_md5_deinit(&md5);
  return time + "-" + digest;
}

bool Accounts::is_our_nonce(const std::string& nonce) const {
  int64_t made_s = 0;
  const size_t dash = nonce.find('-');
  if (dash == std::string::npos) return false;
  const auto parsed = std::from_chars(nonce.data(), nonce.data() + dash, made_s);
  const int64_t age_s = ::time(nullptr) - made_s;
  return parsed.ec == std::errc() && nonce == nonce_of(made_s) && age_s >= 0 &&
         age_s < kNonceLife_s;
}

bool Accounts::shows_password(const msg_auth_t* credentials, const std::string& user,
                              const std::string& realm, const char* method) const {
  const auto account = passwords_.find(user);
  if (account == passwords_.end()) return false;
  for (; credentials != nullptr; credentials = credentials->au_next) {
    su_home_t home[1] = {SU_HOME_INIT(home)};
    auth_response_t response{};
    response.ar_size = sizeof response;
    const bool parsed = auth_digest_response_get(home, &response, credentials->au_params) > 0 &&
                        response.ar_response != nullptr && response.ar_uri != nullptr;
    bool good = parsed && unquoted(response.ar_username) == user &&
                unquoted(response.ar_realm) == realm && is_our_nonce(unquoted(response.ar_nonce));
    if (good) {
      auth_hexmd5_t ha1;
      auth_hexmd5_t expected;
      auth_digest_ha1(ha1, user.c_str(), realm.c_str(), account->second.c_str());
      auth_digest_response(&response, expected, ha1, method, nullptr, 0);
      good = unquoted(response.ar_response) == expected;
    }
    su_home_deinit(home);
    if (good) return true;
  }
  return false;
}

std::string Accounts::challenge(const std::string& realm) const {
  return "Digest realm=\"" + realm + "\", nonce=\"" + nonce_of(::time(nullptr)) +
         "\", algorithm=MD5, qop=\"auth\"";
}

}  // namespace holdfast::lab
