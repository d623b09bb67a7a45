// SPDX-License-Identifier: Apache-2.0
// HMAC-SHA256 by libcrypto, and hex.
#include "sip/digest.hh"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace holdfast::sip {

std::optional<Digest> keyed_digest(const Key& key, std::initializer_list<std::string_view> fields) {
  std::string input;
  for (const std::string_view field : fields) {
    input += std::to_string(field.size());
    input += ':';
    input += field;
  }
  Digest digest;
  unsigned size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(input.data());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, input.size(),
           digest.data(), &size) == nullptr ||
      size != digest.size())
    return std::nullopt;
  return digest;
}

bool equal_constant_time(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_hex(std::span<const uint8_t> bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

bool from_hex(std::string_view text, std::span<uint8_t> out) {
  if (text.size() != 2 * out.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return false;
    out[i / 2] = static_cast<uint8_t>(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
  }
  return true;
}

}  // namespace holdfast::sip
