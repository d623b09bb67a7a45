// SPDX-License-Identifier: Apache-2.0
// libsrtp as the judge of our engines.
#include "tests/media/srtp/oracle.hh"

#include <array>
#include <cstdlib>

#include "media/srtp/libsrtp_engine.hh"
#include "media/srtp/state.hh"

namespace holdfast::media {

SrtpOracle::SrtpOracle(const SdesKey& key, Role role) {
  if (!init_libsrtp()) std::abort();
  // Profiles: as DTLS-SRTP names them (RFC 5764); those of AES-256-CM have no name there.
  srtp_policy_t policy{};
  const SrtpSuiteTraits& traits = traits_of(key.master.suite());
  const bool short_tag = traits.rtp_tag_bytes == 4;
  if (traits.aead && traits.key_bytes == 16) {
    srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, srtp_profile_aead_aes_128_gcm);
    srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, srtp_profile_aead_aes_128_gcm);
  } else if (traits.aead) {
    srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, srtp_profile_aead_aes_256_gcm);
    srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, srtp_profile_aead_aes_256_gcm);
  } else if (traits.key_bytes == 16) {
    const auto profile =
        short_tag ? srtp_profile_aes128_cm_sha1_32 : srtp_profile_aes128_cm_sha1_80;
    srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile);
    srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile);
  } else {
    if (short_tag)
      srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&policy.rtp);
    else
      srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtp);
    srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtcp);
  }
  Bytes secret(key.master.bytes().begin(), key.master.bytes().end());
  std::array<uint8_t, kMaxMkiBytes> mki{};
  for (size_t i = 0; i < key.mki.bytes; ++i)
    mki[i] = static_cast<uint8_t>(key.mki.value >> (8 * (key.mki.bytes - 1U - i)));
  srtp_master_key_t master{secret.data(), mki.data(), key.mki.bytes};
  srtp_master_key_t* list = &master;
  use_mki_ = key.mki.bytes > 0 ? 1 : 0;
  if (use_mki_ != 0) {
    policy.keys = &list;
    policy.num_master_keys = 1;
  } else {
    policy.key = secret.data();
  }
  policy.ssrc.type = role == Role::sender ? ssrc_any_outbound : ssrc_any_inbound;
  policy.window_size = kSrtpWindowBits;
  if (srtp_create(&context_, &policy) != srtp_err_status_ok) std::abort();
}

Bytes SrtpOracle::protect(const Bytes& packet, bool rtcp) {
  Bytes bytes = packet;
  bytes.resize(packet.size() + SRTP_MAX_TRAILER_LEN + 4);
  int length = static_cast<int>(packet.size());
  status_ = rtcp ? srtp_protect_rtcp_mki(context_, bytes.data(), &length, use_mki_, 0)
                 : srtp_protect_mki(context_, bytes.data(), &length, use_mki_, 0);
  bytes.resize(status_ == srtp_err_status_ok ? static_cast<size_t>(length) : 0);
  return bytes;
}

Bytes SrtpOracle::unprotect(const Bytes& packet, bool rtcp) {
  Bytes bytes = packet;
  int length = static_cast<int>(packet.size());
  status_ = rtcp ? srtp_unprotect_rtcp_mki(context_, bytes.data(), &length, use_mki_)
                 : srtp_unprotect_mki(context_, bytes.data(), &length, use_mki_);
  bytes.resize(status_ == srtp_err_status_ok ? static_cast<size_t>(length) : 0);
  return bytes;
}

}  // namespace holdfast::media
