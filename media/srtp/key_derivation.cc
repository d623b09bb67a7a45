// SPDX-License-Identifier: Apache-2.0
// Session keys from a master key.
#include "media/srtp/key_derivation.hh"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <span>

namespace holdfast::media {
namespace {

// RFC 3711 section 4.3.1: labels of SRTP; those of SRTCP follow.
enum Label : uint8_t { label_cipher = 0, label_auth = 1, label_salt = 2 };
constexpr uint8_t kFirstSrtcpLabel = 3;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

// The key stream of AES-CM over the counter block (label, key id 0) XOR master salt, whose last 16
// bits count blocks. The salt of 96 bits is taken as if zeros stood behind it (RFC 7714).
bool derive(EVP_CIPHER_CTX* context, const SrtpMasterKey& master, uint8_t label,
            std::span<uint8_t> out) {
  std::array<uint8_t, 16> block{};
  std::copy(master.salt().begin(), master.salt().end(), block.begin());
  block[7] ^= label;
  std::fill(out.begin(), out.end(), uint8_t{0});
  const EVP_CIPHER* cipher = master.key().size() == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
  int written = 0;
  const auto size = static_cast<int>(out.size());
  return EVP_EncryptInit_ex(context, cipher, nullptr, master.key().data(), block.data()) == 1 &&
         EVP_EncryptUpdate(context, out.data(), &written, out.data(), size) == 1 && written == size;
}

}  // namespace

SrtpSessionKey::~SrtpSessionKey() {
  wipe(cipher);
  wipe(auth);
  wipe(salt);
}

bool derive_session_key(const SrtpMasterKey& master, SrtpKind kind, SrtpSessionKey& out) {
  const SrtpSuiteTraits& traits = traits_of(master.suite());
  const std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context(EVP_CIPHER_CTX_new());
  if (!context) return false;
  const uint8_t first = kind == SrtpKind::rtp ? 0 : kFirstSrtcpLabel;
  const auto label = [first](Label which) { return static_cast<uint8_t>(first + which); };
  return derive(context.get(), master, label(label_cipher),
                std::span(out.cipher).first(traits.key_bytes)) &&
         derive(context.get(), master, label(label_auth), out.auth) &&
         derive(context.get(), master, label(label_salt),
                std::span(out.salt).first(traits.salt_bytes));
}

}  // namespace holdfast::media
