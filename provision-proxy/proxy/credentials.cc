// SPDX-License-Identifier: Apache-2.0
// Reads Authorization (RFC 9110 section 11).
#include "provision-proxy/proxy/credentials.hh"

#include <openssl/hmac.h>

#include <array>

#include "provision-proxy/http/list.hh"
#include "provision-proxy/http/text.hh"

namespace holdfast::provision {
namespace {

constexpr size_t kMarkBytes = 16;

std::string mark_of(std::string_view salt, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned size = 0;
  ::HMAC(EVP_sha256(), salt.data(), static_cast<int>(salt.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), sum.data(), &size);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string mark;
  for (size_t i = 0; i < kMarkBytes; ++i) {
    mark += kHex[sum[i] >> 4];
    mark += kHex[sum[i] & 15];
  }
  return mark;
}

// Realm and user of Digest parameters; what is missing counts as empty.
std::string digest_owner(std::string_view parameters) {
  std::string realm, user;
  ListReader list(parameters);
  while (const auto element = list.next()) {
    const auto parameter = split_directive(*element);
    if (same_word(parameter.name, "realm")) realm = parameter.argument;
    if (same_word(parameter.name, "username") || same_word(parameter.name, "username*"))
      user = parameter.argument;
  }
  return "digest\n" + realm + "\n" + user;
}

}  // namespace

Credentials credentials_of(const Fields& request, std::string_view salt) {
  if (!request.has("Authorization")) return {};
  const std::string text = request.combined("Authorization");
  const auto blank = text.find(' ');
  const std::string_view scheme = std::string_view(text).substr(0, blank);
  if (same_word(scheme, "Digest")) {
    const auto rest = blank == std::string::npos ? "" : std::string_view(text).substr(blank + 1);
    return {CredentialKind::digest, mark_of(salt, digest_owner(rest))};
  }
  const auto kind = same_word(scheme, "Basic") ? CredentialKind::basic : CredentialKind::other;
  return {kind, mark_of(salt, text)};
}

}  // namespace holdfast::provision
