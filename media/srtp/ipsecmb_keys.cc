// SPDX-License-Identifier: Apache-2.0
// Key slots in the form of libipsec-mb.
#include "media/srtp/ipsecmb_keys.hh"

#include <algorithm>
#include <array>

namespace holdfast::media {
namespace {

static_assert(sizeof(gcm_key_data) <= sizeof(SrtpKeySlot::bytes));
static_assert(alignof(gcm_key_data) <= kSrtpKeyAlign);
static_assert(SrtpKeySlot::kOuterOffset + kSrtpAuthKeyBytes <= sizeof(SrtpKeySlot::bytes));

void expand(IMB_MGR& mgr, SrtpSuite suite, const uint8_t* key, SrtpKeySlot& slot) {
  const SrtpSuiteTraits& traits = traits_of(suite);
  uint8_t* const bytes = slot.bytes.data();
  if (traits.aead) {
    auto* const data = reinterpret_cast<gcm_key_data*>(bytes);
    if (traits.key_bytes == 16)
      IMB_AES128_GCM_PRE(&mgr, key, data);
    else
      IMB_AES256_GCM_PRE(&mgr, key, data);
    return;
  }
  alignas(16) std::array<uint8_t, 240> unused{};  // the schedule to decrypt: counter mode has none
  if (traits.key_bytes == 16)
    IMB_AES_KEYEXP_128(&mgr, key, bytes, unused.data());
  else
    IMB_AES_KEYEXP_256(&mgr, key, bytes, unused.data());
  wipe(unused);
}

// What SHA-1 is after the block of the key XOR `pad` (RFC 2104 section 4).
void hmac_half(IMB_MGR& mgr, const SrtpSessionKey& key, uint8_t pad, uint8_t* out) {
  std::array<uint8_t, IMB_SHA1_BLOCK_SIZE> block{};
  std::copy(key.auth.begin(), key.auth.end(), block.begin());
  for (uint8_t& byte : block) byte ^= pad;
  IMB_SHA1_ONE_BLOCK(&mgr, block.data(), out);
  wipe(block);
}

}  // namespace

void fill_slot(IMB_MGR& mgr, SrtpSuite suite, const SrtpSessionKey& key, SrtpKeySlot& slot) {
  expand(mgr, suite, key.cipher.data(), slot);
  std::copy(key.salt.begin(), key.salt.end(), slot.salt.begin());
  if (traits_of(suite).aead) return;
  hmac_half(mgr, key, 0x36, slot.bytes.data() + SrtpKeySlot::kInnerOffset);
  hmac_half(mgr, key, 0x5c, slot.bytes.data() + SrtpKeySlot::kOuterOffset);
}

void refill_slot(IMB_MGR& mgr, SrtpSuite suite, SrtpKeySlot& slot) {
  std::array<uint8_t, kMaxSrtpKeyBytes> key{};
  std::copy_n(slot.bytes.begin(), key.size(), key.begin());
  expand(mgr, suite, key.data(), slot);
  wipe(key);
}

}  // namespace holdfast::media
