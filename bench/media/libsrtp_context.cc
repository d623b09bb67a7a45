// SPDX-License-Identifier: Apache-2.0
// Policies by suite.
#include "bench/media/libsrtp_context.hh"

#include <stdexcept>
#include <vector>

#include "media/srtp/libsrtp_engine.hh"
#include "media/srtp/state.hh"

namespace holdfast::bench {

using media::SrtpSuite;

LibsrtpContext make_libsrtp_context(const media::SdesKey& key, bool sender) {
  std::vector<uint8_t> bytes(key.master.bytes().begin(), key.master.bytes().end());
  srtp_policy_t policy{};
  switch (key.master.suite()) {
    case SrtpSuite::aes_cm_128_hmac_sha1_80:
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
      break;
    case SrtpSuite::aes_cm_128_hmac_sha1_32:
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
      break;
    case SrtpSuite::aes_256_cm_hmac_sha1_80:
      srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtp);
      break;
    case SrtpSuite::aes_256_cm_hmac_sha1_32:
      srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&policy.rtp);
      break;
    case SrtpSuite::aead_aes_128_gcm:
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
      break;
    case SrtpSuite::aead_aes_256_gcm:
      srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
      break;
  }
  policy.rtcp = policy.rtp;
  policy.key = bytes.data();
  policy.ssrc.type = sender ? ssrc_any_outbound : ssrc_any_inbound;
  policy.window_size = media::kSrtpWindowBits;
  srtp_t made = nullptr;
  if (!media::init_libsrtp() || srtp_create(&made, &policy) != srtp_err_status_ok)
    throw std::runtime_error("libsrtp makes no context");
  return LibsrtpContext(made);
}

}  // namespace holdfast::bench
