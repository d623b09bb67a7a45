// SPDX-License-Identifier: Apache-2.0
// Wraps OpenSSL's digest interface.
#include "provision-proxy/store/sha256.hh"

#include <openssl/evp.h>

namespace holdfast::provision {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  good_ = context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1;
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(context_);
}

void Sha256::add(std::span<const char> bytes) {
  good_ = good_ && EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1;
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  good_ = good_ && EVP_DigestFinal_ex(context_, digest, &size) == 1;
  std::string text;
  if (!good_) return text;
  good_ = false;
  constexpr char kDigits[] = "0123456789abcdef";
  for (unsigned i = 0; i < size; ++i) {
    text.push_back(kDigits[digest[i] >> 4]);
    text.push_back(kDigits[digest[i] & 15]);
  }
  return text;
}

bool is_hash(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace holdfast::provision
